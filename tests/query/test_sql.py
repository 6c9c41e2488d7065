"""SQL on events: right answers, one sentence for each mistake, and no way out."""

import json
import re
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bxpull_nb as bx
from bxpull_nb.errors import FileFormatError, QueryFailed
from bxpull_nb.models import Arrival, BadFrame, Event
from bxpull_nb.params.engine import opened
from bxpull_nb.params.path import Path as JsonPath
from bxpull_nb.query.statement import parsed
from tests.support.events import PORTAL, collected, tens
from tests.support.json_values import json_objects, json_values
from tests.support.rows import event, frame, with_params


def answer(query: str, *params: str) -> list[tuple[Any, ...]]:
    """Return the rows of the answer on events with these params."""
    df = frame(*(with_params(text.encode()) for text in params))
    return list(bx.sql(df, query).itertuples(index=False, name=None))


def test_events_are_counted_by_a_path() -> None:
    """The question of every day, on a feed's own method too."""
    df = frame(*(with_params(b'{"stage":"%s"}' % stage) for stage in (b"NEW", b"WON", b"NEW")))
    query = "select params->>'$.stage' as stage, count(*) as n from events group by 1 order by 1"
    feed = bx.replay(df, speed=float("inf"))
    feed.wait(3, timeout=10)
    for found in (bx.sql(df, query), feed.sql(query)):
        assert found.to_dict("list") == {"stage": ["NEW", "WON"], "n": [2, 1]}
    feed.stop()


@settings(max_examples=60, deadline=None)
@given(st.lists(json_values | json_objects, min_size=1, max_size=4), st.data())
def test_a_path_in_sql_is_what_a_loop_finds(values: list[Any], data: st.DataObject) -> None:
    """Whatever keys and numbers there are; a NUL ends every SQL, in a key too."""
    found_keys = {key for value in values if isinstance(value, dict) for key in value}
    keys = sorted(key for key in found_keys if "\0" not in key)
    path = JsonPath.keys(data.draw(st.sampled_from(keys))) if keys else JsonPath()
    place = path.json_path.replace("'", "''")
    found = answer(f"select params->'{place}' from events", *map(json.dumps, values))
    for (cell,), value in zip(found, values, strict=True):
        expected = next(path.find(value), None)
        assert (json.loads(cell) if isinstance(cell, str) else None) == expected


def test_answers_have_types_that_keep_every_value() -> None:
    """Integers stay integers next to missing ones, and when they are added up."""
    query = """
        select sum(n) as total, max(n) as most, count(*) as rows, avg(n) > 1 as many,
               min(received_at) as first, max(lag) as lag, min(n / 2) as half, any_value(t) as t
        from (select *, (params->>'$.n')::bigint as n, params->>'$.t' as t from events)
    """
    rows = [event(9007199254740993), event(1), Event("2", "crm", "x", b"{}", None, None)]
    found = bx.sql(frame(*rows), query)
    assert found.dtypes.astype(str).tolist() == [
        *("Int64", "Int64", "Int64", "boolean", "datetime64[us, UTC]", "timedelta64[us]"),
        *("Float64", "str"),
    ]
    assert found.loc[0, "total"] == 9007199254740994
    assert found.loc[0, "most"] == 9007199254740993
    assert found.loc[0, "first"] == pd.Timestamp("2026-01-01 00:00:00.5", tz="UTC")
    assert found.loc[0, "lag"] == pd.Timedelta("250ms")


def test_numbers_beyond_64_bits_are_exact() -> None:
    """As Python's own integers; and 1e400 is a text that does no harm."""
    [(big,)] = answer(
        "select (params->>'$.n')::hugeint from events", '{"n": 1180591620717411303424}'
    )
    assert big == 1 << 70
    assert answer("select params->>'$.n' from events", '{"n":1e400}', '{"n":2}') == [
        ("1e400",),
        ("2",),
    ]


def test_a_text_that_is_no_json_harms_no_other_row() -> None:
    """It is a JSON string, as that of an unreadable message."""
    query = "select params->>'$.n' as n, json_type(params) as kind from events"
    df = frame(
        with_params(b'{"n": 1}'), with_params(b"{oops"), BadFrame("x", "no", None, Arrival())
    )
    found = bx.sql(df, query)
    assert found["kind"].tolist() == ["OBJECT", "VARCHAR", "VARCHAR"]
    assert found["n"].isna().tolist() == [False, True, True]


