"""Questions of some of the events: by conditions, and without reading what they exclude."""

from collections.abc import Callable
from functools import cache
from itertools import chain, count
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import pandas as pd
import pyarrow.parquet as pq
import pytest

import bxpull_nb as bx
from bxpull_nb.errors import FileFormatError, SettingsError
from bxpull_nb.params.conditions import Conditions
from bxpull_nb.query.entity_rules import EntityRule, known_rules
from bxpull_nb.query.membership import spans_of
from bxpull_nb.storage.dataset.part_names import Folder, part_name
from bxpull_nb.storage.dataset.storage import Storage
from tests.support.demo import demo_day
from tests.support.events import content_of

Question = Callable[..., Any]
QUESTIONS: dict[str, Question] = {
    "schema": bx.schema,
    "model": lambda events, **how: bx.model(events, "dealMove", **how),
    "entities": bx.entities,
    "trace": lambda events, **how: bx.trace(events, "deal", 1018, **how),
    "stages": lambda events, **how: bx.stages(events, "deal", **how),
    "pairs": lambda events, **how: bx.pairs(events, "5s", "orderId", **how),
    "compare": lambda events, **how: bx.compare(events, events, chance=1, **how),
    "explain": lambda events, **how: bx.explain(events, events, chance=1, **how),
    "unusual": lambda events, **how: bx.unusual(events, "30s", "30s", chance=1, **how),
}
WANTED = [("module_id", "in", ["crm", "application"]), ("mid", ">", "17954478440000000000000100")]
DAY = pd.Timedelta("1D")


@pytest.fixture(scope="module")
def df() -> pd.DataFrame:
    """Return a minute and a half of demo traffic."""
    return demo_day(2400, seed=5)[0].df


@pytest.fixture(scope="module")
def chosen_answers(df: pd.DataFrame) -> Callable[[str], Any]:
    """Return a function: the answer of a question of the chosen events, asked once each."""
    hold = Conditions(WANTED).hold
    chosen = df[[hold(one) for one in records(df)]]
    assert 100 < len(chosen) < 1500
    return cache(lambda name: QUESTIONS[name](chosen))


def same(one: Any, other: Any) -> None:
    """Assert that two answers are equal, tables or code."""
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
    else:
        assert one == other


def put(home: Path, portal: str, events: pd.DataFrame) -> None:
    """Add a part with these events to a dataset; all are of the day of the first."""
    content = content_of(events.reset_index(drop=True))
    day = str(events["server_time"].iloc[0].date())
    Storage(home).put(part_name(Folder(portal, day), "test", next(NUMBERS), 0, content), content)


NUMBERS = count(1)


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("kind", ["log", "file", "dask", "dataset"])
def test_the_answer_is_that_of_the_chosen_events(
    name: str,
    kind: str,
    df: pd.DataFrame,
    chosen_answers: Callable[[str], Any],
    tmp_path: Path,
) -> None:
    """In every place, as if the others were not there."""
    if kind == "dataset":
        put(tmp_path, "a", df)
    places: dict[str, Callable[[], Any]] = {
        "log": lambda: df,
        "file": lambda: bx.to_parquet(df, tmp_path / "e.parquet"),
        "dask": lambda: dd.from_pandas(df, npartitions=1),
        "dataset": lambda: tmp_path,
    }
    same(QUESTIONS[name](places[kind](), where=WANTED), chosen_answers(name))


def records(df: pd.DataFrame) -> Any:
    """Return the records of the rows."""
    from bxpull_nb.capture.recorded import recorded_rows

    return recorded_rows(df).records


@pytest.mark.parametrize("name", QUESTIONS)
def test_only_the_folders_of_the_portal_are_read(
    name: str, df: pd.DataFrame, tmp_path: Path
) -> None:
    """A damaged file of another portal harms only those who read it."""
    put(tmp_path, "a", df)
    put(tmp_path, "b", df)
    for path in tmp_path.rglob("portal=b/**/*.parquet"):
        path.write_bytes(b"PAR1 no more")
    same(QUESTIONS[name](tmp_path, where=[("portal", "==", "a")]), QUESTIONS[name](df))
    with pytest.raises(FileFormatError, match="cannot be read as Parquet"):
        QUESTIONS[name](tmp_path)


