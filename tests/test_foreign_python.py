"""Foreign Python SDKs against the sandbox, each in a process of its own and unmodified."""

import importlib.util
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from bxpull_nb.sandbox import Sandbox

pytestmark = pytest.mark.foreign

FAST = """
import asyncio, json, sys, warnings
warnings.simplefilter("error", RuntimeWarning)
from fast_bitrix24 import BitrixAsync
given = json.loads(sys.argv[1])

async def main(got):
    hook = BitrixAsync(given["webhook"], verbose=False)
    deals = await hook.get_all("crm.deal.list", {"select": ["ID", "TITLE"]})
    got["all"] = sorted(int(deal["ID"]) for deal in deals)
    got["fields"] = sorted(deals[0])
    by_id = await hook.get_by_ID("crm.deal.get", [3, "120"])
    got["by_id"] = {name: deal["TITLE"] for name, deal in by_id.items()}
    got["one"] = (await hook.call("crm.deal.get", {"ID": 7}))["order0000000000"]["TITLE"]
    many = await hook.call("crm.deal.get", [{"ID": number} for number in range(1, 61)])
    got["many"] = [deal["ID"] for deal in many] == [str(number) for number in range(1, 61)]
    batch = {"halt": 0, "cmd": {"me": "profile", "d": "crm.deal.get?ID=$result[me][ID]"}}
    got["batch"] = (await hook.call_batch(batch))["d"]["TITLE"]
    try:
        await hook.call("crm.deal.get", {"ID": 9999})
    except Exception as exc:
        got["missing"] = type(exc).__name__

async def as_application(got):
    asked = []

    async def newest():
        import aiohttp
        asked.append(1)
        async with aiohttp.ClientSession() as http:
            fields = {name: given[name] for name in ("client_id", "client_secret")}
            fields |= {"grant_type": "refresh_token", "refresh_token": given["refresh_token"]}
            async with http.post(given["url"] + "/oauth/token/", data=fields) as answer:
                tokens = await answer.json()
        given["refresh_token"] = tokens["refresh_token"]
        return tokens["access_token"]

    app = BitrixAsync(given["url"] + "/rest/", token_func=newest, verbose=False)
    event = {"COMMAND": "from_fast", "PARAMS": {"n": 1}}
    got["event"] = (await app.call("pull.application.event.add", event, raw=True))["result"]
    app.srh.token = "no longer good"
    got["users"] = len(await app.get_all("user.get"))
    got["asked"] = len(asked)

got = {}
asyncio.run(main(got))
asyncio.run(as_application(got))
print(json.dumps(got))
"""

PYSDK = """
import json, sys
from b24pysdk import BitrixApp, BitrixToken, BitrixWebhook, Client
from b24pysdk.api.requesters.bitrix_oauth_requester import BitrixOAuthRequester
from b24pysdk.errors import BitrixAPIInsufficientScope, BitrixAPIWrongAuthType
given, got = json.loads(sys.argv[1]), {}

hook = BitrixWebhook(domain=given["domain"], webhook_token=given["hook_token"])
got["one"] = hook.call_method("crm.deal.get", {"ID": 5})["result"]["TITLE"]
page = hook.call_method("crm.deal.list", {"start": 50, "filter": {">ID": 10}})
got["page"] = [page["result"][0]["ID"], page["total"], page["next"]]
methods = {"a": ("crm.deal.get", {"ID": 1}), "b": ("user.get", {"FILTER": {"ID": [1, 7]}})}
answer = hook.call_batch(methods)["result"]
got["batch"] = [answer["result"]["a"]["ID"], [user["ID"] for user in answer["result"]["b"]]]
listed = hook.call_batch([("server.time", {}), ("no.such", {})])["result"]
got["error"] = listed["result_error"]["1"]["error"]
many = hook.call_batches([("crm.deal.get", {"ID": n}) for n in range(1, 61)])["result"]["result"]
got["batches"] = [deal["ID"] for deal in many.values()] == [str(n) for n in range(1, 61)]
got["list"] = len(hook.call_list("crm.deal.list")["result"])
fast = hook.call_list_fast("crm.deal.list", params={"select": ["ID"]})["result"]
got["list_fast"] = [deal["ID"] for deal in fast] == [str(n) for n in range(1, 1235)]
got["client"] = Client(hook).crm.deal.get(bitrix_id=9).result["TITLE"]
try:
    hook.call_method("pull.application.config.get")
except BitrixAPIWrongAuthType as exc:
    got["refused"] = exc.response.status_code

# The SDK knows but one token server, so it must be told where this one is.
BitrixOAuthRequester._OAUTH_TOKEN_URL = given["url"] + "/oauth/token/"
BitrixOAuthRequester._APP_INFO_URL = given["url"] + "/rest/app.info/"
app = BitrixApp(client_id=given["client_id"], client_secret=given["client_secret"])
token = BitrixToken(
    domain=given["domain"],
    auth_token=given["token"],
    refresh_token=given["refresh_token"],
    bitrix_app=app,
)
config = token.call_method("pull.application.config.get")["result"]  # the token has expired
got["refreshed"] = token.auth_token != given["token"]
got["secure"] = sorted(name for name, value in config["server"].items() if value == "")
renewed = token.refresh_oauth_token()
token.oauth_token = renewed.oauth_token
got["event"] = token.call_method(
    "pull.application.event.add", {"COMMAND": "from_pysdk", "PARAMS": {"a": [1, {"b": "й"}]}}
)["result"]
info = token.get_app_info().result
got["info"] = [info.client_id == app.client_id, info.scope, info.install.status.value]
try:
    token.call_method("task.item.list")
except Exception as exc:
    got["unknown"] = type(exc).__name__
print(json.dumps(got))
"""


