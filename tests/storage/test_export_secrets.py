"""Exports mask what gives access, in the messages that hold it; `reveal=True` does not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb.models import BadFrame, Event
from bxpull_nb.storage.export.masked import masked_json
from tests.support.rows import ARRIVAL, frame
from tests.support.workbook import sheet

CHANNEL = "0123456789abcdef0123456789abcdef"
SIGNED = f"{CHANNEL}:fedcba9876543210fedcba9876543210.142eac15640a5846bf7edcd0b3d3fc6c8811b13e"
TOKEN = "opaque-access-token-of-a-user"
WEBHOOK = "webhooksecret1234567"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyIjoxMjM0NX0.c2lnbmF0dXJl"
SECRETS = [CHANNEL, "fedcba9876543210", TOKEN, WEBHOOK, JWT]


def service(params: str, module: str = "pull", command: str = "channel_expire") -> Event:
    """Return a service message."""
    return Event("1", module, command, params.encode(), None, None, ARRIVAL)


PARAMS = [
    f'{{"action":"reconnect","new_channel":{{"id":"{SIGNED}","type":"shared"}}}}',
    f'{{"channel" : {{ "id":"{CHANNEL}" }}, "n": 1.50}}',
    f'{{"auth":"{TOKEN}"}}',
    f'{{"AUTH":{{"access_token":"{TOKEN}","domain":"acme.bitrix24.com"}}}}',
    f'{{"tokens":["x"],"token":["{TOKEN}"]}}',
    f'{{"url":"https:\\/\\/acme.bitrix24.com\\/rest\\/1\\/{WEBHOOK}\\/"}}',
    f'{{"url":"https://acme.bitrix24.com/rest/1/{WEBHOOK}/profile"}}',
    f'{{"jwt":"{JWT}"}}',
    f'["{JWT}", "wss://push.example/sub/?CHANNEL_ID={SIGNED}&binaryMode=true"]',
    json.dumps(json.dumps({"auth": TOKEN, "id": SIGNED})),
    f'{{"{CHANNEL[:4]}":"\\u0030{CHANNEL[1:]}"}}',
    f'"{SIGNED}"',
]
UNREADABLE = [
    f'{{"module_id":"pull","params":{{"token":"{TOKEN}","id":"{SIGNED}',
    f"#!NGINXNMS!#{{channel:{CHANNEL}}}",
    f"https://acme.bitrix24.com/rest/1/{WEBHOOK}/",
]


def rows() -> pd.DataFrame:
    """Return messages that hold secrets."""
    return frame(
        *map(service, PARAMS),
        service(PARAMS[0], "Pull", "CHANNEL_EXPIRE"),
        *(BadFrame(raw, f"not JSON: {raw}", None, ARRIVAL) for raw in UNREADABLE),
    )


def content(path: Path) -> str:
    """Return all that a file shows."""
    if path.suffix == ".xlsx":
        return "\n".join(str(cell) for row in sheet(path)[1] for cell, _ in row)
    if path.suffix == ".parquet":
        return pd.read_parquet(path).to_csv()
    return path.read_text()


WRITERS: dict[str, Callable[..., Path]] = {
    "e.csv": bx.to_csv,
    "e.jsonl": bx.to_jsonl,
    "e.parquet": bx.to_parquet,
    "e.xlsx": bx.to_excel,
}
VIEWS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "events": lambda df: df,
    "by time": lambda df: df.set_index("received_at"),
    "params alone": lambda df: df[["params"]],
    "with more columns": lambda df: df.assign(mine=df["params"]),
    "expanded": lambda df: bx.expand_params(df.iloc[:4]),
    "objects": lambda df: df.astype({"module_id": object, "params": object}),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", WRITERS)
def test_no_export_holds_a_secret_of_a_service_message(
    tmp_path: Path, name: str, view: str
) -> None:
    """Whichever columns people took; `reveal=True` writes all."""
    made = VIEWS[view](rows())
    written = content(WRITERS[name](made, tmp_path / name))
    assert [secret for secret in SECRETS if secret in written] == []
    revealed = content(WRITERS[name](made, tmp_path / name, reveal=True))
    assert CHANNEL in revealed
    assert TOKEN in revealed


CODE = "k7v2m9qz4x1c8b5n"
OAUTH = "8b0c3f67006f1e2a0000abcd0000001f8b0c3f67006f1e2a0000abcd0000001f6a2b"
SPELLINGS = [
    *('{"accessToken":"%"}', '{"clientSecret":"%"}', '{"channelId":"%"}', '{"auth-token":"%"}'),
    *('{"X-Bitrix-Csrf-Token":"%"}', '{"apiKey":"%"}', '{"webhookUrl":"%"}', '{"csrf":"%"}'),
    *('{"bitrix_sessid":"%"}', '{"publicId":"%"}', '{"sign":"%"}', '{"PASSWD":"%"}'),
    *('{"tokens":["%"]}', '{"token":{"value":"%"}}', '{"auth":{"n":[{"v":"%"}],"w":"%"}}'),
    *('{"h":"Bearer %"}', '{"h":"Authorization: %"}', '{"b":"AUTH_ID=%&REFRESH_ID=%"}'),
    *('{"u":"https://a.example/REST/1/%/"}', '{"u":"https://a.example/rest/%/"}'),
    *('{"u":"https%3A%2F%2Fa.example%2Frest%2F1%2F%%2F"}', '{"u":"/x?sessid=%"}'),
    *(r'{"u":"https:\\a.example\\rest\\1\\%\\"}', '{"u":"/x?auth[access_token]=%"}'),
    *('{"p":"a:1:{s:5:\\"token\\";s:16:\\"%\\";}"}', '{"t":"rest/1/%/profile"}'),
    *('{"u":"https://%@a.example/"}', '{"\\u0074oken":"%"}', '{ "token"\n:\n"%"}', '{"token":"%'),
]


@pytest.mark.parametrize("spelling", [*SPELLINGS, '{"x":"OAUTH"}', '{"x":"sess_OAUTH"}'])
def test_a_secret_is_known_by_its_key_or_its_look(tmp_path: Path, spelling: str) -> None:
    """In camel case, inside lists and objects of a secret key, in queries, headers and paths."""
    secret = OAUTH if "OAUTH" in spelling else CODE
    text = spelling.replace("OAUTH", OAUTH).replace("%2F%%2F", f"%2F{CODE}%2F")
    text = text if "%2F" in text else text.replace("%", CODE)
    df = frame(service(text), BadFrame(text, "not JSON", None, ARRIVAL))
    tables = [df, bx.expand_params(df), bx.expand_params(df, prefix="p_"), bx.schema(df)]
    tables.append(df.assign(module_id=None))
    for table in tables:
        assert secret not in content(bx.to_csv(table, tmp_path / "e.csv"))
    assert secret in content(bx.to_csv(df, tmp_path / "e.csv", reveal=True))


def test_a_number_of_a_secret_key_is_masked(tmp_path: Path) -> None:
    """As a text, so that the params stay JSON; other numbers stay numbers."""
    df = frame(service('{"token": 1234567890123456789, "auth":[123456789], "id":1234567890123456}'))
    back = bx.read_events(bx.to_csv(df, tmp_path / "e.csv"))["params"][0]
    assert json.loads(back) == {"token": "1234…789", "auth": ["…"], "id": 1234567890123456}


def test_only_the_secrets_change(tmp_path: Path) -> None:
    """All other characters stay, and every params that was JSON still is."""
    back = bx.read_events(bx.to_csv(rows(), tmp_path / "e.csv"))
    assert back["params"][0] == (
        '{"action":"reconnect","new_channel":{"id":"0123…13e","type":"shared"}}'
    )
    assert back["params"][1] == '{"channel" : { "id":"0123…def" }, "n": 1.50}'
    assert [json.loads(text) for text in back["params"]]
    others = ["received_at", "mid", "module_id", "command", "channel", "transport"]
    pd.testing.assert_frame_equal(back[others], rows()[others])
    revealed = bx.read_events(bx.to_csv(rows(), tmp_path / "e.csv", reveal=True))
    pd.testing.assert_frame_equal(revealed, rows())


@pytest.mark.parametrize("name", WRITERS)
def test_an_application_s_event_is_not_touched(tmp_path: Path, name: str) -> None:
    """A checksum looks like a channel's id, and a replay must equal the capture."""
    df = frame(service(f'{{"file":"{CHANNEL}","token":"{TOKEN}"}}', "crm", "fileAdded"))
    written = content(WRITERS[name](df, tmp_path / name))
    assert CHANNEL in written
    assert TOKEN in written


@pytest.mark.parametrize("text", ["5", "null", "[]", '""', '{"id":15,"channel":"shared"}', "-1e3"])
def test_harmless_params_of_a_service_message_stay(text: str) -> None:
    """Byte by byte."""
    assert masked_json(text) == text


def test_a_journal_stays_raw(tmp_path: Path) -> None:
    """It has to bring back what came over the wire, and its docs say so; its export is masked."""
    with bx.Sandbox() as box:
        portal = bx.connect(box.url, token=box.token)
        feed = bx.listen(portal, "shared", journal=tmp_path / "journal")
        box.publish("note", {"new_channel": {"id": SIGNED}}, module_id="pull")
        feed.wait(1, timeout=10)
        exported = feed.to_csv(tmp_path / "e.csv").read_text()
        revealed = feed.to_csv(tmp_path / "e.csv", reveal=True).read_text()
        feed.stop()
        portal.close()
    assert SIGNED in bx.read_events(tmp_path / "journal")["params"][0]
    assert SIGNED in revealed
    assert CHANNEL not in exported
    assert "not masked" in (bx.Journal.__doc__ or "")
