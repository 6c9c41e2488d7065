"""A comm without a kernel: it records what a widget publishes; the test plays the browser."""

import json
from dataclasses import dataclass, field
from typing import Any

import comm.base_comm
import ipywidgets
import pytest

__all__ = ["FakeComm", "Recorder", "Sent", "from_page", "record_comms", "sent_by"]


@dataclass
class Sent:
    """One published message."""

    type: str
    """`comm_open`, `comm_msg` or `comm_close`."""
    data: dict[str, Any]
    buffers: list[bytes]

    @property
    def content(self) -> Any:
        """What the widget passed to `send()`; None for messages about traits."""
        return self.data.get("content") if self.data.get("method") == "custom" else None

    @property
    def size(self) -> int:
        """Its bytes on the wire, without Jupyter's headers."""
        return len(json.dumps(self.data)) + sum(map(len, self.buffers))


@dataclass
class Recorder:
    """Everything published so far, by all comms, in order."""

    sent: list[Sent] = field(default_factory=list)


class FakeComm(comm.base_comm.BaseComm):
    """A comm that publishes into a list of its own, and into that of the test."""

    def __init__(self, recorder: Recorder, *args: Any, **kwargs: Any) -> None:
        self.recorder = recorder
        self.own: list[Sent] = []
        super().__init__(*args, **kwargs)

    def publish_msg(
        self,
        msg_type: str,
        data: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        buffers: list[bytes] | None = None,
        **_keys: Any,
    ) -> None:
        """Record instead of publish; what JSON cannot hold fails here as it would in a kernel."""
        json.dumps([data, metadata], allow_nan=False)
        message = Sent(msg_type, data or {}, [bytes(buffer) for buffer in buffers or []])
        self.recorder.sent.append(message)
        self.own.append(message)


def record_comms(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Have widgets open fake comms; return the list they all record into."""
    recorder = Recorder()

    def create_comm(*args: Any, **kwargs: Any) -> FakeComm:
        return FakeComm(recorder, *args, **kwargs)

    monkeypatch.setattr("ipywidgets.widgets.widget.comm.create_comm", create_comm)
    return recorder


def sent_by(widget: ipywidgets.Widget) -> list[Sent]:
    """Return the custom messages of this widget, in order."""
    return [message for message in widget.comm.own if message.content is not None]


def from_page(widget: ipywidgets.Widget, content: Any) -> None:
    """Bring the widget a custom message, as the browser would."""
    data = {"method": "custom", "content": content}
    widget._handle_msg({"content": {"data": data}, "buffers": []})
