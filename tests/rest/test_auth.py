"""Tokens and webhooks, and the client they travel by."""

import os
import ssl
from pathlib import Path

import httpx
import pytest

from bxpull_nb.errors import SettingsError
from bxpull_nb.http import http_client
from bxpull_nb.rest.auth import AccessToken, Webhook


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


def test_certificates_are_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It takes a tenth of a second, and would hold up every connection of a listener."""
    read: list[str] = []

    def reading() -> ssl.SSLContext:
        read.append(os.environ.get("SSL_CERT_FILE", ""))
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    monkeypatch.setattr(httpx, "create_ssl_context", reading)
    names = [str(tmp_path / "one.pem"), str(tmp_path / "other.pem")]
    for name in (names[0], names[0], names[1]):
        monkeypatch.setenv("SSL_CERT_FILE", name)
        http_client("https://acme.bitrix24.com", 1.0)
    assert read == names