FAST_EVENTS = """
import asyncio, json, sys
from fast_bitrix24 import BitrixAsync
given, got = json.loads(sys.argv[1]), {}

async def main():
    async def token():
        return given["token"]

    app = BitrixAsync(given["url"] + "/rest/", token_func=token, verbose=False)
    hook = BitrixAsync(given["webhook"], verbose=False)

    async def ask(method, params=None, client=app):
        return (await client.call(method, params or {}, raw=True))["result"]

    got["events"] = await ask("events", {"SCOPE": "task"})
    bind = {"event": "ONCRMDEALUPDATE", "event_type": "offline"}
    got["bound"] = await ask("event.bind", bind)
    for number in range(1, 61):
        await ask("crm.deal.update", {"id": number, "fields": {"TITLE": f"new {number}"}}, hook)
    listed = await app.get_all("event.offline.list")
    got["listed"] = len(listed)
    taken = await ask("event.offline.get", {"clear": 0, "limit": 60})
    ids = [event["EVENT_DATA"]["FIELDS"]["ID"] for event in taken["events"]]
    deals = await hook.get_by_ID("crm.deal.get", ids)
    got["titles"] = all(deals[one]["TITLE"] == f"new {one}" for one in ids) and len(ids)
    got["cleared"] = await ask("event.offline.clear", {"process_id": taken["process_id"]})
    got["chat"] = [await ask("im.v2.Event.subscribe", {}, hook), await ask("im.v2.Event.get")]
    got["admin"] = await ask("user.admin")
    try:
        await hook.call("event.offline.get", {"limit": 1})
    except Exception as exc:
        got["webhook"] = type(exc).__name__

asyncio.run(main())
print(json.dumps(got))
"""

PYSDK_EVENTS = """
import json, sys
from b24pysdk import BitrixApp, BitrixToken, Client
from b24pysdk.errors import BitrixAPIError
given, got = json.loads(sys.argv[1]), {}
app = BitrixApp(client_id=given["client_id"], client_secret=given["client_secret"])
token = BitrixToken(domain=given["domain"], auth_token=given["token"],
                    refresh_token=given["refresh_token"], bitrix_app=app)
client = Client(token)
got["feature"] = client.feature.get(code="rest_offline_extended").value.value
got["events"] = client.events(scope="crm").result[:2]
for event in ("ONCRMDEALUPDATE", "ONTASKADD"):
    client.event.bind(event, event_type="offline", auth_connector="sdk").result
    client.event.bind(event, event_type="offline").result
got["bindings"] = [row["connector_id"] for row in client.event.get().result]
client.crm.deal.update(15, fields={"TITLE": "new"}).result
added = client.tasks.task.add(fields={"TITLE": "Call back", "RESPONSIBLE_ID": 7}).result
got["task"] = added["task"]["responsibleId"]
listed = client.event.offline.list(order={"ID": "DESC"}).result
got["listed"] = [[row["EVENT_NAME"], row["EVENT_DATA"]] for row in listed]
request = client.event.offline.get(clear=False, limit=1, auth_connector="sdk")
taken = request.result
got["names"] = sorted(taken["events"][0])
got["again"] = len(client.event.offline.get(
    clear=False, process_id=taken["process_id"], auth_connector="sdk").result["events"])
message = taken["events"][0]["MESSAGE_ID"]
calls = {"process_id": taken["process_id"], "auth_connector": "sdk", "message_id": [message]}
got["error"] = token.call_method("event.offline.error", calls)["result"]
got["aside"] = len(client.event.offline.get(error=True, auth_connector="sdk").result["events"])
got["unbound"] = client.event.unbind("ONTASKADD", event_type="offline").value
client.im.v2.event.subscribe().result
got["chat"] = client.im.v2.event.get(0, limit=5).result
try:
    client.event.bind("ONCRMDEALUPDATED", event_type="offline").result
except BitrixAPIError as exc:
    got["unknown"] = exc.error
print(json.dumps(got))
"""


