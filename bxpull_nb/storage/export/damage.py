"""What a spreadsheet does to events that it saves as CSV: found, and refused or reported."""

import json
import logging
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.errors import FileFormatError
from bxpull_nb.masking import quoted, shown_path
from bxpull_nb.models import EVENT_COLUMNS

__all__ = ["REMEDY", "check_damage"]

_log = logging.getLogger(__name__)

REMEDY = "Read the file it was made from, or write one with to_csv(..., excel=True)."

_NUMBERS = (  # a message id as a number: rounded, with decimals, in groups of three, too wide
    r"^[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]+$|^[0-9]+[.,]0+$|"
    "^[0-9]{1,3}(?:[ ,.'\u00a0\u202f][0-9]{3})+$|^#+$"
)
_ZEROS = r"^[0-9]{15}0{11}$"  # a spreadsheet keeps 15 digits of a number
_CUT = 32_767  # characters that a cell of Excel takes
_SAMPLE = 10_000  # rows that show whether the letters of a file are right


def check_damage(table: pa.Table, source: Path) -> None:
    """Raise FileFormatError for values that a spreadsheet has ruined; warn where it may have."""
    _check_mids(table["mid"].combine_chunks(), source)
    _check_lengths(table["params"].combine_chunks(), source)
    _check_letters(table.slice(0, _SAMPLE), source)


def _check_mids(mids: pa.Array, source: Path) -> None:
    """Look for ids that became numbers."""
    found = pc.index(pc.match_substring_regex(mids, _NUMBERS), True).as_py()
    if found >= 0:
        raise FileFormatError(
            f"{shown_path(source)} cannot be read: in row {found + 2} the column mid holds "
            f"{quoted(mids[found].as_py())}: a spreadsheet took the message id for a number and "
            f"rounded it. {REMEDY}"
        )
    zeros = pc.sum(pc.match_substring_regex(mids, _ZEROS)).as_py() or 0
    if zeros > 1 and zeros == len(mids) - mids.null_count:
        _log.warning(
            "%s: every mid ends in 11 zeros, as when a spreadsheet has rounded them: duplicates "
            "cannot be recognised by them",
            shown_path(source),
        )


def _check_lengths(params: pa.Array, source: Path) -> None:
    """Look for params that were cut to the length of a cell, and are no JSON any more."""
    for place in pc.indices_nonzero(pc.equal(pc.utf8_length(params), _CUT)).to_pylist():
        if not _is_json(params[place].as_py()):
            raise FileFormatError(
                f"{shown_path(source)} cannot be read: in row {place + 2} the column params was "
                f"cut to {_CUT:,} characters, which is all that a cell of Excel takes. {REMEDY}"
            )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _check_letters(table: pa.Table, source: Path) -> None:
    """Look for Cyrillic letters of UTF-8 that were read as those of Windows."""
    wrong = "|".join(_misread(encoding) for encoding in ("cp1251", "cp1252"))
    names = [name for name, kind in EVENT_COLUMNS.items() if kind in ("str", "category")]
    for name in names:
        found = pc.index(pc.match_substring_regex(table[name], wrong), True).as_py()
        if found >= 0:
            _log.warning(
                "%s: in row %d the column %s holds letters such as %s, as when a spreadsheet has "
                "taken UTF-8 for another encoding. %s",
                shown_path(source),
                found + 2,
                name,
                "Сделка".encode().decode("cp1251"),
                REMEDY,
            )
            return


def _misread(encoding: str) -> str:
    """Return the pattern of three Cyrillic letters of UTF-8, decoded with this encoding."""
    first = b"\xd0\xd1".decode(encoding)
    second = bytes(range(0x80, 0xC0)).decode(encoding, errors="ignore").replace("\\", "")
    return f"(?:[{first}][{second}]){{3}}"
