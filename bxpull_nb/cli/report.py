"""Texts of a connection config and of findings, for people or as JSON for programs."""

import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import click
import msgspec

from bxpull_nb.diagnosis import Finding
from bxpull_nb.models import PullConfig

__all__ = ["config_json", "config_text", "finding_text", "wanted_colour"]

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "not tried": "bright_black"}


def config_text(config: PullConfig, *, reveal: bool = False) -> str:
    """Return the server's fields and a table of the channels; ids masked by default."""
    server = {name: str(value) for name, value in config.server.to_record().items()}
    channels = config.to_records(reveal=reveal)
    return "\n".join(
        ["server", *_fields(server), "", "channels", *_table(channels or [{"type": "none"}])]
    )


def config_json(config: PullConfig, *, reveal: bool = False) -> str:
    """Return `{"server": {...}, "channels": [...]}`; `expires_in` in seconds, ids masked."""
    channels = [
        {**channel, "expires_in": channel["expires_in"].total_seconds()}
        for channel in config.to_records(reveal=reveal)
    ]
    answer = {"server": config.server.to_record(), "channels": channels}
    return msgspec.json.format(msgspec.json.encode(answer), indent=2).decode()


def finding_text(finding: Finding) -> str:
    """Return the finding's lines, its state in colour in addition to sign and word."""
    state = f"{finding.sign} {finding.state}"
    return click.style(state, fg=_COLOURS[finding.state]) + finding.text.removeprefix(state)


def wanted_colour() -> bool | None:
    """Return False if NO_COLOR forbids colours; None leaves it to the stream."""
    return False if os.environ.get("NO_COLOR") else None


def _fields(record: Mapping[str, str]) -> Iterator[str]:
    width = max(map(len, record))
    return (f"  {name:<{width}}  {value}".rstrip() for name, value in record.items())


def _table(records: list[dict[str, Any]]) -> Iterator[str]:
    rows = [list(records[0]), *([_cell(v) for v in record.values()] for record in records)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, timedelta):
        return str(timedelta(seconds=int(value.total_seconds())))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)
