"""A batch with pseudonyms: its records, and a frame that holds them and nothing else."""

from itertools import starmap
from typing import Any

import msgspec

from bxpull_nb.models import Batch, Event, Record, RecordBatch
from bxpull_nb.privacy.params import Params, withheld
from bxpull_nb.privacy.pseudonyms import Pseudonyms
from bxpull_nb.protocol.codec import TextCodec

__all__ = ["private_batch"]

START, END = "#!NGINXNMS!#", "#!NGINXNME!#"
_TEXT = TextCodec()


def private_batch(batch: Batch, by: Pseudonyms) -> Batch:
    """Return the batch with pseudonyms; all its records are learnt from before one is rewritten.

    The frame as it came may hold more than the records: duplicates, older messages, unknown
    fields. So another one is written, in the text dialect, and the records are read from it, as a
    journal reads them later. Of a message that could not be read only its mid and size stay.
    """
    records = batch.records
    params = [Params(record.params_json, record.command, by) for record in records]
    for one in params:
        one.learn()
    pairs = zip(records, params, strict=True)
    if batch.frame is None or not records:
        kept = RecordBatch.of(_record(*pair) for pair in pairs)
        return msgspec.structs.replace(batch, records=kept, frame=None, parts=(), left_out=())
    messages = [*starmap(_message, pairs), *map(_empty, batch.duplicates)]
    frame = "".join(f"{START}{message}{END}" for message in messages)
    left_out = tuple(range(len(records), len(messages)))
    return Batch(
        _TEXT.decode(frame, batch.arrival).without(left_out),
        frame,
        _TEXT.dialect,
        batch.duplicates,
        left_out,
        batch.position,
    )


def _record(record: Record, params: Params) -> Record:
    """Return a record that came without a frame."""
    if isinstance(record, Event):
        return msgspec.structs.replace(record, params_json=params.rewritten())
    return msgspec.structs.replace(record, raw=withheld(len(record.raw)))


def _message(record: Record, params: Params) -> str:
    """Return the text dialect's envelope of a record; that of a bad frame is unreadable too."""
    mid = _json(record.mid)
    if not isinstance(record, Event):
        return f'{{"mid":{mid},"text":{withheld(len(record.raw))}}}'
    kind, _, by = (record.sender or "").partition(":")
    extra: dict[str, Any] = {"server_time_unix": record.server_time_unix}
    if kind:
        extra["sender"] = {"type": kind, "id": by} if by else {"type": kind}
    return (
        f'{{"mid":{mid},"text":{{"module_id":{_json(record.module_id)},'
        f'"command":{_json(record.command)},"params":{params.rewritten().decode()},'
        f'"extra":{_json(extra)}}}}}'
    )


def _empty(mid: str) -> str:
    """Return the envelope of a duplicate: a journal remembers its mid only."""
    return f'{{"mid":{_json(mid)},"text":{{}}}}'


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
