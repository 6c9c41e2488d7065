"""Frames that no server would send: `python -m tests.faults.fuzz --frames 1000000 [--seed S]`.

Recorded frames are damaged at random. Whatever comes of it: no exception leaves the session, each
message ends as an Event or a BadFrame that the log and the journal take, and none takes long.
"""

import json
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, TypeVar

import click
import msgspec

from bxpull_nb.listener.service_messages import service_action
from bxpull_nb.models import Arrival, BadFrame, Batch, Event, Message, PullConfig
from bxpull_nb.protocol.codec import Codec, JsonCodec, JsonRpcCodec, ProtobufCodec, TextCodec
from bxpull_nb.protocol.session import SeenMids, Session
from bxpull_nb.storage.eventlog import EventLog
from bxpull_nb.storage.journal.record import FoundRecord, FrameHead, batch_of, pack_batch, scan
from tests.support.paths import WIRE

__all__ = ["BOMBS", "Fuzzed", "fuzz", "seeds", "try_frame", "with_body"]

ARRIVAL = Arrival(1795448999000000, "shared", "websocket")
CODECS: list[Codec] = [TextCodec(), JsonCodec(), JsonRpcCodec(), ProtobufCodec()]
Frame = str | bytes
Text = TypeVar("Text", str, bytes)

BOMBS = {
    "depth": "[" * 100_000,
    "closed depth": "[" * 5_000 + "]" * 5_000,
    "objects": '{"a":' * 5_000 + "1" + "}" * 5_000,
    "digits": "9" * 20_000,
    "exponent": "1e999999999",
    "small exponent": "-1.5e-999999",
    "NaN": "NaN",
    "infinity": "-Infinity",
    "lone surrogate": '"\\ud800"',
    "raw surrogate": '"\ud800"',
    "NUL": '"\x00"',
    "escaped NUL": '"\\u0000"',
    "bidi": '"\u202e\u2066abc"',
    "escapes": '"' + "\\u00e9" * 5_000 + '"',
    "backslashes": "\\" * 5_000,
    "same key": "{" + '"a":1,' * 5_000 + '"a":1}',
    "long key": '{"' + "k" * 20_000 + '":1}',
    "markers": "#!NGINXNMS!#" * 500,
    "ends": "#!NGINXNME!##!NGINXNMS!#" * 500,
    "time": '{"extra":{"server_time_unix":1e308}}',
    "sender": '{"extra":{"sender":{"type":[],"id":{}}}}',
    "boolean mid": '{"mid":true}',
}
"""JSON, and nearly JSON, that a reader may stumble over."""


class Fuzzed(msgspec.Struct):
    """The figures of a run."""

    frames: int = 0
    events: int = 0
    bad: int = 0
    slowest: float = 0.0
    """Seconds of work for one frame, the journal's record included."""
    seconds: float = 0.0


def seeds(dialect: str) -> list[Frame]:
    """Return frames to damage: recorded ones where there are any, and special bodies."""
    codec = next(one for one in CODECS if one.dialect == dialect)
    bodies = ['{"module_id":"crm","command":"x","params":{"a":[1,2.5,null,"Ж"]}}', "5", '"t"', "[]"]
    bodies.append(
        '{"module_id":"pull","command":"channel_expire","params":{"action":"reconnect","channel":'
        '{"id":"' + "a" * 32 + '"},"new_channel":{"id":"b","type":"shared","start":1,"end":2}}}'
    )
    messages = [Message(f"1795447844{n:016}", body) for n, body in enumerate(bodies, 1)]
    made: list[Frame] = [codec.encode(messages), codec.encode(messages[:1])]
    if dialect == "text":
        made += [path.read_text("utf-8") for path in sorted((WIRE / "text3").glob("*.txt"))]
    if dialect == "protobuf":
        recorded = json.loads((WIRE / "srv4-frames.json").read_text("utf-8"))
        made += [bytes.fromhex(one["hex"]) for one in recorded if "bin" in one["kind"]]
    return made


def damaged(frame: Frame, others: Sequence[Frame], random: Random) -> Frame:
    """Return the frame with one to four kinds of damage."""
    for _ in range(random.randrange(1, 5)):
        frame = random.choice(_WAYS)(frame, others, random)
    return frame


def _flip(frame: Frame, _others: Sequence[Frame], random: Random) -> Frame:
    at = random.randrange(len(frame) + 1)
    if isinstance(frame, str):
        character: str = random.choice(_CHARACTERS)
        return frame[:at] + character + frame[at + 1 :]
    return frame[:at] + bytes([random.randrange(256)]) + frame[at + 1 :]


def _cut(frame: Text, _others: Sequence[Text], random: Random) -> Text:
    return frame[: random.randrange(len(frame) + 1)]


def _drop(frame: Text, _others: Sequence[Text], random: Random) -> Text:
    at = random.randrange(len(frame) + 1)
    return frame[:at] + frame[at + random.randrange(30) :]


