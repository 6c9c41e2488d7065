"""Tokens and webhooks."""

import shutil
import ssl
from pathlib import Path

import certifi
import httpx
import pytest

from bxpull_nb.auth import AccessToken, Webhook, http_client
from bxpull_nb.errors import SettingsError


def test_a_token_travels_in_a_header_and_never_in_the_address() -> None:
    """Addresses end up in logs."""
    auth = AccessToken("acme.bitrix24.com", " 0123456789abcdef0123 ")
    assert auth.method_url("profile") == "https://acme.bitrix24.com/rest/profile"
    assert auth.headers() == {"Authorization": "Bearer 0123456789abcdef0123"}


def test_a_webhook_is_an_address() -> None:
    """Copied from the portal with or without a method, with doubled slashes or without."""
    for url in (
        "https://acme.bitrix24.com/rest/7/s3cret-s3cret-s3/",
        "https://acme.bitrix24.com/rest//7/s3cret-s3cret-s3/profile.json?x=1",
    ):
        auth = Webhook(url)
        assert (
            auth.method_url("profile")
            == "https://acme.bitrix24.com/rest/7/s3cret-s3cret-s3/profile"
        )
        assert auth.headers() == {}
        assert auth.portal == "https://acme.bitrix24.com"


@pytest.mark.parametrize("token", ["", "   ", "two words", "tökén"])
def test_what_cannot_be_a_token_is_refused_at_once(token: str) -> None:
    """Before it is sent anywhere."""
    with pytest.raises(SettingsError, match="token"):
        AccessToken("acme.bitrix24.com", token)


def test_an_address_without_a_secret_is_no_webhook() -> None:
    """The error shows what one looks like."""
    with pytest.raises(SettingsError, match=r"https://acme\.bitrix24\.com/rest/1/secret/"):
        Webhook("https://acme.bitrix24.com/rest/")


def test_no_repr_holds_the_secret() -> None:
    """Its ends only."""
    assert repr(AccessToken("a.example", "0123456789abcdef0")) == (
        "AccessToken('https://a.example', '0123…ef0')"
    )
    assert repr(Webhook("https://a.example/rest/7/0123456789abcdef0/")) == (
        "Webhook('https://a.example', user 7, '0123…ef0')"
    )


def test_certificates_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every poll has a client, and reading holds the loop; a file of another name is read too."""
    read: list[ssl.SSLContext] = []
    create = httpx.create_ssl_context

    def counted() -> ssl.SSLContext:
        read.append(create())
        return read[-1]

    monkeypatch.setattr(httpx, "create_ssl_context", counted)
    for name in ("mine.pem", "mine.pem", "yours.pem"):
        shutil.copy(certifi.where(), tmp_path / name)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
        http_client("https://acme.bitrix24.com")
    assert len(read) == 2