def installed(*names: str) -> None:
    """Skip where one of the packages is missing; fail there in CI."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"{missing} must be installed in CI: pip install '.[test]'")
    if missing:
        pytest.skip(f"{missing} not installed: pip install '.[test]'")


def run(program: str, given: dict[str, Any], **environment: str) -> dict[str, Any]:
    """What the program printed: one JSON object, and nothing to complain about."""
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(given)],
        env={**os.environ, "NO_PROXY": "127.0.0.1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    got: dict[str, Any] = json.loads(done.stdout)
    return got


def given_by(sandbox: Sandbox) -> dict[str, Any]:
    """All that a program must know of the sandbox."""
    return {
        "url": sandbox.url,
        "domain": sandbox.url.partition("//")[2],
        "webhook": sandbox.webhook,
        "hook_token": "/".join(sandbox.webhook.split("/")[-3:-1]),
        "token": sandbox.token,
        "refresh_token": sandbox.refresh_token,
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
    }


def test_fast_bitrix24_works_unmodified() -> None:
    """Its lists, batches and single calls by webhook, and an application with refreshes."""
    installed("fast_bitrix24")
    with Sandbox() as sandbox:
        got = run(FAST, given_by(sandbox))
        assert sandbox._running.broker.published == 1
    assert got == {
        "all": list(range(1, 1235)),
        "fields": ["ID", "TITLE"],
        "by_id": {"3": "Deal 3", "120": "Deal 120"},
        "one": "Deal 7",
        "many": True,
        "batch": "Deal 1",
        "missing": "ErrorInServerResponseException",
        "event": True,
        "users": 5,
        "asked": 2,
    }


def test_b24pysdk_works_unmodified() -> None:
    """Over TLS: webhook, batches, lists, an expired token that it refreshes, `app.info`."""
    installed("b24pysdk", "trustme")
    with Sandbox(tls=True) as sandbox:
        sandbox.expire_token()
        got = run(PYSDK, given_by(sandbox), REQUESTS_CA_BUNDLE=str(sandbox.ca_path))
        assert sandbox._running.broker.published == 1
    assert got == {
        "one": "Deal 5",
        "page": ["61", 1224, 100],
        "batch": ["1", ["1", "7"]],
        "error": "ERROR_METHOD_NOT_FOUND",
        "batches": True,
        "list": 1234,
        "list_fast": True,
        "client": "Deal 9",
        "refused": 403,
        "refreshed": True,
        "secure": ["long_polling", "publish", "websocket"],
        "event": True,
        "info": [True, ["pull", "pull_channel", "crm", "user", "task", "im"], "L"],
        "unknown": "BitrixAPINotFound",
    }


def test_fast_bitrix24_gets_offline_events() -> None:
    """It binds, lists, takes and clears; the webhook reads the objects, but has no events."""
    installed("fast_bitrix24")
    with Sandbox() as sandbox:
        got = run(FAST_EVENTS, given_by(sandbox))
        assert sandbox.offline_queue() == []
    assert got == {
        "events": ["ONTASKADD", "ONTASKUPDATE", "ONTASKDELETE"],
        "bound": True,
        "listed": 60,
        "titles": 60,
        "cleared": True,
        "chat": [True, {"events": [], "nextOffset": None, "hasMore": False}],
        "admin": True,
        "webhook": "ErrorInServerResponseException",
    }


def test_b24pysdk_gets_offline_events() -> None:
    """Its typed methods: bindings, the queue, errors put aside, features, tasks and chats."""
    installed("b24pysdk", "trustme")
    with Sandbox(tls=True) as sandbox:
        got = run(PYSDK_EVENTS, given_by(sandbox), REQUESTS_CA_BUNDLE=str(sandbox.ca_path))
    task: dict[str, Any] = {"IS_ACCESSIBLE_BEFORE": "N", "IS_ACCESSIBLE_AFTER": "undefined"}
    task |= {"FIELDS_BEFORE": "undefined", "FIELDS_AFTER": {"ID": 1}}
    shown = ["EVENT_ADDITIONAL", "EVENT_DATA", "EVENT_NAME", "ID", "MESSAGE_ID", "TIMESTAMP_X"]
    assert got == {
        "feature": True,
        "events": ["ONCRMDEALADD", "ONCRMDEALUPDATE"],
        "bindings": ["sdk", "", "sdk", ""],
        "task": "7",
        "listed": [["ONTASKADD", task], ["ONCRMDEALUPDATE", {"FIELDS": {"ID": "15"}}]],
        "names": shown,
        "again": 1,
        "error": True,
        "aside": 1,
        "unbound": 1,
        "chat": {"events": [], "nextOffset": 0, "hasMore": False},
        "unknown": "ERROR_EVENT_NOT_FOUND",
    }
