"""Make texts harmless for spreadsheets, reversibly: a `'` before whatever they would compute.

A reader may split a cell at another separator than the file's, or at a line break, so every
place where a cell could begin is guarded. A text that begins with quotes and a formula gets one
quote more; so removing one where a guarded text can be gives back the text.
"""

from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["EXACT", "SEPARATORS", "Guard"]

SEPARATORS = (",", ";", "\t")
"""The separators of cells that spreadsheets know."""

EXACT = 10**15 - 1
"""The largest whole number that Excel shows with all its digits."""

_SIGNS = "=+\\-@＝＋－＠"  # noqa: RUF001 - full-width ones are computed too
_BLANKS = (  # white space, control characters, and those without a width
    "\\x00-\\x08\\x0b\\x0c\\x0e-\\x20\\x7f-\\xa0\xad\u1680\u2000-\u200f\u2028-\u202f"
    "\u205f-\u2064\u3000\ufeff"
)
_BREAKS = "\t\r\n"
_FORMULA = f"[{_BLANKS}]*[{_SIGNS}]"
_NUMBERS = (  # of texts that a spreadsheet turns into numbers, dates or truth values
    f"[{_BLANKS}(]*[$€£¥₽]?[{_BLANKS}]*[.,]?[0-9０-９]|#[A-Z0-9/!?]+$|(?i:true|false|истина|ложь)$|"  # noqa: RUF001
    "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|янв|фев|мар|апр|мая|май|июн|июл|авг|сен|"
    "окт|ноя|дек)[^0-9]{0,8}[0-9]"
)
_STARTS = b"=+-@'\t\r\n\x7f" + bytes(range(0x21)) + b"\xc2\xe1\xe2\xe3\xef"
"""First bytes of texts that may need a quote; those of other texts need no closer look."""
_NUMBER_STARTS = b"0123456789.,($#tTfFjJmMaAsSoOnNdD\xd0\xd1"


class Guard(NamedTuple):
    """The guard of a file with this separator."""

    sep: str = ","
    numbers: bool = False
    """Whether texts that look like numbers are guarded too, so that ids survive."""

    def protect(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return a text column with quotes put in."""
        return self._replaced(column, rf"^('*(?:{self._begin}))", r"'\1", self._middle, r"\1'\2")

    def restore(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return the column that `protect` was given."""
        inner = self._middle.replace(")(", ")'(", 1)
        return self._replaced(column, rf"^'('*(?:{self._begin}))", r"\1", inner, r"\1\2")

    def protect_names(self, names: list[str]) -> list[str]:
        """Return the names of columns with quotes put in."""
        guarded: list[str] = self.protect(pa.chunked_array([names], pa.large_string())).to_pylist()
        return guarded

    @property
    def _begin(self) -> str:
        """The start of a cell, after quotes."""
        return f"{_FORMULA}|[{_BREAKS}]" + (f"|{_NUMBERS}" if self.numbers else "")

    @property
    def _middle(self) -> str:
        """A place within a cell where a reader with another separator sees a cell begin.

        Quotation marks there are doubled in the file, so such a reader takes them for none.
        """
        return f"([{self._others}{_BREAKS}])(['\"]*{_FORMULA})"

    @property
    def _others(self) -> str:
        return ";" if self.sep == "," else ",;"  # the comma of JSON is safe in quotes

    def _replaced(
        self, column: pa.ChunkedArray, begin: str, by: str, inner: str, inner_by: str
    ) -> pa.ChunkedArray:
        """Replace both patterns, if a cheap test finds them likely."""
        if self._may_begin(column):
            column = pc.replace_substring_regex(column, pattern=begin, replacement=by)
        if self._may_split(column):
            column = pc.replace_substring_regex(column, pattern=inner, replacement=inner_by)
        return column

    def _may_begin(self, column: pa.ChunkedArray) -> bool:
        first = pc.binary_slice(pc.cast(column, pa.large_binary()), 0, 1)
        starts = _STARTS + (_NUMBER_STARTS if self.numbers else b"")
        known = pa.array([bytes([start]) for start in set(starts)], pa.large_binary())
        return bool(pc.any(pc.is_in(first, value_set=known)).as_py())

    def _may_split(self, column: pa.ChunkedArray) -> bool:
        content = b"\0".join(map(_content, column.chunks))
        return any(sep.encode() in content for sep in self._others + _BREAKS)


def _content(texts: pa.Array) -> bytes:
    """Return the texts joined, from Arrow's own buffer."""
    if not len(texts) or texts.buffers()[2] is None:
        return b""
    large = pa.types.is_large_string(texts.type)
    ends = memoryview(texts.buffers()[1]).cast("q" if large else "i")
    first, last = ends[texts.offset], ends[texts.offset + len(texts)]
    return bytes(memoryview(texts.buffers()[2])[first:last])
