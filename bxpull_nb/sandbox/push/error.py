"""Refusals of the push server: codes and texts (protocol 2.8)."""

__all__ = ["PushRefusal"]

_TEXTS = {
    4010: "Wrong Channel Id.",
    4012: "Public Channel Id is Required.",
    4013: "Wrong Request Data.",
    4014: "Request command is not allowed.",
    4015: "Wrong Request Command.",
    4016: "Request exceeded the maximum number of messages.",
    4017: "No channels found.",
    4018: "Request exceeded the maximum number of channels.",
    4019: "Request has an invalid channel id.",
    4020: "Private channel is not allowed.",
    4021: "Channel has an invalid signature.",
    4029: "Too many connections",
}


class PushRefusal(Exception):  # noqa: N818 - an answer of the server, not a fault of the sandbox
    """A close code of a WebSocket, or an HTTP answer's body. `str()` is `CODE: text`."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code}: {_TEXTS[code]}")
        self.code = code

    @property
    def status(self) -> int:
        """The HTTP status of the response."""
        return 429 if self.code == 4029 else 400
