"""Pseudonyms: the same for the same person, none for what is not personal, no way to the key."""

import copy
import json
import pickle
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bxpull_nb as bx
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Arrival, BadFrame, Batch, Event, Position, Record
from bxpull_nb.privacy import Pseudonyms, private_batch
from bxpull_nb.privacy.birthdays import coarse_birthday
from bxpull_nb.privacy.params import Params
from bxpull_nb.storage.journal.record import batch_of, pack_batch, scan
from tests.support.hostile_values import HOSTILE
from tests.support.json_values import json_values

KEY = "the key of these tests, and no other"


OF_TEXTS = sorted(name for name in dir(Pseudonyms) if not name.startswith("_"))
for other in ("name_fields", "remember_in", "save"):
    OF_TEXTS.remove(other)


@pytest.fixture
def by() -> Pseudonyms:
    """Pseudonyms that know no name yet."""
    return Pseudonyms(KEY)


def rewritten(by: Pseudonyms, params: Any) -> Any:
    """The params of one event with pseudonyms."""
    one = Params(json.dumps(params).encode(), "test", by)
    one.learn()
    return json.loads(one.rewritten())


@pytest.mark.parametrize(
    "spelling", ["Anna Berg", "anna berg", "ANNA BERG", "Berg, Anna", "Berg Anna", "Anna_Berg"]
)
def test_a_person_has_one_pseudonym_in_every_spelling(by: Pseudonyms, spelling: str) -> None:
    """Case, order and separators do not matter, nor whether it is a field or a text."""
    person = by.person("Anna Berg")
    assert re.fullmatch("person-[0-9a-f]{10}", person)
    assert by.person(spelling) == person
    by.learn("Anna Berg")
    assert by.text(f"ask {spelling}, please") == f"ask {person}, please"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ивана Петрова нет", "{} нет"),
        ("позвони Ивану Петрову", "позвони {}"),
        ("с Петровым Иваном", "с {}"),
        ("ИВАН ПЕТРОВ", "{}"),
    ],
)
def test_russian_cases_are_the_same_person(by: Pseudonyms, text: str, expected: str) -> None:
    """A name changes its ending in a sentence."""
    by.learn("Иван Петров")
    assert by.text(text) == expected.format(by.person("Иван Петров"))


def test_short_russian_names_have_cases_too(by: Pseudonyms) -> None:
    """The stem of Ада has two letters."""
    by.learn("Ада Лавлейс")
    assert by.text("спроси Аду Лавлейс") == f"спроси {by.person('Лавлейс Ада')}"


def test_fields_of_one_person_have_one_pseudonym(by: Pseudonyms) -> None:
    """First, last and whole name; with the patronymic in a text too."""
    user = {"NAME": "Иван", "SECOND_NAME": "Олегович", "LAST_NAME": "Петров", "ID": "7"}
    found = rewritten(by, {"user": user, "text": "Петров Иван Олегович и Иван Олегович"})
    person = by.person("Петров Иван")
    assert set(found["user"].values()) == {person, "7"}
    assert found["text"] == f"{person} и {person}"


def test_an_apostrophe_may_be_escaped(by: Pseudonyms) -> None:
    """PHP escapes it in most texts of a portal."""
    by.learn("Sean O'Brien")
    person = by.person("Sean O’Brien")
    texts = [by.text(f"Sean O{mark}Brien") for mark in ("'", "’", "&#039;", "&#39;", "&apos;")]
    assert texts == [person] * 5


def test_parts_of_other_words_are_no_names(by: Pseudonyms) -> None:
    """Only whole words are replaced."""
    by.learn("Ann Lee")
    assert by.text("annual sleep, Annie") == "annual sleep, Annie"
    assert by.text("ann's car, Ann-Marie").count("person-") == 2


@pytest.mark.parametrize(
    "number",
    [
        "+7 (912) 345-67-89", "8 912 345 67 89", "89123456789", "+79123456789",
        "7-912-345-67-89", "912.345.67.89", "(912) 345 67 89", "7 (912) 3456789",
        "+7\u00a0912\u00a0345\u00a067\u00a089", "8(912)345-67-89",
    ],
)  # fmt: skip
def test_a_phone_keeps_its_shape_in_every_format(by: Pseudonyms, number: str) -> None:
    """With and without the country's code the ten digits are the same, and begin with 0."""
    found = by.text(f"call {number}.").removeprefix("call ").removesuffix(".")
    assert re.sub(r"\d", "1", found) == re.sub(r"\d", "1", number)
    digits = "".join(filter(str.isdigit, found))
    expected = "".join(filter(str.isdigit, by.phone("9123456789")))
    assert digits[-10:] == expected
    assert expected[0] == "0"
    assert expected != "9123456789"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-27 15:59:26", "2026-11-27T15:59:26+03:00", "27.11.2026 15:59", "11/27/2026",
        "1 250 000.00", "12 500 000", "1250000.75", "192.168.100.200", "1790072438", "v1.2.345",
        "1790072438123", "550e8400-e29b-41d4-a716-446655440000", "deal 15 of 1234", "12:30-14:45",
        "17104941040000000000000001", "C4:WON", "10-20-30", "90%20sure", "a%",
    ],
)  # fmt: skip
def test_dates_amounts_and_ids_are_no_phones(by: Pseudonyms, text: str) -> None:
    """They stay, also within a sentence."""
    assert by.text(text) == text
    assert by.text(f"see {text} there") == f"see {text} there"


