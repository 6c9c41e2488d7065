"""The push server of a connection config."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from bxpull_nb.masking import mask_text, quoted
from bxpull_nb.models.fields import address_of, missing_field, text_of, whole_number
from bxpull_nb.models.html import html_table
from bxpull_nb.models.push_address import completed

__all__ = ["PullServer"]


class PullServer(msgspec.Struct, frozen=True, kw_only=True):
    """The `server` object: a push server and its addresses."""

    version: int
    """Version of the push server; it decides the dialect of the frames."""
    server_enabled: bool = True
    websocket_enabled: bool = False
    websocket: str = ""
    websocket_secure: str = ""
    long_polling: str = ""
    long_polling_secure: str = ""
    """Spelled `long_pooling_secure` by today's portals; both spellings are read."""
    publish_enabled: bool = False
    publish: str = ""
    publish_secure: str = ""
    mode: str | None = None
    """`personal`, or `shared` for a cloud push server (then `clientId` travels in the URL)."""
    hostname: str | None = None
    config_timestamp: int | None = None
    extra: dict[str, Any] = {}
    """Unknown fields, as they came."""

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any], portal: str | None = None) -> "PullServer":
        """Return the typed `server` object; `portal` completes addresses without a host.

        Raises MissingField without `version`, and for an address that is none.
        """
        known: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for name, value in answer.items():
            field = "long_polling_secure" if name == "long_pooling_secure" else name
            if field in cls.__struct_fields__ and field != "extra":
                known[field] = _typed(field, value, portal, name)
            else:
                extra[name] = value
        if known.get("version") is None:
            raise missing_field("server.version")
        present = {name: value for name, value in known.items() if value is not None}
        return cls(**present, extra=extra)

    def to_record(self) -> dict[str, Any]:
        """Return the server as one flat dict; unknown fields come last, under their own names."""
        record = msgspec.structs.asdict(self)
        extra = record.pop("extra")
        return {**record, **extra}

    def __repr__(self) -> str:
        state = "enabled" if self.server_enabled else "switched off"
        transports = "WebSocket and polling" if self.websocket_enabled else "polling only"
        mode = f", {mask_text(self.mode)} mode" if self.mode else ""
        return f"PullServer(version {self.version}, {state}, {transports}{mode[:40]})"

    def _repr_html_(self) -> str:
        return html_table(self.shown())

    def shown(self) -> Iterator[tuple[str, str]]:
        """Yield the fields for people: short, and without secrets that a portal put into them."""
        for name, value in self.to_record().items():
            is_plain = value is None or isinstance(value, str | int | float)
            yield mask_text(name), mask_text(str(value) if is_plain else quoted(value))


_FLAGS = {"server_enabled", "websocket_enabled", "publish_enabled"}
_HTTP, _WEBSOCKET = ("https", "http"), ("wss", "ws")
_SCHEMES = {
    "websocket": _WEBSOCKET,
    "websocket_secure": _WEBSOCKET,
    "long_polling": _HTTP,
    "long_polling_secure": _HTTP,
    "publish": _HTTP,
    "publish_secure": _HTTP,
}
_VERSIONS = range(1, 100)


def _typed(field: str, value: Any, portal: str | None, written: str) -> Any:
    """Return the field's value, None where PHP wrote none; raises MissingField.

    `written` is the field's name as the portal wrote it.
    """
    if field in _FLAGS:
        return value not in (False, 0, None, "", "0", "N", "n", "false")
    if value in (None, False, ""):
        return None
    if field == "config_timestamp":
        return whole_number(value)
    if field == "version":
        return _version(value)
    name = f"server.{written}"
    if field in _SCHEMES:
        plain_or_secure = _SCHEMES[field][not field.endswith("_secure")]
        return address_of(completed(value, plain_or_secure, portal), name, _SCHEMES[field])
    return text_of(value, name)


def _version(value: Any) -> int:
    version = whole_number(value)
    if version is None or version not in _VERSIONS:
        raise missing_field("server.version", "is not the number of a version")
    return version
