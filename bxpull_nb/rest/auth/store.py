"""Stores for token pairs: the system's keyring, or files readable by their owner only.

A store blocks, so it is called on a thread of its own; it never asks a person anything.
"""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from bxpull_nb.errors import TokensNotStored
from bxpull_nb.files import replacing
from bxpull_nb.masking import scrub, shown_path
from bxpull_nb.rest.auth.store_lock import try_file_lock
from bxpull_nb.rest.auth.token_pair import TokenPair

__all__ = ["FileStore", "KeyringStore", "MemoryStore", "TokenStore", "default_store"]

_log = logging.getLogger(__name__)
_SERVICE = "bxpull-nb"
_SECRET_SERVICE = "keyring.backends.SecretService"  # noqa: S105 - a module's name
_SILENT = ("keyring.backends.Windows", "keyring.backends.macOS", _SECRET_SERVICE)
_LOG_IN = "It is left out; log in again with `bxpull login`."


class TokenStore(Protocol):
    """Keeps one token pair for each portal and application.

    A store of several processes should also have `try_lock(portal, client_id)`: it returns what
    releases the lock, or None while another process holds it, and does not wait.
    """

    def load(self, portal: str, client_id: str) -> TokenPair | None:
        """Return the pair, or None without a readable one."""
        ...

    def save(self, portal: str, client_id: str, pair: TokenPair) -> None:
        """Replace the stored pair; raises TokensNotStored."""
        ...

    def forget(self, portal: str, client_id: str) -> None:
        """Remove the pair, if there is one."""
        ...