def _repeat(frame: Text, _others: Sequence[Text], random: Random) -> Text:
    at, length = random.randrange(len(frame) + 1), random.randrange(60)
    return frame[:at] + frame[at : at + length] * random.randrange(4) + frame[at:]


def _splice(frame: Text, others: Sequence[Text], random: Random) -> Text:
    other = random.choice([one for one in others if type(one) is type(frame)])
    at = random.randrange(min(len(frame), len(other)) + 1)
    return frame[:at] + other[at:]


def _insert(frame: Frame, _others: Sequence[Frame], random: Random) -> Frame:
    at, what = random.randrange(len(frame) + 1), random.choice(_SMALL)
    if isinstance(frame, str):
        return frame[:at] + what + frame[at:]
    return frame[:at] + what.encode(errors="surrogatepass") + frame[at:]


_CHARACTERS = [*'{}[]",:\\#!0-9.eE+tfn \n\t', "\x00", "\u202e", "\ud800", "\U0001f30d", "\ufeff"]
_SMALL = [bomb for bomb in BOMBS.values() if len(bomb) < 100] + ["#!NGINXNMS!#", "#!NGINXNME!#"]
_WAYS: list[Callable[[Any, Sequence[Any], Random], Any]] = [
    _flip, _flip, _cut, _drop, _repeat, _splice, _insert,
]  # fmt: skip


def try_frame(lane: Session, frame: Frame, config: PullConfig | None = None) -> Batch:
    """Receive the frame, store it, act on it and pack it for the journal; raise if any fails."""
    got = lane.receive(frame, ARRIVAL)
    batch = got.batch
    lane.stored(got)
    if config is not None:
        for event in got.service_messages:
            service_action(event, config, "shared")
    assert all(type(record) in (Event, BadFrame) for record in batch.records)
    if batch.records:
        (found,) = scan(pack_batch(batch, batch.position), 0)
        assert isinstance(found, FoundRecord)
        assert isinstance(found.head, FrameHead)
        assert batch_of(found.head, found.body).records == list(batch.records)
    return batch


def fuzz(frames: int, seed: int, config: PullConfig | None = None) -> Fuzzed:
    """Try so many damaged frames, a quarter in each dialect; raise what one of them raises."""
    random, done, begun = Random(seed), Fuzzed(), time.perf_counter()
    for codec in CODECS:
        lane, log, sources = Session(codec, SeenMids(2000)), EventLog(), seeds(codec.dialect)
        for number in range(frames // len(CODECS)):
            frame = damaged(random.choice(sources), sources, random)
            started = time.thread_time()
            try:
                records = try_frame(lane, frame, config).records
                done.slowest = max(done.slowest, time.thread_time() - started)
                log.extend(records)
            except Exception as exc:
                exc.add_note(f"seed {seed}, {codec.dialect} frame {number}: {frame!r:.2000}")
                raise
            done.frames += 1
            kinds = Counter(type(record) for record in records)
            done.events += kinds[Event]
            done.bad += kinds[BadFrame]
        assert len(log.df) == len(log)
    done.seconds = time.perf_counter() - begun
    return done


def bombs(codec: Codec) -> Iterator[tuple[str, Frame]]:
    """Yield each of `BOMBS` as a frame, a body, params and extra of a frame of the dialect."""
    for name, bomb in BOMBS.items():
        yield name, bomb
        for place in ("%s", '{"command":"c","params":%s}', '{"extra":%s}', '{"module_id":%s}'):
            message = Message("1795447844" + "0" * 15 + "7", place % "\x01")
            frame = codec.encode([message])
            body = (place % bomb).encode(errors="surrogatepass")
            if isinstance(frame, str):
                yield f"{name} in {place}", frame.replace(place % "\x01", place % bomb)
            else:
                template = codec.encode([Message(message.mid, "")])
                assert isinstance(template, bytes)
                yield f"{name} in {place}", with_body(message.mid, body)


def with_body(mid: str, body: bytes) -> bytes:
    """Return a protobuf frame with one message; `mid` is hex digits, `body` need not be UTF-8."""

    def field(number: int, data: bytes) -> bytes:
        length, size = b"", len(data)
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + data

    message = field(1, bytes.fromhex(mid)) + field(2, body)
    return field(1, field(1, field(1, message)))


@click.command()
@click.option("--frames", default=1_000_000, show_default=True)
@click.option("--seed", type=int, help="A printed one, to damage the same way again.")
def main(frames: int, seed: int | None) -> None:
    """Damage frames, and print a line of figures."""
    drawn = secrets.randbelow(2**31) if seed is None else seed
    done = fuzz(frames, drawn)
    click.echo(
        f"{done.frames} frames (seed {drawn}): {done.events} events, {done.bad} bad frames, "
        f"no exception; slowest {done.slowest * 1e3:.1f} ms, {done.seconds:.0f} s"
    )
    sys.exit(0)


if __name__ == "__main__":
    main()
