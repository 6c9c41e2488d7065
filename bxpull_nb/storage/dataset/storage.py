"""The files of a dataset in a folder or bucket, each whole or absent."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from bxpull_nb.errors import BxPullError, DatasetNotWritable, DatasetUnreachable, SettingsError
from bxpull_nb.files import path_of, sync_folder
from bxpull_nb.masking import mask_foreign, reason_of, scrub, shown_path
from bxpull_nb.protocol.portal_address import is_webhook

if TYPE_CHECKING:
    import pyarrow.fs

__all__ = ["Storage", "is_hidden", "shown_url"]

_ALL_OR_NOTHING = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "memory"}
"""Stores where a put appears as a whole; elsewhere a file is written and renamed."""

_FULL = ("QuotaExceeded", "InsufficientStorage", "InsufficientCapacity", "StorageFull")
"""Error codes of object stores without room; s3fs turns them into I/O errors."""


class Storage:
    """The files below `url`, any address that fsspec knows: a folder, `s3://…`, `memory://…`.

    Names are relative to it, with slashes. Nothing is touched before the first call. Errors are
    DatasetUnreachable when reading and DatasetNotWritable when writing, FileNotFoundError for a
    missing file, SettingsError for an unknown kind of address, and for a webhook's.
    """

    def __init__(self, url: str | Path) -> None:
        if is_webhook(str(url) if isinstance(url, Path) else url):
            raise SettingsError(
                "that is the address of a portal's webhook, and a dataset is needed: "
                "connect(webhook=...) makes a portal of it."
            )
        self.url = _absolute(url)
        self._opened: tuple[Any, str] | None = None

    def check(self) -> None:
        """Raise SettingsError for an unknown kind of address, without a request to it."""
        with self._reading():
            self._open()

    def list(self) -> dict[str, int]:
        """Return every file that is not hidden, with its size in bytes."""
        found: dict[str, Any] = {}
        with self._reading(), suppress(FileNotFoundError):
            fs, root = self._open()
            fs.invalidate_cache()  # others write here too
            found = fs.find(root, detail=True)
        names = {path[len(root) :].lstrip("/"): info["size"] for path, info in found.items()}
        return {name: size for name, size in sorted(names.items()) if not is_hidden(name)}

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        with self._reading():
            content: bytes = self._open()[0].cat_file(self.path(name))
            return content

    def put(self, name: str, content: bytes) -> None:
        """Write the file; all of it appears at once."""
        with self._writing():
            fs, _ = self._open()
            path = self.path(name)
            if _ALL_OR_NOTHING & set(_listed(fs.protocol)):
                fs.pipe_file(path, content)
            else:
                _put_by_rename(fs, path, content)

    def delete(self, name: str) -> None:
        """Remove the file, if it is there."""
        with self._writing(), suppress(FileNotFoundError):
            self._open()[0].rm_file(self.path(name))

    def path(self, name: str) -> str:
        """Return the file's path for the file system of `arrow`."""
        return f"{self._open()[1]}/{name}"

    def arrow(self) -> "pyarrow.fs.FileSystem":
        """Return the same files as a file system of Arrow."""
        from pyarrow import fs as arrow_fs

        if self.is_local:
            return arrow_fs.LocalFileSystem()
        return arrow_fs.PyFileSystem(arrow_fs.FSSpecHandler(self._open()[0]))

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""
        return "://" not in self.url or self.url.startswith(("file://", "local://"))

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Raise errors of Arrow as `read` does."""
        with self._reading():
            yield

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "_opened": None}  # a connection does not travel

    def __repr__(self) -> str:
        return f"Storage({shown_url(self.url)})"

    def _open(self) -> tuple[Any, str]:
        if self._opened is None:
            import fsspec

            fs, root = fsspec.core.url_to_fs(self.url)
            self._opened = fs, root.rstrip("/")
        return self._opened

    def _reading(self) -> Any:
        return _explained(self.url, DatasetUnreachable)

    def _writing(self) -> Any:
        return _explained(self.url, DatasetNotWritable)


def shown_url(url: str | Path) -> str:
    """Return the address with secrets masked."""
    scheme, divider, rest = str(url).rpartition("://")
    return shown_path(f"{scheme}{divider}{rest.rpartition('@')[2] if divider else rest}")


def is_hidden(name: str) -> bool:
    """Whether a name is of an unfinished file or of another program's notes."""
    return any(part.startswith((".", "_")) for part in name.split("/"))


