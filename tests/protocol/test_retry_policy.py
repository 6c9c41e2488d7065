"""Decisions about retries: delays, the next transport, transient or fatal."""

from itertools import islice

import pytest

from bxpull_nb import errors
from bxpull_nb.models import PullServer
from bxpull_nb.protocol.retry_policy import is_transient, next_transport, reconnect_delays

SERVER = PullServer(version=4, websocket_enabled=True, websocket_secure="wss://rt.example/sub/")


def test_delays_grow_to_a_minute_and_stay() -> None:
    """The steps are the official client's, capped for a person who waits."""
    assert list(islice(reconnect_delays(lambda: 0.0), 7)) == [0.5, 5, 25, 45, 60, 60, 60]


def test_jitter_adds_up_to_a_fifth() -> None:
    """Many clients must not return together."""
    assert list(islice(reconnect_delays(lambda: 1.0), 2)) == [0.6, 6.0]


def api_error(kind: type[errors.ApiError], code: str) -> errors.ApiError:
    """Return an error of the portal with that code."""
    return kind("said", method="m", code=code, description="d")


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (errors.ConnectionFailed("broke"), True),
        (errors.ChannelRefused("unknown"), True),
        (errors.PortalUnreachable("down", method="m"), True),
        (errors.UnexpectedAnswer("html", method="m"), True),
        (api_error(errors.ApiError, "QUERY_LIMIT_EXCEEDED"), True),
        (api_error(errors.ApiError, "overload_limit"), False),
        (api_error(errors.WrongAuthType, "WRONG_AUTH_TYPE"), False),
        (api_error(errors.TokenRefused, "expired_token"), False),
        (api_error(errors.PortalDeleted, "PORTAL_DELETED"), False),
        (errors.ChannelMissing("none"), False),
        (errors.TransportUnavailable("off"), False),
        (ValueError("a bug"), True),
    ],
)
def test_only_what_a_person_must_mend_is_final(error: Exception, transient: bool) -> None:
    """Every other error is tried again."""
    assert is_transient(error) is transient


@pytest.mark.parametrize(
    ("chosen", "failures", "expected"),
    [
        ("auto", 0, "websocket"),
        ("auto", 4, "websocket"),
        ("auto", 5, "polling"),
        ("websocket", 9, "websocket"),
        ("polling", 0, "polling"),
    ],
)
def test_auto_leaves_websocket_after_more_than_four_failures(
    chosen: str, failures: int, expected: str
) -> None:
    """A fixed choice does not change."""
    assert next_transport(chosen, SERVER, failures) == expected


@pytest.mark.parametrize(
    "server",
    [
        PullServer(version=4, websocket="ws://rt.example/"),
        PullServer(version=4, websocket_enabled=True),
    ],
)
def test_auto_polls_where_there_is_no_websocket(server: PullServer) -> None:
    """WebSocket is switched off or has no address."""
    assert next_transport("auto", server, 0) == "polling"
