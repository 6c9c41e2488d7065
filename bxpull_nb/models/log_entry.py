"""Entries of the activity log: connections, breaks, renewals, marks."""

from collections.abc import Mapping

import msgspec

__all__ = ["IS_LOG_ENTRY", "LOG_COLUMNS", "LogEntry"]

LOG_COLUMNS = {
    "at": "datetime64[us, UTC]",  # by this machine's clock
    "kind": "category",  # see LogEntry.kind
    "channel": "category",  # of the connection; missing for the whole capture
    "transport": "category",  # "websocket" or "polling"
    "count": "Int64",  # events it is about, where that is known
    "seconds": "float64",  # how long it lasted, where that is known
    "text": "str",  # in words
}
"""Column -> dtype of the activity log's DataFrame, in order."""

IS_LOG_ENTRY: Mapping[str, object] = {"is_log_entry": True}
"""`extra=` of a warning that is an entry of the activity log too: so that it is shown once."""


class LogEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry of a capture's activity log."""

    at_us: int
    """Microseconds since 1970, UTC, by this machine's clock."""
    kind: str
    """`started`, `connected`, `lost`, `retried`, `resumed`, `fell_back`, `returned`, `renewed`,
    `recovered`, `reset`, `restarting`, `audit_failed`, `audit_too_large`, `beginning_unknown`,
    `stalled`, `continued`, `config_failed`, `journal_failed`, `journal_recovered`, `journal_lost`,
    `handler_failed`, `stream_overflowed`, `marked`, `sent`, `went_back`, `failed` or `stopped`;
    of a watch: `new_command`, `new_path`, `type_changed`, `silent` or `rate_above`; of a
    source besides the channels: `source_started`, `source_failed`, `source_retried`,
    `source_weaker`, `event_unknown`, `doorbell_missing`, `queue_shared`, `one_reader`, `limited`,
    `not_enriched`, `not_safe`, `note_failed`, `marks_unknown` or `unbound`."""
    channel: str | None = None
    """The channel of the connection: `shared`, `private`, `jwt`; or the source: `offline`, `chat`;
    None for the whole capture."""
    transport: str | None = None
    """`websocket` or `polling`."""
    count: int | None = None
    """Events replayed, recovered, or dropped by a stream; of a mark, the next row's number."""
    seconds: float | None = None
    """The length of a break."""
    text: str = ""
    """In words; holds no secret."""
