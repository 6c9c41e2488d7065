"""Frames to events and back: every dialect has the same shape, `Codec`."""

from bxpull_nb.codec.base import Codec
from bxpull_nb.codec.text import TextCodec

__all__ = ["Codec", "TextCodec", "codec_for"]


def codec_for(version: int) -> Codec:  # noqa: ARG001 - one dialect so far; the version decides
    """The codec a push server of that protocol version talks over a WebSocket or a poll."""
    return TextCodec()
