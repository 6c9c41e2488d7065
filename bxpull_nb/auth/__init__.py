"""How a call proves who it is, and where the tokens of an application are kept."""

from bxpull_nb.auth.credentials import AccessToken, Auth, Webhook
from bxpull_nb.auth.grants import request_tokens, token_server
from bxpull_nb.auth.http import TIMEOUT, http_client, mask_http_logs
from bxpull_nb.auth.oauth import OAuthApp
from bxpull_nb.auth.pair import TokenPair
from bxpull_nb.auth.store import FileStore, KeyringStore, MemoryStore, TokenStore, default_store

__all__ = [
    "TIMEOUT",
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
    "http_client",
    "mask_http_logs",
    "request_tokens",
    "token_server",
]
