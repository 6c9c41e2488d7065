"""Checks of the channel types and the transport that a caller chose."""

from collections.abc import Sequence

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted
from bxpull_nb.models.channel import CHANNEL_TYPES

__all__ = ["TRANSPORTS", "checked_channels", "checked_transport"]

TRANSPORTS = ("auto", "websocket", "polling")


def checked_channels(channels: Sequence[str] | str) -> tuple[str, ...]:
    """Return the channel types without repetition; SettingsError for an unknown one."""
    try:
        chosen = tuple(dict.fromkeys([channels] if isinstance(channels, str) else channels))
    except Exception:  # noqa: BLE001 - not iterable, or any `__hash__`
        chosen = (channels,)  # type: ignore[assignment]  # refused below
    unknown = [kind for kind in chosen if not isinstance(kind, str) or kind not in CHANNEL_TYPES]
    if len(unknown) == len(chosen) == 1 and isinstance(unknown[0], str) and unknown[0] == "both":
        return CHANNEL_TYPES
    if unknown or not chosen:
        what = f"unknown channel type {quoted(unknown[0])}" if unknown else "no channel type"
        raise SettingsError(f"{what}: choose from 'shared' and 'private', or both.")
    return chosen


def checked_transport(transport: str) -> str:
    """Return the transport; raises SettingsError for an unknown one."""
    if not isinstance(transport, str) or transport not in TRANSPORTS:
        raise SettingsError(
            f"unknown transport {quoted(transport)}: choose from {', '.join(TRANSPORTS)}."
        )
    return transport