@pytest.mark.parametrize(
    "text",
    ["a.b@x.de", "A.B@X.DE", "mailto:a.b@x.de", "<a.b@x.de>", "m=a.b%40x.de", "a.b@x.de."],
)
def test_an_address_has_one_pseudonym(by: Pseudonyms, text: str) -> None:
    """In any case, and with the escape of a link."""
    expected = by.mail("a.b@x.de")
    assert re.fullmatch(r"mail-[0-9a-f]{10}@example\.invalid", expected)
    assert by.text(text).replace("%40", "@").count(expected) == 1
    assert "a.b" not in by.text(text).lower()


@pytest.mark.parametrize(
    ("birthday", "expected"),
    [
        ("1987-03-14", "1987-01-01"),
        ("1987-03-14T09:30:00+03:00", "1987-01-01T00:00:00+03:00"),
        ("14.03.1987", "01.01.1987"),
        ("3/14/1987", "01/01/1987"),
        ("14-03", "01-01"),
        ("14 марта 1987", "1987"),
        ("March 14", ""),
        ("", ""),
    ],
)
def test_a_birthday_keeps_its_year_and_form(by: Pseudonyms, birthday: str, expected: str) -> None:
    """The day and the month go; a form that is unknown leaves the year alone."""
    assert rewritten(by, {"user": {"PERSONAL_BIRTHDAY": birthday}}) == {
        "user": {"PERSONAL_BIRTHDAY": expected}
    }
    assert coarse_birthday("soon") is None


def test_numbers_ids_and_things_stay_as_they_were(by: Pseudonyms) -> None:
    """Byte for byte: fractions with their zeros, integers of any size, ids, stages, products."""
    text = (
        '{"ID":"79123456789","dealId":79123456789,"sum":1250.00,"big":123456789012345678901234,'
        '"STAGE_ID":"C4:WON","items":[{"name":"Coffee Beans","price":1.10,"sku":"4601234567890"}],'
        '"file":{"name":"Annual Report.pdf"},"TITLE":"Order 1234","date":"2026-11-27","ok":true}'
    )
    by.learn("Won Order")
    one = Params(text.encode(), "dealUpdate", by)
    one.learn()
    changed = one.rewritten().decode()
    assert changed == text.replace('"Order 1234"', f'"{by.person("order")} 1234"')


def test_keys_are_rewritten_and_none_is_lost(by: Pseudonyms) -> None:
    """Two spellings of one address become two keys."""
    found = rewritten(by, {"a@x.de": 1, "A@x.de": 2, "+7 912 345-67-89": 3, "15": 4, "name_x": 5})
    assert sorted(found.values()) == [1, 2, 3, 4, 5]
    assert found[by.mail("a@x.de")] == 1
    assert found[by.phone("+7 912 345-67-89")] == 3
    assert {"15", "name_x"} <= found.keys()


@pytest.mark.parametrize(
    "params",
    [
        {"users": {"5": {"id": 5, "name": "Olga Roth", "avatar": ""}}},
        {"author": "Olga Roth"},
        {"field": "LAST_NAME", "from": "Roth", "to": "Olga"},
        {"data": json.dumps({"NAME": "Olga", "LAST_NAME": "Roth"})},
        {"data": json.dumps({"x": [json.dumps({"user": {"name": "Olga Roth"}})]})},
        {"text": "[USER=5]Olga Roth[/USER] hello"},
        {"ASSIGNED_BY_NAME": "Olga", "ASSIGNED_BY_LAST_NAME": "Roth"},
        {"members": {"Olga Roth": 1}},
        {"EMAIL": "Olga Roth <o@x.de>"},
        {"fullName": "Roth, Olga"},
        {"UF_DIRECTOR": "Olga Roth"},
        {"items": [{"id": 5, "entityId": "user", "title": "Olga Roth"}]},
        {"TITLE": "Olga Roth", "NAME": "Olga", "LAST_NAME": "Roth", "PHONE": []},
        {"RESPONSIBLE_NAME": "ROTH OLGA"},
        {"customer": {"name": "olga roth"}},
        {"text": "x", "senders": [{"name": "Olga Roth"}]},
    ],
)
def test_a_name_is_met_in_many_places(params: dict[str, Any]) -> None:
    """And is replaced there, and in a later text."""
    by = Pseudonyms(KEY, names=["UF_DIRECTOR"])
    shown = json.dumps(rewritten(by, params)) + json.dumps(rewritten(by, {"text": "olga roth"}))
    assert not re.search("olga|roth", shown, re.IGNORECASE)


