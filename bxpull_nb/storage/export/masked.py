"""Mask the secrets in the rows of service messages and of unreadable ones.

The push system's own messages name channels, whose ids are subscription secrets; an unreadable
message may be a part of one. Events of applications are never changed: text of 32 hex digits is
a file's checksum there.
"""

import json
import re
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.masking import mask, mask_text
from bxpull_nb.models import EVENT_COLUMNS
from bxpull_nb.storage.export.columns import is_text

__all__ = ["masked", "masked_json"]

_SERVICE_MODULE = "pull"
_KEPT = set(EVENT_COLUMNS) - {"params", "error"}  # names and ids that no access needs
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)("?)(\s*:)?', re.DOTALL)  # the last may be cut off
_SECRET_KEYS = {
    *("access_token", "application_token", "auth", "auth_id", "authorization", "channel_id"),
    *("client_secret", "jwt", "password", "refresh_id", "refresh_token", "secret", "sessid"),
    *("signature", "token", "webhook"),
}
_ID_KEYS = {"channel", "id", "new_channel", "public_id"}
_LEAST_ID = 16  # characters; a shorter id is a number of the portal


def masked(table: pa.Table) -> pa.Table:
    """Return the table with secrets masked in every text of a service message's row.

    Without the column `module_id` every row may be one.
    """
    columns = table.column_names
    any_text = "module_id" in columns
    places = [at for at, name in enumerate(columns) if _may_hold(name, any_text=any_text)]
    places = [at for at in places if is_text(table.schema.field(at).type)]
    rows = _service_rows(table) if places else None
    if rows is None or not pc.any(rows).as_py():
        return table
    for at in places:
        field = table.schema.field(at)
        table = table.set_column(at, field, _changed(table[at], rows, field.name))
    return table


def masked_json(text: str) -> str:
    """Return JSON text with its secrets masked: by the name of the key, and by their look.

    All other characters stay as they are. Broken JSON is masked as far as its strings go.
    """
    key, end, pieces = "", 0, []
    for found in _STRING.finditer(text):
        pieces.append(mask_text(text[end : found.start()]))
        end = found.end()
        value = _unescaped(found[1])
        hidden = value if found[3] else _masked_value(value, key)
        key = value if found[3] else key
        changed = json.dumps(hidden, ensure_ascii=False)
        pieces.append(found[0] if hidden == value else changed if found[2] else changed[:-1])
    return "".join([*pieces, mask_text(text[end:])])


def _may_hold(name: str, *, any_text: bool) -> bool:
    """Whether the column of this name may hold an event's content."""
    is_content = name in ("params", "error") or name.startswith("params.")
    return (is_content or any_text) and name not in _KEPT


def _service_rows(table: pa.Table) -> pa.ChunkedArray:
    if "module_id" not in table.column_names:
        return pa.chunked_array([pa.array([True] * table.num_rows, pa.bool_())])
    names = pc.cast(table["module_id"], pa.large_string())
    rows = pc.fill_null(pc.equal(pc.utf8_lower(names), _SERVICE_MODULE), False)
    if "error" in table.column_names:
        rows = pc.or_(rows, pc.is_valid(table["error"]))
    return rows


def _changed(column: pa.ChunkedArray, rows: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return the column with the texts of these rows masked; of the same type."""
    key = name.rpartition(".")[2]
    texts = pc.cast(column, pa.large_string())
    mask_one: Callable[[str], str] = masked_json if name == "params" else _of_cell(key)
    hidden = [text if text is None else mask_one(text) for text in texts.filter(rows).to_pylist()]
    whole = pc.replace_with_mask(
        texts.combine_chunks(), rows.combine_chunks(), pa.array(hidden, pa.large_string())
    )
    return pa.chunked_array([pc.cast(whole, column.type)])


def _of_cell(key: str) -> Callable[[str], str]:
    """Return the masking of one cell of a column that is named after this key."""
    return lambda text: masked_json(text) if text[:1] in "[{" else _masked_value(text, key)


def _masked_value(value: str, key: str) -> str:
    key = key.lower()
    if key in _SECRET_KEYS or (key in _ID_KEYS and len(value) >= _LEAST_ID):
        return mask(value) if value else value
    return masked_json(value) if '"' in value else mask_text(value)


def _unescaped(text: str) -> str:
    try:
        value: str = json.loads(f'"{text}"', strict=False)
    except ValueError:
        return text
    return value