def test_hours_are_those_of_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the machine is."""
    monkeypatch.setenv("TZ", "Asia/Vladivostok")
    assert answer("select hour(received_at), received_at::date::text from events", "{}") == [
        (0, "2026-01-01")
    ]


def test_an_empty_source_has_an_empty_answer() -> None:
    """With columns."""
    assert list(bx.sql(bx.EventLog(), "select command, params from events")) == [
        "command",
        "params",
    ]
    assert answer("select count(*) from events") == [(0,)]


def test_describe_shows_the_columns() -> None:
    """`params` is JSON."""
    found = bx.sql(frame(), "describe events").set_index("column_name")["column_type"]
    assert found["params"] == "JSON"
    assert found["received_at"] == "TIMESTAMP WITH TIME ZONE"


def test_explain_shows_the_plan() -> None:
    """Over several lines, with the columns that are read."""
    plan = bx.sql(frame(event(1)), "select command from events", explain=True)
    assert "command" in plan
    assert "module_id" not in plan
    assert repr(plan).count("\n") > 2


def test_a_dataset_is_read_once_in_parts_and_only_where_needed(tmp_path: Path) -> None:
    """Two collectors, one answer; a damaged day harms only those who ask for it."""
    for name in ("a", "b"):
        collected(tmp_path / name, tmp_path / "d", tens(0, 200))
    count = "select count(*) as n, count(distinct mid) as mids from events"
    assert bx.sql(tmp_path / "d", count).iloc[0].tolist() == [200, 200]
    for path in (tmp_path / "d").rglob("*.parquet"):
        if "2026-01-03" in str(path):
            path.write_bytes(b"damaged")
    for where in (
        "date < '2026-01-03'",
        "date between '2026-01-01' and '2026-01-02'",
        "events.date = DATE '2026-01-02'",
        f"portal = '{PORTAL}' and '2026-01-01' = date",
        "portal in ('elsewhere.example')",
    ):
        found = bx.sql(tmp_path / "d", f"select count(*) as n from events where {where}")
        assert found.loc[0, "n"] in (87, 86, 173, 0), where
    with pytest.raises(FileFormatError, match="cannot be read as Parquet"):
        bx.sql(tmp_path / "d", count)
    days = bx.sql(tmp_path / "d", "select distinct date from events where date < '2026-01-02'")
    assert days["date"].tolist() == [date(2026, 1, 1)]


@pytest.mark.parametrize(
    ("where", "conditions"),
    [
        ("command = 'a'", [("command", "==", "a")]),
        ("'a' = command and n > 1", [("command", "==", "a")]),
        ("module_id in ('a', 'b')", [("module_id", "in", ["a", "b"])]),
        ("date >= '2026-01-31'", [("date", ">=", "2026-01-31")]),
        ("'2026-01-31' > date", [("date", "<", "2026-01-31")]),
        ("command = 'a' or n > 1", []),
        ("not command = 'a'", []),
        ("command != 'a'", []),
        ("command like 'a%'", []),
        ("date >= '2026-01'", []),
        ("lower(command) = 'a'", []),
        ("mid = 'a'", []),
    ],
)
def test_conditions_are_taken_from_where_only_if_every_row_must_meet_them(
    where: str, conditions: list[Any]
) -> None:
    """Others are left to the query itself."""
    with opened() as connection:
        found = parsed(connection, f"select n from events where {where}")
        assert list(found.conditions()) == conditions
        twice = f"select * from events where {where} union all select * from events"
        assert list(parsed(connection, twice).conditions()) == []
        joined = f"select * from events left join (select 1 as n) on true where {where}"
        assert list(parsed(connection, joined).conditions()) == []


@pytest.mark.parametrize(
    ("query", "once"),
    [
        ("select count(*) from events where mid > '1'", True),
        ("from events", True),
        ("select max(n) from (select count(*) as n from (from events) group by command)", True),
        ("with e as (from events) select * from e", False),
        ("select * from events where mid in (select max(mid) from events)", False),
        ("select (select count(*) from events)", False),
        ("select * from events union all select * from events", False),
        ("select * from events a join events b using (mid)", False),
    ],
)
def test_events_that_may_be_read_twice_are_not_streamed(query: str, once: bool) -> None:
    """A stream can be read only once."""
    with opened() as connection:
        assert parsed(connection, query).reads_once is once


def test_a_part_of_a_query_may_read_a_dataset_twice(tmp_path: Path) -> None:
    """All events both times."""
    collected(tmp_path / "a", tmp_path / "d", tens(0, 200))
    query = """
        with e as not materialized (select mid, date from events)
        select count(*) as n, (select count(*) from e) as again from e join e as f using (mid)
    """
    assert bx.sql(tmp_path / "d", query).iloc[0].tolist() == [200, 200]


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("select COMMAND from events", ["command"]),
        ("select count(*) from events", ["received_at"]),
        ("select * exclude (mid) from events", ["received_at", "mid", "command"]),
        ("from events", ["received_at", "mid", "command"]),
        ("with e as (select mid as m, command from events) select m from e", ["mid", "command"]),
        ("select columns('m.*') from events", ["received_at", "mid", "command"]),
        ("describe events", ["received_at", "mid", "command"]),
    ],
)
def test_only_columns_that_are_named_are_read(query: str, columns: list[str]) -> None:
    """All of them where the query may mean any."""
    with opened() as connection:
        found = parsed(connection, query).columns(["received_at", "mid", "command"])
    assert found == columns


ESCAPES = [
    "select * from read_csv('{file}')",
    "select * from read_text('{file}')",
    "select * from read_blob('{file}')",
    "select * from read_json('{file}')",
    "select * from read_parquet('{file}')",
    "select * from '{file}'",
    "select * from sniff_csv('{file}')",
    "select * from glob('{folder}/*')",
    "select * from read_text('http://127.0.0.1:9/x')",
    "select * from read_csv('s3://bucket/x.csv')",
    "select * from query('select * from read_text(''{file}'')')",
    "select getenv('HOME')",
    "select * from secret_variable",
    "copy events to '{folder}/out.csv'",
    "copy (select 1) to '{folder}/out.csv'",
    "attach '{folder}/other.db'",
    "install httpfs",
    "load '{file}'",
    "set enable_external_access = true",
    "reset lock_configuration",
    "pragma enable_external_access",
    "export database '{folder}/out'",
    "create table out as select * from events",
    "insert into events select * from events",
    "drop view events",
    "call pragma_version()",
    "explain analyze select * from read_text('{file}')",
    "select 1; copy (select 1) to '{folder}/out.csv'",
    "select 1; set enable_external_access = true; select * from read_text('{file}')",
]


@pytest.mark.parametrize("query", ESCAPES)
def test_a_query_reaches_the_events_and_nothing_else(tmp_path: Path, query: str) -> None:
    """No file, no network, no variable, no setting; and the folder stays as it was."""
    secret_variable = pd.DataFrame({"a": [1]})
    file = tmp_path / "file.csv"
    file.write_text("secret\nvalue-4711\n")
    asked = query.format(file=file, folder=tmp_path)
    with pytest.raises(QueryFailed) as failure:
        bx.sql(frame(event(1)), asked)
    assert "4711" not in str(failure.value)
    with suppress(QueryFailed):
        assert "4711" not in bx.sql(frame(event(1)), asked, explain=True)
    assert list(tmp_path.iterdir()) == [file]
    assert len(secret_variable) == 1


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "the query is not one statement"),
        ("selec 1", r'cannot be read: syntax error at or near "selec"\.$'),
        ("select", "cannot be read"),
        ("delete from events", "a query only reads: begin it with SELECT, WITH or FROM events"),
        ("select 1; select 2", "not one statement"),
        ("select nope from events", "nope.* columns received_at, server_time, lag, mid"),
        ("select * from deals", "deals does not exist. There is the table events with"),
        ("select params::int from events", "the query failed"),
        ("select nope(mid) from events", "nope does not exist"),
        (
            "select * from read_csv('/x')",
            "reach a file or the network; it may read the table events",
        ),
        (7, "7 is no SQL"),
        ("select 'a\0b'", "holds a NUL character"),
    ],
)
def test_a_mistake_is_one_sentence_that_helps(query: Any, message: str) -> None:
    """With what there is instead."""
    with pytest.raises(QueryFailed, match=re.compile(message, re.DOTALL)) as failure:
        bx.sql(frame(event(1)), query)
    assert "duckdb" not in str(failure.value).lower()
    assert "\n" not in str(failure.value)


def test_an_error_shows_no_secret() -> None:
    """A channel id that a cast chokes on is masked."""
    channel = "0123456789abcdef0123456789abcdef"
    with pytest.raises(QueryFailed) as failure:
        answer("select (params->>'$.id')::int from events", f'{{"id": "{channel}"}}')
    assert channel not in str(failure.value)