def test_another_key_gives_other_pseudonyms(by: Pseudonyms) -> None:
    """Equal keys are equal, so that a cell may be run again."""
    other = Pseudonyms(KEY + "!")
    assert by.person("Anna Berg") != other.person("Anna Berg")
    assert by.phone("9123456789") != other.phone("9123456789")
    assert by == Pseudonyms(KEY.encode())
    assert hash(by) == hash(Pseudonyms(KEY))
    assert by != other
    assert by != KEY


def test_names_are_remembered_without_being_written(tmp_path: Path) -> None:
    """A later process with the same key knows them; the file holds digests only, and may be cut."""
    before, after, other = (Pseudonyms(key) for key in (KEY, KEY, f"{KEY}!"))
    before.learn("Ольга Рот")
    before.remember_in(tmp_path)
    rewritten(before, {"user": {"name": "Anna Berg", "phone": "345678", "login": "anna_b7"}})
    before.save()
    [path] = tmp_path.iterdir()
    text = path.read_text()
    assert re.fullmatch(r"([a-z][0-9a-f]{16} (person-)?[0-9a-f]*\n)+", text)
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text(f"{text}w0123")  # a process was killed within a line
    for later in (after, other):
        later.remember_in(tmp_path)
    shown = after.text("Рот Ольге, ANNA berg, 34-56-78, @Anna_B7")
    person, anna = before.person("Ольга Рот"), before.person("Anna Berg")
    assert shown == f"{person}, {anna}, {before.phone('34-56-78')}, @{before.handle('anna_b7')}"
    assert other.text("Ольга Рот") == "Ольга Рот"
    after.learn("Eva Klein")
    after.save()
    third = Pseudonyms(KEY)
    third.remember_in(tmp_path)
    assert third.text("klein eva; anna berg") == f"{before.person('Eva Klein')}; {anna}"


def test_the_key_cannot_be_had_from_the_object(by: Pseudonyms) -> None:
    """It is in no repr, no attribute, no pickle and no copy."""
    attributes = [repr(getattr(by, name)) for name in Pseudonyms.__slots__]
    assert KEY not in "".join([repr(by), str(by), *attributes])
    for work in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(SettingsError, match="must not leave the process"):
            work(by)


@pytest.mark.parametrize("key", ["", "short", b"0123456789", None, 1234567890123456789])
def test_a_key_that_can_be_guessed_is_refused(key: Any) -> None:
    """And is not shown."""
    with pytest.raises(SettingsError, match=r"secrets.token_hex\(32\)") as refused:
        Pseudonyms(key)
    assert not key or str(key) not in str(refused.value)


def test_a_bare_key_is_no_privacy(sandbox: bx.Sandbox) -> None:
    """`privacy=` takes Pseudonyms; the key is not shown."""
    with bx.connect(sandbox.url, token=sandbox.token) as portal:
        with pytest.raises(SettingsError, match="give privacy=") as refused:
            bx.listen(portal, privacy=KEY)  # type: ignore[arg-type]
        assert KEY not in str(refused.value)
        one, two = (portal.feed(privacy=Pseudonyms(KEY)) for _ in range(2))
        assert one is two
        assert one is not portal.feed()


def test_a_dataframe_is_rewritten_as_a_feed_is(by: Pseudonyms) -> None:
    """The names of later rows are replaced in earlier ones, and the given table stays."""
    rows = ['{"text":"Anna Berg called"}', '{"user":{"name":"Anna Berg"},"n":1.10}', None, "Anna"]
    given = pd.DataFrame({"command": ["a", "b", None, "c"], "params": rows}, index=[3, 4, 5, 6])
    found = bx.pseudonymised(given, KEY)
    person = by.person("Anna Berg")
    assert found["params"].tolist()[:2] == [
        f'{{"text":"{person} called"}}',
        f'{{"user":{{"name":"{person}"}},"n":1.10}}',
    ]
    assert found["params"].iloc[3] == '"withheld: 4 bytes that could not be read"'
    assert found["params"].isna().tolist() == [False, False, True, False]
    assert given["params"].iloc[0] == rows[0]
    assert list(found.index) == [3, 4, 5, 6]
    with pytest.raises(SettingsError, match="no DataFrame with a column params"):
        bx.pseudonymised(given[["command"]], KEY)