def damaged(home: Path, events: pd.DataFrame, *columns: str) -> None:
    """Add a part of which these columns cannot be read, nor any without names."""
    before = set(home.rglob("*.parquet"))
    put(home, "a", events)
    [path] = set(home.rglob("*.parquet")) - before
    content, group = bytearray(path.read_bytes()), pq.read_metadata(path).row_group(0)
    for chunk in map(group.column, range(group.num_columns)):
        if not columns or chunk.path_in_schema in columns:
            start = chunk.dictionary_page_offset or chunk.data_page_offset
            content[start : start + chunk.total_compressed_size] = bytes(
                chunk.total_compressed_size
            )
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["trace", "stages", "entities", "model"])
def test_parts_without_the_modules_of_the_rules_are_not_read(
    name: str, df: pd.DataFrame, tmp_path: Path
) -> None:
    """Nor those without the command of a class."""
    put(tmp_path, "a", df)
    damaged(tmp_path, df[df["command"] == "task_update"])
    ask = QUESTIONS[name] if name != "entities" else lambda events: bx.entities(events, "deal")
    same(ask(tmp_path), ask(df))
    with pytest.raises(FileFormatError):
        bx.schema(tmp_path)


def test_what_is_unusual_needs_the_days_of_its_windows(df: pd.DataFrame, tmp_path: Path) -> None:
    """The params of other days are not read, only the times."""
    put(tmp_path, "a", df)
    old = df.assign(
        received_at=df["received_at"] - 9 * DAY, server_time=df["server_time"] - 9 * DAY
    )
    damaged(tmp_path, old, "params")
    same(QUESTIONS["unusual"](tmp_path), QUESTIONS["unusual"](df))
    with pytest.raises(FileFormatError):
        bx.schema(tmp_path)


def test_portal_and_date_are_conditions_on_a_dataset_only(df: pd.DataFrame) -> None:
    """Elsewhere they are one sentence."""
    with pytest.raises(SettingsError, match="columns of a dataset, and this is none"):
        bx.schema(df, where=[("portal", "==", "a")])


def test_a_column_that_the_events_lack_is_named(df: pd.DataFrame) -> None:
    """Before anything is read."""
    with pytest.raises(SettingsError, match="lack the column sender"):
        bx.schema(df.drop(columns="sender"), where=[("sender", "==", "backend")])


@pytest.mark.parametrize("where", ["command == 'x'", 7, {"command": "x"}, [("command", "x")], [3]])
@pytest.mark.parametrize("name", QUESTIONS)
def test_other_values_are_no_conditions(name: str, where: Any, df: pd.DataFrame) -> None:
    """One sentence, which shows how to write them."""
    with pytest.raises(SettingsError, match=r"where=.*write"):
        QUESTIONS[name](df, where=where)


def test_every_spelling_of_a_name_is_in_its_range() -> None:
    """Also letters that only fold to Latin ones, such as the Kelvin sign."""
    alike: dict[str, list[str]] = {}
    for letter in map(chr, chain(range(0xD800), range(0xE000, 0x110000))):
        if letter.isascii() or letter.casefold() != letter:
            alike.setdefault(letter.casefold(), []).append(letter)
    for rule in known_rules():
        [(_, _, least), (_, _, greatest), *_] = spans_of([rule])
        for place in range(len(rule.module)):
            for end in range(place + 1, min(place + 4, len(rule.module) + 1)):
                for other in alike.get(rule.module[place:end], []):
                    spelling = rule.module[:place] + other + rule.module[end:]
                    assert least <= spelling <= greatest
                    assert least <= spelling.upper() <= greatest or not spelling.upper().isascii()


def test_names_in_other_letters_have_no_range() -> None:
    """So that all events are looked at."""
    rule = bx.entity("счёт", module="Учёт", path="id")
    assert isinstance(rule, EntityRule)
    assert spans_of([rule]) == []
