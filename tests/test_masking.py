"""What may be shown of a secret."""

import time

import pytest

from bxpull_nb.masking import listed, mask, mask_foreign, mask_url

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
    begun = time.process_time()
    assert len(mask_foreign(word * 50_000)) <= 100_000
    assert time.process_time() - begun < 5
