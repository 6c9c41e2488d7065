"""Search: the language, right answers on hostile JSON, one sentence for each mistake."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bxpull_nb as bx
from bxpull_nb.errors import QueryFailed
from bxpull_nb.models import Arrival, BadFrame, Event
from bxpull_nb.params.path import Path as JsonPath
from bxpull_nb.query.search_text import Term, field_term, narrowed, params_name, parsed
from tests.support.rows import frame

US = 1_795_000_000_000_000  # 2026-11-18 11:06:40 UTC


def one(params: Any = None, **changes: Any) -> Event:
    """Return an event with these params, as JSON text or as a value."""
    text = params if isinstance(params, bytes) else json.dumps(params).encode()
    fields: dict[str, Any] = {
        "mid": "1",
        "module_id": "crm",
        "command": "dealUpdate",
        "params_json": text,
        "server_time_unix": US / 1e6,
        "sender": "7",
        "arrival": Arrival(US + 250_000, "shared", "websocket"),
    }
    return Event(**{**fields, **changes})


EVENTS = (
    one({"id": 15, "stage": "WON", "sum": "1500.00"}),
    one({"id": "15", "stage": "NEW", "user": {"name": "Пётр"}, "sum": 900}),
    one({"id": 150, "tags": ["a", "B"], "note": None}, command="dealDelete"),
    one({"text": 'say "hi"/\\ <b>'}, module_id="im", command="message", sender=None),
    one(b'{"name":"\\u041f\\u0451\\u0442\\u0440"}', command=None, module_id=None),
    BadFrame("half a won frame", "no mid", None, Arrival(US + 60_000_000, "private", "polling")),
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", [0, 1, 2, 3, 4, 5]),
        ("won", [0, 5]),
        ('"WON"', [0]),
        ('"won"', [5]),
        ("WON stage", [0]),
        ("won OR message", [0, 3, 5]),
        ("module:im OR command:dealUpdate params.stage:new", [1, 3]),
        ("deal -won", [1, 2]),
        ("-deal -won", [3, 4]),
        ("command:dealupdate", [0, 1]),
        ('command:"dealupdate"', []),
        ("command:deal*", [0, 1, 2]),
        ('command:"deal*"', []),
        ("-command:*", [4, 5]),
        ("пётр", [1, 4]),
        ('"Пётр"', [1, 4]),
        ('"пётр"', []),
        ("041", []),
        ("params.id:15", [0, 1]),
        ("params.id:15*", [0, 1, 2]),
        ("params.id>15", [2]),
        ("params.id>=15 -params.id:150", [0, 1]),
        ("params.sum:1500", [0]),
        ("params.sum>1000", [0]),
        ("params.sum<=900.0", [1]),
        ("params.stage>O", [0]),
        ("params.user.name:пётр", [1]),
        ("params.tags[]:b", [2]),
        ('params.tags[]:"b"', []),
        ("params.tags[1]:B", [2]),
        ("params.note:null", [2]),
        ("params.note:*", [2]),
        ("params.tags[]:*", [2]),
        ("-params.id:*", [3, 4, 5]),
        ('"say \\"hi\\"/\\\\ <b>"', [3]),
        ('params.text:"say \\"hi\\"/\\\\ <b>"', [3]),
        ("params:won", [0, 5]),
        ("error:mid", [5]),
        ("error:*", [5]),
        ("sender:7 -command:deal*", [4]),
        ("channel:private", [5]),
        ("transport:poll*", [5]),
        ("lag:250", [0, 1, 2, 3, 4]),
        ("lag>0.25s", []),
        ("lag>=250ms -deal", [3, 4]),
        ("-lag:*", [5]),
        ("time:2026-11-18", [0, 1, 2, 3, 4, 5]),
        ("time:2026-11-18T11:07", [5]),
        ("time>=2026-11-18T11:07Z", [5]),
        ('time<"2026-11-18 11:06:40.3" won', [0]),
        ("server_time:*", [0, 1, 2, 3, 4]),
        ("https://a.b", []),
        ('"WON', [0]),
        ("-", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_a_search_finds_what_it_means(text: str, rows: list[int]) -> None:
    """Each rule of the language has a row here; rows keep their numbers."""
    found = rows if text != "-" else []
    assert bx.search(frame(*EVENTS), text).index.tolist() == found


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a OR", "OR needs a word on both sides"),
        ("OR", "OR needs a word on both sides"),
        ("stage:WON", "there is no field 'stage': write params.stage"),
        ("command:", "'command:' lacks a value"),
        ("command>a", "'command' has no order: write command:a"),
        ("params.a[:b", "holds no path"),
        ("lag>soon", "is no time: write lag>250"),
        ("time>12:30", "is no time: write time>2026-01-31T12:30"),
        ("time:2026-02-30", "is no time"),
    ],
)
def test_a_mistake_is_one_sentence(text: str, sentence: str) -> None:
    """It names what is wrong, and what to write."""
    with pytest.raises(QueryFailed) as failure:
        bx.search(frame(*EVENTS), text)
    assert sentence in str(failure.value)
    assert "\n" not in str(failure.value)


def test_every_source_is_searched(tmp_path: Path) -> None:
    """A feed, a file and a table of Arrow give the same events; a feed keeps its numbers."""
    df = frame(*EVENTS)
    feed = bx.replay(df, speed=float("inf"))
    feed.wait(6, timeout=10)
    assert feed.search("won").index.tolist() == [0, 5]
    path = bx.to_parquet(df, tmp_path / "events.parquet")
    for source in (path, feed.log):
        assert len(bx.search(source, "params.id:15 -new")) == 1
    feed.stop()


def test_events_without_a_column_are_named() -> None:
    """A table that lacks what the search reads is refused."""
    with pytest.raises(QueryFailed, match="lack the column lag"):
        bx.search(frame(*EVENTS).drop(columns="lag"), "lag>1")


def test_bad_json_and_half_characters_stop_nothing() -> None:
    """A text that is no JSON has no values; half a surrogate pair is a question mark."""
    df = frame(*EVENTS).iloc[:2].copy()
    df["params"] = ['{"stage":', '{"stage":"WON","half":"\\ud83d"}']
    assert bx.search(df, "params.stage:WON").index.tolist() == [1]
    assert len(bx.search(df, "\ud83d")) == 0


def test_signs_that_only_some_encoders_escape_are_found() -> None:
    """A slash, tags and the delete sign, as PHP and Python write them."""
    for char in "/<>&'+\x7f\t":
        for written in (json.dumps(char)[1:-1], f"\\u{ord(char):04X}"):
            row = one(f'{{"v":"a{written}b"}}'.encode())
            assert len(bx.search(frame(row), field_term("params.v", f"a{char}b"))) == 1, written


texts = st.text(alphabet='aA1uU0dD"\\/<é\u0451Ёß🙂*-: \n.', max_size=6)


@settings(deadline=None)
@given(value=texts, other=texts, escaped=st.booleans())
def test_a_field_term_is_read_back_and_finds_its_own_value(
    value: str, other: str, escaped: bool
) -> None:
    """Whatever the value is: it is found, and only equal ones are."""
    assert parsed(field_term("params.v", value))[0][0].value == value
    rows = [one(json.dumps({"v": text}, ensure_ascii=escaped).encode()) for text in (value, other)]
    found = bx.search(frame(*rows), field_term("params.v", value))
    assert found.index.tolist() == [0, 1] if value == other else [0]


@settings(deadline=None)
@given(word=texts.filter(str.strip), value=texts, escaped=st.booleans(), exact=st.booleans())
def test_a_word_is_found_however_json_writes_it(
    word: str, value: str, escaped: bool, exact: bool
) -> None:
    """A text within a value is found, with escapes or without them."""
    quoted = word.replace("\\", "\\\\").replace('"', '\\"')
    row = one(json.dumps({"v": f"x {word} {value}"}, ensure_ascii=escaped).encode())
    search = f'"{quoted}"' if exact else f'"{quoted}" OR "{quoted}"'
    assert len(bx.search(frame(row), search)) == 1


@settings(deadline=None)
@given(st.text(alphabet='ab:<>=-"\\ ORparams.[]', max_size=20))
def test_any_text_is_a_search_or_one_sentence(text: str) -> None:
    """No other error leaves the parser."""
    try:
        found = parsed(text)
    except QueryFailed as failure:
        assert "\n" not in str(failure)  # noqa: PT017 - either is right
    else:
        assert all(isinstance(term, Term) for terms in found for term in terms)


def test_no_event_at_all_is_found_in_nothing() -> None:
    """An empty table has an answer too."""
    empty = frame(*EVENTS).iloc[:0]
    for text in ("", "won", "params.id:15", "params.tags[]:a", "lag>5", "time:2026-11-18"):
        assert bx.search(empty, text).equals(pd.DataFrame(empty))


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=3))
def test_a_path_of_any_keys_is_read_back(keys: list[str]) -> None:
    """Whatever the keys hold, the search finds the value below them."""
    value: Any = "here"
    for key in reversed(keys):
        value = {key: value}
    written = json.loads(json.dumps(value).encode(errors="replace"))
    path = JsonPath.keys(*(key.encode(errors="replace").decode() for key in keys))
    found = parsed(f"{params_name(path)}:here")[0][0]
    assert (found.path, list(path.find(written))) == (path, ["here"])
    assert len(bx.search(frame(one(value)), f"{params_name(path)}:here")) == 1


def test_a_search_is_narrowed_on_every_side() -> None:
    """The new term is in each alternative, once; the search may be empty."""
    assert narrowed("", "module:crm") == "module:crm"
    assert narrowed('"a b" OR -c', "d:e") == '"a b" d:e OR -c d:e'
    assert narrowed("a d:e OR c", "d:e") == "a d:e OR c d:e"
