"""What may be shown of a secret."""

from functools import partial
from time import process_time
from timeit import repeat

import pytest

from bxpull_nb.masking import (
    is_secret_name,
    listed,
    mask,
    mask_codes,
    mask_foreign,
    mask_text,
    mask_url,
    shown_path,
)

CHANNEL = "46a437d2336d4a88e4e9b3cd956ecf45.7910bb25e660bf211fdec15e33c5e25e4c3b644a"


def test_a_long_secret_keeps_its_ends_only() -> None:
    """Enough to distinguish two, too little to use."""
    assert mask(CHANNEL) == "46a4…44a"


def test_a_short_secret_is_not_shown_at_all() -> None:
    """The ends of a short secret would be most of it."""
    assert mask("0123456789abcde") == "…"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            f"wss://rt.example/sub/?CHANNEL_ID={CHANNEL}&mid=1&revision=19",
            "wss://rt.example/sub/?CHANNEL_ID=46a4…44a&mid=1&revision=19",
        ),
        (
            "https://acme.example/rest/1/abcdefghijklmnop/profile.json?auth=0123456789abcdef0",
            "https://acme.example/rest/1/abcd…nop/profile.json?auth=0123…ef0",
        ),
        ("https://acme.example/rest/profile", "https://acme.example/rest/profile"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    """Channel ids, tokens and webhook secrets are masked, the rest stays readable."""
    assert mask_url(url) == shown


def test_listed_names_are_short_and_on_one_line() -> None:
    """At most twenty, each cut, without characters that steer a terminal."""
    channel = "0123456789abcdef0123456789abcdef"
    assert listed([]) == "none"
    assert listed(["id", "a\nb"]) == "id, a\N{REPLACEMENT CHARACTER}b"
    assert listed(["k" * 70, channel]) == f"{'k' * 60}…, {mask(channel)}"
    assert listed(list(map(str, range(25)))).endswith("18, 19 and 5 more")
    assert listed(["responsibleIdentifierOfUser"]) == "responsibleIdentifierOfUser"


@pytest.mark.parametrize("word", ["x", "{", "x/"])
def test_a_long_word_is_masked_in_linear_time(word: str) -> None:
    """An argument of 10 000 characters took a second and a half to be refused."""
    begun = process_time()
    assert len(mask_foreign(word * 50_000)) <= 100_000
    assert process_time() - begun < 5


@pytest.mark.parametrize("part", ["x_", "x-", "é=", "_", f"{'x' * 16}_", "x_1 ", "1_x", ".x_"])
def test_a_word_four_times_as_long_takes_four_times_as_long(part: str) -> None:
    """A digit was looked for from each of its characters on, which took sixteen times as long."""

    def seconds(length: int) -> float:
        word = (part * length)[:length]
        return min(repeat(partial(mask_foreign, word), number=10, repeat=9, timer=process_time))

    assert seconds(4000) < 9 * seconds(1000)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a digit_in_a_long_word_1 hides it", "a … hides it"),
        ("words_without_a_digit stay", "words_without_a_digit stay"),
        ("sixteenlettersxy and a_sixteenlettersxy_z", "… and a_…_z"),
        ("sixteenlettersxy_1 sixteenlettersxy_1234567890_123456", "…_1 …"),
        ("sixteenlettersxy_and_more_of_it", "…_and_more_of_it"),
    ],
)
def test_long_words_with_a_digit_and_long_codes_are_masked(text: str, shown: str) -> None:
    """A word is what underscores, hyphens, plus and equals signs join."""
    assert mask_foreign(text) == shown


CODE = "k7v2m9qz4x1c8b5n"


@pytest.mark.parametrize(
    "text",
    [
        *(f"Authorization: Bearer {CODE}", f"'token': '{CODE}'", f'\\"token\\":\\"{CODE}\\"'),
        *(f"authToken: {CODE}", f"X-Api-Key: {CODE}", f"data[auth][access_token]={CODE}"),
        *(f"#access_token={CODE}", f"rest/1/{CODE}/profile", f"https:/u:{CODE}@acme.example"),
        *(f"'client_secret' => '{CODE}'", f"auth%5Baccess_token%5D={CODE}", f"basic {CODE}=="),
        *(f"https://a.example/Rest/{CODE}/", f"sess_{CODE * 0}{'0123456789abcdef' * 4}"),
    ],
)
def test_a_secret_in_words_is_masked(text: str) -> None:
    """By the name before it, or by its look."""
    shown = mask_text(text)
    assert CODE not in shown
    assert "0123456789abcdef" not in shown
    assert "…" in shown


@pytest.mark.parametrize(
    "text",
    [
        *("The access token provided is invalid", "token: expected a text", "auth: none"),
        *("Bearer authentication is needed", "https://a.example/rest/crm.deal.list.json"),
        *("https://a.example/rest/profile", "author=Ada&sort=id", "interest/1/items"),
        *("the signature: see below", "signed=yes", "1790000000", "https://a.example/crm/deal/5/"),
    ],
)
def test_words_without_a_secret_stay(text: str) -> None:
    """Prose that speaks of tokens, methods, and other names."""
    assert mask_text(text) == text


def test_masking_takes_time_in_proportion() -> None:
    """Also for texts that almost match at each of their characters."""
    for part in (
        "a",
        "token",
        "rest/",
        "a=",
        '"a":',
        "//",
        "eyJ",
        "0123456789abcdef",
        "%5B",
        "[a]",
    ):
        began = process_time()
        assert mask_codes(part * 20_000)
        assert mask_foreign(part * 20_000)
        assert process_time() - began < 2  # seconds; squares would take twenty


@pytest.mark.parametrize(
    "name", ["token", "ACCESS_TOKEN", "clientSecret", "CHANNEL_ID", "X-Auth-Token", "passwords"]
)
def test_names_of_secrets_are_known_in_any_spelling(name: str) -> None:
    """Whatever is between their words."""
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["author", "tokenizer", "id", "designer", "authority", ""])
def test_other_names_are_not_those_of_secrets(name: str) -> None:
    """A part of a word is no word."""
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/home/ada/events-2026-11-27T10.csv", "/home/ada/events-2026-11-27T10.csv"),
        ("capture2026112701", "capture2026112701"),
        (f"https:/acme.example/rest/1/{CODE}", "https:/acme.example/rest/1/k7v2…b5n"),
        (CODE, "k7v2…b5n"),
        ("a\nb\udcff", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"),
        ("x/" * 500, f"…{'x/' * 150}"),
    ],
)
def test_a_path_is_shown_without_secrets(path: str, shown: str) -> None:
    """A person has to recognise the file, so its name stays."""
    assert shown_path(path) == shown
