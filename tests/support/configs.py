"""Connection configs, as portals answer them."""

from datetime import UTC, datetime
from typing import Any

from bxpull_nb.models import PullConfig

SHARED = "46a437d2336d4a88e4e9b3cd956ecf45.7910bb25e660bf211fdec15e33c5e25e4c3b644a"
PRIVATE = (
    "925153cd80b6b5a4dbf8659d5be21d1a:abe9e6964532000ab8b7acf092ba627b"
    ".605ea91793ad24be3f9745d662713b23a5803a94"
)
PUBLIC = "abe9e6964532000ab8b7acf092ba627b.057ac8625ae4ac0da4ed093a19950f9dab7e29d0"
NOW = datetime(2017, 6, 28, 11, 4, tzinfo=UTC)


def seed_answer() -> dict[str, Any]:
    """Return the example of the method's page."""
    return {
        "server": {
            "version": 4,
            "server_enabled": True,
            "long_polling": "http://rt.bitrix24.com/sub/",
            "long_polling_secure": "https://rt.bitrix24.com/sub/",
            "websocket_enabled": True,
            "websocket": "ws://rt.bitrix24.com/sub/",
            "websocket_secure": "wss://rt.bitrix24.com/sub/",
            "publish_enabled": True,
            "publish": "http://rt.bitrix24.com/pubweb/",
            "publish_secure": "https://rt.bitrix24.com/pubweb/",
        },
        "channels": {
            "shared": {
                "id": SHARED,
                "start": "2017-06-28T12:04:00+02:00",
                "end": "2017-06-29T00:04:00+02:00",
                "type": "shared",
            },
            "private": {
                "id": PRIVATE,
                "public_id": PUBLIC,
                "start": "2017-06-28T09:57:48+02:00",
                "end": "2017-06-28T21:57:48+02:00",
                "type": "private",
            },
        },
    }


def current_answer() -> dict[str, Any]:
    """Return the same answer with what today's portals add."""
    answer = seed_answer()
    server = answer["server"]
    server["long_pooling_secure"] = server.pop("long_polling_secure")
    server |= {"mode": "shared", "hostname": "acme.bitrix24.com", "config_timestamp": "1790072438"}
    server["brand_new"] = {"a": 1}
    answer |= {
        "clientId": "a1b2c3",
        "api": {"revision_web": 19, "revision_mobile": 3},
        "exp": 1790072438,
        "jwt": "header.payload.signature-of-some-length",
        "publicChannels": {
            "7": {
                "user_id": 7,
                "public_id": "abe9e6964532000ab8b7acf092ba627b",
                "signature": "057ac8625ae4ac0da4ed093a19950f9dab7e29d0",
                "start": "2017-06-28T12:04:00+02:00",
                "end": "2017-06-29T00:04:00+02:00",
            }
        },
        "serverTime": "2017-06-28T12:04:00+02:00",
    }
    return answer


def config(answer: dict[str, Any]) -> PullConfig:
    """Return the typed config of an answer."""
    return PullConfig.from_answer(answer, portal_time=NOW)