def _absolute(url: str | Path) -> str:
    if isinstance(url, str) and "://" in url:
        scheme, _, rest = url.partition("://")
        return f"{scheme}://{rest.rstrip('/')}"  # with a slash or without: the same place
    return str(path_of(url).absolute())


def _listed(protocol: str | tuple[str, ...]) -> tuple[str, ...]:
    return (protocol,) if isinstance(protocol, str) else protocol


def _put_by_rename(fs: Any, path: str, content: bytes) -> None:
    folder, _, name = path.rpartition("/")
    unfinished = f"{folder}/.{name}.{token_hex(4)}"
    is_local = "file" in _listed(fs.protocol)
    changed = list(_folders_to_change(Path(folder))) if is_local else []
    fs.makedirs(folder, exist_ok=True)
    try:
        with fs.open(unfinished, "wb") as file:
            file.write(content)
            file.flush()
            if is_local:
                os.fsync(file.fileno())
        _rename(fs, unfinished, path, content, is_local=is_local)
        for one in changed:
            sync_folder(one)  # or a power cut could take the name back
    except BaseException:
        with suppress(Exception):
            fs.rm_file(unfinished)
        raise


def _rename(fs: Any, unfinished: str, path: str, content: bytes, *, is_local: bool) -> None:
    """Give the file its name; some stores refuse one that exists, which may be our own."""
    if is_local:
        Path(unfinished).replace(path)  # `mv` would put it into a folder of that name
        return
    try:
        fs.mv(unfinished, path)
    except Exception:
        if not fs.exists(path) or fs.cat_file(path) != content:
            raise
        fs.rm_file(unfinished)


def _folders_to_change(folder: Path) -> Iterator[Path]:
    """Yield the folder, and those in which it and its missing parents are made."""
    yield folder
    while not folder.exists():
        folder = folder.parent
        yield folder


@contextmanager
def _explained(url: str, kind: type[BxPullError]) -> Iterator[None]:
    """Raise errors of fsspec and its libraries as `kind`, with what to do."""
    try:
        yield
    except (BxPullError, FileNotFoundError) as exc:
        if isinstance(exc, FileNotFoundError) and kind is DatasetNotWritable:
            raise _named(
                kind, url, "there is no such place", "Make it, or correct the address"
            ) from scrub(exc)
        raise
    except (MemoryError, TypeError, AttributeError, AssertionError):
        raise  # a mistake in a program, not a trouble of the address
    except ImportError as exc:
        raise SettingsError(
            f"{shown_url(url)} needs a package that is not installed ({reason_of(exc)}). For "
            "s3:// install it with: pip install 'bxpull-nb[s3]'"
        ) from scrub(exc)
    except Exception as exc:  # noqa: BLE001 - of any library
        if isinstance(exc, ValueError) and "Protocol not known" in reason_of(exc):
            raise SettingsError(
                f"{shown_url(url)}: {reason_of(exc)}. A folder, s3://BUCKET/PATH and memory:// "
                f"are known."
            ) from scrub(exc)
        raise _named(kind, url, *_advice(exc)) from scrub(exc)


def _named(kind: type[BxPullError], url: str, what: str, todo: str) -> BxPullError:
    doing = "written" if kind is DatasetNotWritable else "read"
    return kind(
        f"the dataset at {shown_url(url)} cannot be {doing}: {mask_foreign(what).rstrip('.')}. "
        f"{todo}."
    )


def _advice(exc: Exception) -> tuple[str, str]:
    """Return what went wrong, and what to do."""
    text = str(exc) or type(exc).__name__
    number = exc.errno if isinstance(exc, OSError) else None
    if "Credentials" in type(exc).__name__:
        return text, (
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile, for this process"
        )
    if isinstance(exc, PermissionError):
        return text, "Give these credentials, or this user, the right to it"
    if number in (errno.ENOSPC, errno.EDQUOT) or any(word in text for word in _FULL):
        return text, "Make room there"
    if isinstance(exc, NotADirectoryError | FileExistsError):
        return text, "A file is in the way: move it, or choose another address"
    return text, "Check the address, the network and the rights; it is worth trying again"