@given(st.lists(json_values, max_size=4))
def test_any_params_stay_valid_and_keep_their_shape(given: list[Any]) -> None:
    """And a journal returns the records that a target got."""
    by = Pseudonyms(KEY)
    arrival = Arrival(1, "shared", "websocket")
    records = [
        Event(f"{n:026}", "m", "c", json.dumps(one).encode(), 1.5, "client:x", arrival)
        for n, one in enumerate(given)
    ]
    batch = private_batch(Batch(records, "frame", "json", ("9" * 26,), (7,), Position("1")), by)
    assert [shape(r.params) for r in batch.records] == [shape(r.params) for r in records]
    for one, other in zip(batch.records, records, strict=True):
        assert (one.mid, one.module_id, one.command) == (other.mid, other.module_id, other.command)
        assert (one.server_time_unix, one.sender, one.arrival) == (1.5, "client:x", arrival)
    if records:
        [found] = scan(pack_batch(batch, batch.position), 0)
        read = batch_of(found.head, found.body)  # type: ignore[union-attr, arg-type]
        assert read.records == batch.records
        assert read.duplicates == ("9" * 26,)


_KEYS = "NAME LAST_NAME name PHONE EMAIL BIRTHDATE IM title users type field value data 15 +7912"
_TEXTS = "user Anna 1987-03-14 +79123456789 [{}] {'a':1} a@x.de %41 \u0301 [USER=5]b[/USER] \ud83d"
personal: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(_TEXTS.replace("'", '"').split())
    | st.text(max_size=8)
    | st.integers()
    | st.floats()
    | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_KEYS.split()) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.lists(personal, max_size=3))
def test_no_value_of_a_personal_field_breaks_it(given: list[Any]) -> None:
    """The params are JSON again, and a second time changes no pseudonym of a name or an e-mail."""
    by = Pseudonyms(KEY)
    for one in given:
        params = Params(json.dumps(one).encode(), "userUpdate", by)
        params.learn()
        first = params.rewritten()
        json.loads(first)
        again = Params(first, "userUpdate", by)
        again.learn()
        found = re.compile(rb"(?:person|mail)-[0-9a-f]{10}")
        assert sorted(found.findall(again.rewritten())) == sorted(found.findall(first))


def shape(value: Any) -> Any:
    """The value with the type of each text in its place, and the number of keys."""
    if isinstance(value, dict):
        return sorted(str(shape(one)) for one in value.values())
    if isinstance(value, list):
        return [shape(one) for one in value]
    return "text" if isinstance(value, str) else value


def test_unreadable_messages_keep_their_mid_and_nothing_else(by: Pseudonyms) -> None:
    """Also where params are nested too deeply to be searched."""
    deep = b"[" * 5_000 + b'"Anna Berg"' + b"]" * 5_000
    records: list[Record] = [
        BadFrame('{"mid":"1", Anna Berg', "not JSON", "1" * 26, is_torn=True),
        Event("2" * 26, "m", "c", deep),
        Event("3" * 26, None, None, b'"Anna Berg"'),
    ]
    by.learn("Anna Berg")
    batch = private_batch(Batch(records, "frame Anna Berg", "text"), by)
    assert [type(one) for one in batch.records] == [BadFrame, Event, Event]
    assert [one.mid for one in batch.records] == ["1" * 26, "2" * 26, "3" * 26]
    assert batch.records[1].params == "withheld: 10,011 bytes that could not be read"
    assert batch.records[2].params == by.person("Anna Berg")
    assert "Anna" not in f"{batch.frame!r}{list(batch.records)}"


@pytest.mark.parametrize("name", OF_TEXTS)
def test_only_a_text_has_a_pseudonym(by: Pseudonyms, name: str) -> None:
    """Any text is taken; another value is an error of ours, which names its type only."""
    method: Callable[..., object] = getattr(by, name)
    if name == "learn_name":
        method = partial(method, alone=True)
    for value in HOSTILE.values():
        if isinstance(value, str):
            method(value)
            continue
        with pytest.raises(SettingsError, match=f"instead of a {type(value).__name__}"):
            method(value)
    with pytest.raises(SettingsError) as raised:
        method(b"Anna Berg")
    assert str(raised.value) == "Pseudonyms: give a text instead of a bytes."


def test_only_a_path_is_a_folder_to_remember_names_in(by: Pseudonyms) -> None:
    """A text may be a name that was given by mistake."""
    for value in HOSTILE.values():
        with pytest.raises(SettingsError, match=f"give a Path instead of a {type(value).__name__}"):
            by.remember_in(value)
