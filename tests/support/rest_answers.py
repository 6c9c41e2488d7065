"""Results and refusals of plain REST calls."""

from typing import Any

import httpx

from tests.support.visitor import Visitor

__all__ = ["bind", "deal_ids", "refusal", "result", "take"]


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    """Return status, code and description of an error."""
    body = answer.json()
    return answer.status_code, body["error"], body["error_description"]


def result(visitor: Visitor, method: str, params: Any = None) -> Any:
    """Return the result of a call that succeeds."""
    answer = visitor.call(method, params)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def bind(visitor: Visitor, kind: str = "CRMDEAL", **params: Any) -> None:
    """Bind all offline events of one kind of object."""
    for action in ("ADD", "UPDATE", "DELETE"):
        event = {"event": f"ON{kind}{action}", "event_type": "offline", **params}
        assert result(visitor, "event.bind", event) is True


def take(visitor: Visitor, **params: Any) -> tuple[str | None, list[str]]:
    """Return the process id, and the deals of the records of one `event.offline.get`."""
    got = result(visitor, "event.offline.get", params)
    return got["process_id"], deal_ids(got["events"])


def deal_ids(records: list[dict[str, Any]]) -> list[str]:
    """Return the ids of the deals that offline events are about."""
    return [record["EVENT_DATA"]["FIELDS"]["ID"] for record in records]
