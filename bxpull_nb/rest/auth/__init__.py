"""Authorizations of a call, and the stores for the tokens of an application."""

from bxpull_nb.rest.auth.credentials import AccessToken, Anonymous, Auth, Webhook
from bxpull_nb.rest.auth.oauth import OAuthApp
from bxpull_nb.rest.auth.store import (
    FileStore,
    KeyringStore,
    MemoryStore,
    TokenStore,
    default_store,
)
from bxpull_nb.rest.auth.token_endpoint import request_tokens, token_server
from bxpull_nb.rest.auth.token_pair import TokenPair

__all__ = [
    "AccessToken",
    "Anonymous",
    "Auth",
    "FileStore",
    "KeyringStore",
    "MemoryStore",
    "OAuthApp",
    "TokenPair",
    "TokenStore",
    "Webhook",
    "default_store",
    "request_tokens",
    "token_server",
]
