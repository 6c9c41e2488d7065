"""How a call proves who it is, and where the tokens of an application are kept."""

from bxpull_nb.rest.auth.credentials import AccessToken, Auth, Webhook
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
