"""One portal, many spellings."""

from pathlib import Path

import pytest

import bxpull_nb as bx
from bxpull_nb.errors import SettingsError
from bxpull_nb.protocol.portal_address import is_webhook, portal_url
from bxpull_nb.rest.auth import MemoryStore, OAuthApp, TokenPair, Webhook
from bxpull_nb.storage.journal import Journal

SECRET = "s3cretsecretsecret"
CYRILLIC = "https://xn--80awhdgm.xn--p1ai"


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("HTTPS://ACME.Example", "https://acme.example"),
        ("https://acme.example:443", "https://acme.example"),
        ("http://acme.example:80/", "http://acme.example"),
        ("http://acme.example:443/", "http://acme.example:443"),
        ("https://acme.example.", "https://acme.example"),
        ("acme.example.:8443/crm/", "https://acme.example:8443"),
        ("//acme.example/", "https://acme.example"),
        ("https:/acme.example", "https://acme.example"),
        ("https:acme.example", "https://acme.example"),
        ("https:///acme.example", "https://acme.example"),
        ("https:\\\\acme.example\\", "https://acme.example"),
        ("https://user:pw@acme.example", "https://acme.example"),
        ("https://u:p@w@acme.example", "https://acme.example"),
        ("https://портал.рф", CYRILLIC),
        ("https://ПОРТАЛ.РФ.:443/", CYRILLIC),
        ("портал。рф", CYRILLIC),
        ("https://XN--80AWHDGM.xn--p1ai", CYRILLIC),
        ("https://straße.example", "https://xn--strae-oqa.example"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://[0:0:0:0:0:0:0:1]:8000", "http://[::1]:8000"),
        ("http://portal/", "http://portal"),
        ("localhost:8000", "https://localhost:8000"),
        ("«https://acme.example»", "https://acme.example"),
        ("\ufeffhttps://acme.example\u200b", "https://acme.example"),
        ("https://acme.example/rest/", "https://acme.example"),
        ("https://acme.example/crm/rest-of-it/?x=/a/rest/", "https://acme.example"),
    ],
)
def test_a_portal_has_one_address(typed: str, address: str) -> None:
    """And its one form is a spelling of itself."""
    assert portal_url(typed) == address
    assert portal_url(address) == address


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "u:pw@acme.example",
            "portal",
            "1",
            "https//acme.example",
            "https://https://acme.example",
            "htps://a.example",
        ),
        *("ws://a.example", "https://a..example", "https://a.example:port", "https://a.example:0"),
        *(
            "https://a.example:",
            "https://a b.example",
            "https://-a.example",
            "https://a.example:99999",
        ),
        *("https://1.2.3", "https://[::1", "https://xn--a.example", f"https://{'a' * 64}.example"),
        *("\udcff", "https://%61.example", "javascript:alert(1)", "mailto:a@acme.example"),
        *(
            "https://acme.example/sub/rest/1/",
            "https://acme.example/a/b/rest/",
            "https://a_$.example",
        ),
    ],
)
def test_an_uncertain_address_is_refused(typed: str) -> None:
    """By one error of ours, with nothing of another library in its chain."""
    with pytest.raises(SettingsError, match=r"https://acme\.bitrix24\.com") as caught:
        portal_url(typed)
    assert caught.value.__context__ is None


def test_a_path_before_rest_is_named() -> None:
    """It would be lost, and the calls would go elsewhere."""
    for make in (Webhook, portal_url):
        with pytest.raises(SettingsError, match="a path before /rest/") as caught:
            make(f"https://acme.example/portal/rest/1/{SECRET}/")
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "typed",
    [
        f"HTTPS://ACME.example:443/rest/1/{SECRET}/",
        f"https:/acme.example/REST/1/{SECRET}",
        f"acme.example./rest//1//{SECRET}//profile.json?x=1",
        f"“https://u:p@acme.example/rest/1/{SECRET}”",
        f"https:\\\\acme.example\\rest\\1\\{SECRET}\\",
    ],
)
def test_a_webhook_in_any_spelling_is_the_same(typed: str) -> None:
    """Its user and its secret stay as they are."""
    assert Webhook(typed).method_url("profile") == f"https://acme.example/rest/1/{SECRET}/profile"


@pytest.mark.parametrize(
    "rest", [f"rest/1/<{SECRET}>/", f"rest/1/{SECRET} x", f"rest/{SECRET}/", "rest/1/", ""]
)
def test_a_webhook_without_a_certain_secret_is_refused(rest: str) -> None:
    """And not shown."""
    with pytest.raises(SettingsError, match="not a webhook's address") as caught:
        Webhook(f"https://acme.example/{rest}")
    assert SECRET not in str(caught.value)


def test_a_webhook_and_other_credentials_are_too_much() -> None:
    """One of them would be dropped without a word."""
    webhook = f"https://acme.example/rest/1/{SECRET}/"
    assert is_webhook(webhook)
    with pytest.raises(SettingsError, match="not both"):
        bx.connect(webhook, token="t" * 20)
    with pytest.raises(SettingsError, match="needs no application"):
        bx.connect(webhook, client_id="local.1", client_secret="c" * 20)


@pytest.mark.parametrize("typed", ["https://ПОРТАЛ.рф:443", "портал.рф.", f"{CYRILLIC}/"])
def test_a_stored_login_is_found_by_every_spelling(typed: str) -> None:
    """The tokens are kept under the portal's one address."""
    store = MemoryStore()
    store.save(CYRILLIC, "local.1", TokenPair(access_token="a" * 20, refresh_token="r" * 20))
    with bx.connect(typed, client_id='"local.1"', client_secret="c" * 20, store=store) as portal:
        auth = portal.rest.auth
        assert isinstance(auth, OAuthApp)
        portal.bridge.run(auth.ready(None))  # type: ignore[arg-type]
        assert auth.headers() == {"Authorization": f"Bearer {'a' * 20}"}


@pytest.mark.parametrize("stored", ["ACME.example", "acme.example:443", "acme.example."])
def test_a_journal_of_an_older_spelling_is_continued(stored: str, tmp_path: Path) -> None:
    """Another portal's is refused as before."""
    journal = Journal(tmp_path, portal=stored)
    journal.open()
    journal.began(1_800_000_000.0)
    journal.close()
    with bx.connect("https://Acme.Example.:443", token="t" * 20) as portal:
        again = Journal(tmp_path, portal=portal.name)
    again.open()
    assert again.resume().since == 1_800_000_000.0
    again.close()
    with pytest.raises(SettingsError, match=r"is a capture of .*, not of other\.example"):
        Journal(tmp_path, portal="other.example").open()