class MemoryStore:
    """Keeps pairs as long as the program runs, for programs that store them elsewhere."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], TokenPair] = {}
        self._locks: dict[tuple[str, str], threading.Lock] = {}

    def load(self, portal: str, client_id: str) -> TokenPair | None:
        """Return the pair, or None."""
        return self._pairs.get((portal, client_id))

    def save(self, portal: str, client_id: str, pair: TokenPair) -> None:
        """Replace the stored pair."""
        self._pairs[portal, client_id] = pair

    def forget(self, portal: str, client_id: str) -> None:
        """Remove the pair, if there is one."""
        self._pairs.pop((portal, client_id), None)

    def try_lock(self, portal: str, client_id: str) -> Callable[[], None] | None:
        """Lock the pair within this process; see `TokenStore`."""
        lock = self._locks.setdefault((portal, client_id), threading.Lock())
        return lock.release if lock.acquire(blocking=False) else None

    def __repr__(self) -> str:
        return f"MemoryStore({len(self._pairs)} pairs)"


class FileStore:
    """Keeps each pair in a file of its own, mode 0600, in `folder`.

    The default is the user's config directory. A new file is written next to the old one and
    renamed, so that a crash leaves one of them whole.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self._folder = Path(folder) if folder is not None else None

    @property
    def folder(self) -> Path:
        """The folder of the files."""
        if self._folder is None:
            self._folder = _config_folder() / "tokens"
        return self._folder

    def path(self, portal: str, client_id: str) -> Path:
        """Return the file of that portal and application."""
        return self.folder / f"{_key(portal, client_id)}.json"

    def load(self, portal: str, client_id: str) -> TokenPair | None:
        """Return the pair; None, and a warning, for a file that cannot be read."""
        place = self.path(portal, client_id)
        try:
            return _decoded(place.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as exc:
            _log.warning("the token file %s cannot be read (%s). %s", place, _kind(exc), _LOG_IN)
            return None

    def save(self, portal: str, client_id: str, pair: TokenPair) -> None:
        """Write the pair's file; raises TokensNotStored."""
        place = self.path(portal, client_id)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with replacing(place, private=True) as file:
                file.write(msgspec.json.encode(pair))
        except OSError as exc:
            reason = os.strerror(exc.errno) if exc.errno else _kind(exc)
            raise TokensNotStored(
                f"the tokens cannot be written to {place} ({reason}). Make the folder "
                f"writable, or give a store= of your own."
            ) from scrub(exc)

    def forget(self, portal: str, client_id: str) -> None:
        """Remove the pair's file, if there is one."""
        self.path(portal, client_id).unlink(missing_ok=True)

    def try_lock(self, portal: str, client_id: str) -> Callable[[], None] | None:
        """Lock a file next to the pair's; see `TokenStore`."""
        return try_file_lock(self.path(portal, client_id).with_suffix(".lock"))

    def __repr__(self) -> str:
        return f"FileStore({shown_path(self.folder)!r})"


class KeyringStore:
    """Keeps pairs in a keyring: `backend` is one of the library `keyring`."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def load(self, portal: str, client_id: str) -> TokenPair | None:
        """Return the pair; None, and a warning, when the keyring does not give it."""
        try:
            kept = self._backend.get_password(_SERVICE, _key(portal, client_id))
            return _decoded(kept.encode()) if kept else None
        except Exception as exc:  # noqa: BLE001 - backends raise whatever their system raises
            _log.warning("%r gave no tokens (%s). %s", self, _kind(exc), _LOG_IN)
            return None

    def save(self, portal: str, client_id: str, pair: TokenPair) -> None:
        """Put the pair into the keyring; raises TokensNotStored."""
        kept = msgspec.json.encode(pair).decode()
        try:
            self._backend.set_password(_SERVICE, _key(portal, client_id), kept)
        except Exception as exc:  # noqa: BLE001 - of any library
            raise TokensNotStored(
                f"{self!r} did not take the tokens ({_kind(exc)}). Unlock it, or give "
                f"store=FileStore()."
            ) from scrub(exc)

    def forget(self, portal: str, client_id: str) -> None:
        """Remove the pair, if there is one."""
        with suppress(Exception):
            self._backend.delete_password(_SERVICE, _key(portal, client_id))

    def try_lock(self, portal: str, client_id: str) -> Callable[[], None] | None:
        """Lock a file in the user's config folder; see `TokenStore`."""
        return try_file_lock(_config_folder() / "locks" / f"{_key(portal, client_id)}.lock")

    def __repr__(self) -> str:
        return f"KeyringStore({type(self._backend).__module__})"


def default_store() -> TokenStore:
    """Return the system's keyring if one works without asking, else files."""
    backend = _silent_keyring()
    return FileStore() if backend is None else KeyringStore(backend)


def _silent_keyring() -> Any:
    """Return the first keyring that answers without opening a window, or None."""
    try:
        chosen = import_module("keyring").get_keyring()
        for backend in getattr(chosen, "backends", [chosen]):
            if type(backend).__module__ in _SILENT and _is_unlocked(backend):
                backend.get_password(_SERVICE, "probe")
                return backend
    except Exception as exc:  # noqa: BLE001 - a broken keyring must not stop a program
        _log.debug("no keyring is used (%s)", _kind(exc))
    return None


def _is_unlocked(backend: Any) -> bool:
    """Whether a read opens no prompt; Linux's Secret Service asks when it is locked."""
    if type(backend).__module__ != _SECRET_SERVICE:
        return True
    secretstorage = import_module("secretstorage")
    with closing(secretstorage.dbus_init()) as connection:
        return not secretstorage.Collection(connection).is_locked()


def _config_folder() -> Path:
    from platformdirs import user_config_path

    return user_config_path(_SERVICE, appauthor=False)


def _key(portal: str, client_id: str) -> str:
    """Return a name for a file or an entry; people recognise it by the host."""
    digest = sha256(f"{portal}\n{client_id}".encode()).hexdigest()[:16]
    return f"{urlsplit(portal).hostname or 'portal'}-{digest}"


def _decoded(kept: bytes) -> TokenPair:
    return msgspec.json.decode(kept, type=TokenPair)


def _kind(exc: BaseException) -> str:
    """Return the kind of the error; its message may quote a secret."""
    return type(exc).__name__
