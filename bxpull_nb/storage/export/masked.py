"""Mask the secrets in the rows of service messages and of unreadable ones.

The push system's own messages name channels, whose ids are subscription secrets; an unreadable
message may be a part of one. Events of applications are never changed: text of 32 hex digits is
a file's checksum there.
"""

import json
import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.masking import is_secret_name, mask, mask_text
from bxpull_nb.models import EVENT_COLUMNS
from bxpull_nb.storage.export.columns import is_text

__all__ = ["masked", "masked_json"]

_SERVICE_MODULE = "pull"
_KEPT = set(EVENT_COLUMNS) - {"params", "error"}  # names and ids that no access needs
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)("?)(\s*:)?', re.DOTALL)  # the last may be cut off
_BRACKET = re.compile(r"[\[\]{}]")
_NUMBER = re.compile(r"([\s\[]*)(-?\d{9,}[\d.eE+-]*)(?=[\s,\]}]|$)")
_ID_KEYS = {"channel", "id", "newchannel", "publicid"}
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
    keys = _keys_of_rows(table, rows)
    for at in places:
        field = table.schema.field(at)
        of_rows = keys or [_key_of(field.name)] * len(rows)
        table = table.set_column(at, field, _changed(table[at], rows, field.name, of_rows))
    return table


def masked_json(text: str, key: str = "", around: Sequence[str] = ()) -> str:
    """Return JSON text with its secrets masked, by their keys' names and by their look.

    `key` is that of the whole value, `around` are the keys above it. All other characters stay as
    they are. Broken JSON is masked as far as its strings go.
    """
    place, end, pieces = _Place(key, around), 0, []
    for found in _STRING.finditer(text):
        pieces += [place.between(text[end : found.start()]), place.string(found)]
        end = found.end()
    return "".join([*pieces, place.between(text[end:])])


class _Place:
    """A place in JSON: the key of the value there, and the keys of what it is in."""

    def __init__(self, key: str, around: Sequence[str]) -> None:
        self._key = key
        self._around = list(around)

    def between(self, text: str) -> str:
        """Return the text between two strings, masked; a number may be a secret too."""
        number = _NUMBER.match(text) if is_secret_name(self._key) else None
        start = number.end() if number else 0
        shown = f'{number[1]}"{mask(number[2])}"' if number else ""
        for bracket in _BRACKET.findall(text):
            self._follow(bracket)
        return shown + mask_text(text[start:])

    def string(self, found: re.Match[str]) -> str:
        """Return a string, masked; also one that is cut off."""
        value = _unescaped(found[1])
        if found[3]:
            self._key = value
        hidden = mask_text(value) if found[3] else _masked_value(value, self._key, self._around)
        changed = json.dumps(hidden, ensure_ascii=False)
        changed = changed if found[2] else changed[:-1]
        return found[0] if hidden == value else changed + (found[3] or "")

    def _follow(self, bracket: str) -> None:
        if bracket in "]}":
            self._key = self._around.pop() if self._around else ""
            return
        self._around.append(self._key)
        self._key = self._key if bracket == "[" else ""


def _may_hold(name: str, *, any_text: bool) -> bool:
    """Whether the column of this name may hold an event's content."""
    is_content = name in ("params", "error") or name.startswith("params.")
    return (is_content or any_text) and name not in _KEPT


def _service_rows(table: pa.Table) -> pa.ChunkedArray:
    if "module_id" not in table.column_names:
        return pa.chunked_array([pa.array([True] * table.num_rows, pa.bool_())])
    names = pc.cast(table["module_id"], pa.large_string())
    rows = pc.fill_null(pc.equal(pc.utf8_lower(names), _SERVICE_MODULE), True)
    if "error" in table.column_names:
        rows = pc.or_(rows, pc.is_valid(table["error"]))
    return rows


def _keys_of_rows(table: pa.Table, rows: pa.ChunkedArray) -> list[str] | None:
    """Return the keys that these rows of a schema are about; None for another table."""
    if "path" not in table.column_names or not is_text(table.schema.field("path").type):
        return None
    paths = pc.cast(table["path"], pa.large_string()).filter(rows)
    return [path or "" for path in paths.to_pylist()]


def _changed(
    column: pa.ChunkedArray, rows: pa.ChunkedArray, name: str, keys: Sequence[str]
) -> pa.ChunkedArray:
    """Return the column with the texts of these rows masked; of the same type."""
    texts = pc.cast(column, pa.large_string())
    mask_one = _masked_params if name == "params" else _masked_cell
    of_rows = zip(texts.filter(rows).to_pylist(), keys, strict=False)
    hidden = [text if text is None else mask_one(text, key) for text, key in of_rows]
    whole = pc.replace_with_mask(
        texts.combine_chunks(), rows.combine_chunks(), pa.array(hidden, pa.large_string())
    )
    return pa.chunked_array([pc.cast(whole, column.type)])


def _key_of(name: str) -> str:
    """Return the path that a column is named after, without a prefix such as `p_`."""
    first, dot, others = name.partition(".")
    return f"{first if is_secret_name(first) else first.partition('_')[2]}{dot}{others}"


def _masked_params(text: str, _: str) -> str:
    return masked_json(text)


def _masked_cell(text: str, path: str) -> str:
    """Return a cell, whose value was at that path, masked."""
    *around, key = path.replace("[]", "").split(".")
    if text[:1] in "[{":
        return masked_json(text, key, around)
    return _masked_value(text, key, around)


def _masked_value(value: str, key: str, around: Sequence[str] = ()) -> str:
    """Return the value, masked if its key, or one of those around it, is of a secret."""
    is_id = key.lower().replace("_", "") in _ID_KEYS or any(map(is_secret_name, around))
    if is_secret_name(key) or (is_id and len(value) >= _LEAST_ID):
        return mask(value) if value else value
    return mask_text(masked_json(value) if '"' in value else value)


def _unescaped(text: str) -> str:
    try:
        value: str = json.loads(f'"{text}"', strict=False)
    except ValueError:
        return text
    return value
