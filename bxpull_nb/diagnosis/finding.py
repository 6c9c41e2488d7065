"""The findings of the doctor, as values, text, HTML and a DataFrame."""

import textwrap
from collections.abc import Iterator, Sequence
from html import escape
from statistics import median
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Diagnosis", "Finding"]

_SIGNS = {"ok": "✓", "warning": "!", "failed": "✗", "not tried": "\N{EN DASH}"}
_COLOURS = {
    "ok": "var(--jp-success-color0,#1b7a36)",
    "warning": "var(--jp-warn-color0,#b25f00)",
    "failed": "var(--jp-error-color0,#b3261e)",
    "not tried": "var(--jp-ui-font-color2,#616161)",
}
_NAMES = 14  # characters of the longest name of a check
_WIDTH = 100
_DTYPES = {
    "check": "str",
    "ok": "boolean",
    "state": "str",
    "said": "str",
    "next_step": "str",
    "milliseconds": "float64",
    "echoes": "int64",
    "median_ms": "float64",
    "worst_ms": "float64",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check; it holds no secret."""

    check: str
    """The name of the check, in two or three words."""
    ok: bool | None
    """Whether the check is ok; None when it could not be tried."""
    said: str
    """The result in words, or why the check was not tried."""
    next_step: str = ""
    """The advice, in one sentence; with `ok` it makes the finding a warning."""
    milliseconds: float = 0.0
    """The duration of the check."""
    echoes: tuple[float, ...] = ()
    """Milliseconds there and back of each test event, for the checks of the transports."""

    @property
    def state(self) -> str:
        """`ok`, `warning`, `failed` or `not tried`."""
        if self.ok is None:
            return "not tried"
        if not self.ok:
            return "failed"
        return "warning" if self.next_step else "ok"

    @property
    def sign(self) -> str:
        """One character for the state, always shown with the word."""
        return _SIGNS[self.state]

    @property
    def text(self) -> str:
        """Lines for a terminal; the first has sign, state and check."""
        took = f"{self.milliseconds:,.0f} ms"
        start = f"{self.sign} {self.state:<9}  {self.check:<{_NAMES}} {took:>9}  "
        lines = _wrapped(self.said, len(start))
        if self.next_step:
            lines += _wrapped(f"→ {self.next_step}", len(start))
        return start + "\n".join(lines).lstrip()

    def to_record(self) -> dict[str, Any]:
        """Return one flat dict; `median_ms` and `worst_ms` are None without echoes."""
        echoes = self.echoes
        return {
            "check": self.check,
            "ok": self.ok,
            "state": self.state,
            "said": self.said,
            "next_step": self.next_step,
            "milliseconds": self.milliseconds,
            "echoes": len(echoes),
            "median_ms": median(echoes) if echoes else None,
            "worst_ms": max(echoes) if echoes else None,
        }


class Diagnosis:
    """All findings of one run of the doctor, in their order.

    `sources` are findings too: for each source of events, whether it is allowed, or what to do.
    """

    def __init__(
        self, name: str, findings: Sequence[Finding], sources: Sequence[Finding] = ()
    ) -> None:
        self.name = name
        self.findings = tuple(findings)
        self.sources = tuple(sources)

    @property
    def ok(self) -> bool:
        """Whether no check failed; a warning, or a check not tried, is no failure."""
        return all(finding.ok is not False for finding in self.findings)

    @property
    def summary(self) -> str:
        """One line: the number of checks in each state, and the transports' times."""
        states = [finding.state for finding in self.findings]
        counted = [f"{states.count(state)} {state}" for state in _SIGNS if state in states]
        is_well = "nothing fails, see the warnings" if "warning" in states else "all is well"
        verdict = is_well if self.ok else "something fails"
        allowed = ", ".join(source.check for source in self.sources if source.ok)
        ending = [f"sources: {allowed}"] if allowed else []
        hops = f"{self.name}: {verdict} ({', '.join(counted)})"
        return "; ".join([hops, *self._times(), *ending])

    def to_frame(self) -> "pd.DataFrame":
        """Return one row for each check, with the same dtypes whatever was found.

        `check`, `state`, `said`, `next_step` str, `ok` nullable boolean, `milliseconds` float64;
        `echoes` int64 is the number of test events that came back, `median_ms` and `worst_ms`
        float64 are their milliseconds there and back (NaN without any).
        """
        import pandas as pd

        records = [finding.to_record() for finding in self.findings]
        return pd.DataFrame(
            {
                name: pd.Series([record[name] for record in records], dtype=dtype)
                for name, dtype in _DTYPES.items()
            }
        )

    def __repr__(self) -> str:
        shown = [finding.text for finding in (*self.findings, *self.sources)]
        return "\n".join([*shown, "", self.summary])

    def _repr_html_(self) -> str:
        rows = "".join(map(_row, (*self.findings, *self.sources)))
        names = ("state", "check", "found → next step", "ms")
        head = "".join(f"<th scope='col' style='text-align:left'>{name}</th>" for name in names)
        return (
            f"<table><caption style='text-align:left'>{escape(self.summary)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )

    def _times(self) -> Iterator[str]:
        for finding in self.findings:
            if finding.echoes:
                times = f"{median(finding.echoes):.0f} ms, at worst {max(finding.echoes):.0f} ms"
                yield f"by {finding.check} {times}"


def _wrapped(text: str, indent: int) -> list[str]:
    blank = " " * indent
    return textwrap.wrap(
        text, _WIDTH, initial_indent=blank, subsequent_indent=blank, break_long_words=False
    )


def _row(finding: Finding) -> str:
    state = (
        f"<span style='color:{_COLOURS[finding.state]}'>"
        f"<span aria-hidden='true'>{finding.sign}</span> {finding.state}</span>"
    )
    step = f"<br>→ {escape(finding.next_step)}" if finding.next_step else ""
    took = f"{finding.milliseconds:,.0f}"
    cells = [
        _cell(state, "left;white-space:nowrap"),
        _cell(escape(finding.check), "left;white-space:nowrap"),
        _cell(escape(finding.said) + step, "left"),
        _cell(took, "right"),
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _cell(content: str, align: str) -> str:
    return f"<td style='vertical-align:top;text-align:{align}'>{content}</td>"
