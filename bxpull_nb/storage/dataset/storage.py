"""Where a dataset is: a folder or a bucket, and its files, each there as a whole or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from bxpull_nb.errors import BxPullError, DatasetNotWritable, DatasetUnreachable, SettingsError
from bxpull_nb.files import sync_folder
from bxpull_nb.masking import mask_text

if TYPE_CHECKING:
    import pyarrow.fs

__all__ = ["Storage", "is_hidden", "shown_url"]

_ALL_OR_NOTHING = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "memory"}
"""Stores where a put appears when all of it is there; elsewhere a rename makes it so."""

_FULL = ("QuotaExceeded", "InsufficientStorage", "InsufficientCapacity", "StorageFull")
"""What object stores say, each of them, when there is no room; s3fs makes an I/O error of it."""


class Storage:
    """The files below `url`, any address that fsspec knows: a folder, `s3://…`, `memory://…`.

    Names are relative to it, with slashes. Nothing is touched before the first call. Errors are
    DatasetUnreachable when reading and DatasetNotWritable when writing, FileNotFoundError for a
    file that is not there, SettingsError for an address nobody knows.
    """

    def __init__(self, url: str | Path) -> None:
        self.url = _absolute(url)
        self._opened: tuple[Any, str] | None = None

    def check(self) -> None:
        """Raise SettingsError for an address nobody knows; nothing is asked of the place itself."""
        with self._reading():
            self._open()

    def list(self) -> dict[str, int]:
        """Every file that is not hidden, and its size in bytes; none where there is nothing."""
        found: dict[str, Any] = {}
        with self._reading(), suppress(FileNotFoundError):
            fs, root = self._open()
            fs.invalidate_cache()  # others write here too
            found = fs.find(root, detail=True)
        names = {path[len(root) :].lstrip("/"): info["size"] for path, info in found.items()}
        return {name: size for name, size in sorted(names.items()) if not is_hidden(name)}

    def read(self, name: str) -> bytes:
        """The content of a file."""
        with self._reading():
            content: bytes = self._open()[0].cat_file(self.path(name))
            return content

    def put(self, name: str, content: bytes) -> None:
        """Write the file: from one moment to the next all of it is there."""
        with self._writing():
            fs, _ = self._open()
            path = self.path(name)
            if _ALL_OR_NOTHING & set(_listed(fs.protocol)):
                fs.pipe_file(path, content)
            else:
                _put_by_rename(fs, path, content)

    def delete(self, name: str) -> None:
        """Take the file away; one that is gone already is fine."""
        with self._writing(), suppress(FileNotFoundError):
            self._open()[0].rm_file(self.path(name))

    def path(self, name: str) -> str:
        """The file's path, as the file system of `arrow` takes it."""
        return f"{self._open()[1]}/{name}"

    def arrow(self) -> "pyarrow.fs.FileSystem":
        """The same files for Arrow."""
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
        """Where Arrow reads: what goes wrong is said as by `read`."""
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
    """The address without what may be secret in it."""
    scheme, divider, rest = str(url).rpartition("://")
    return mask_text(f"{scheme}{divider}{rest.rpartition('@')[2] if divider else rest}")


def is_hidden(name: str) -> bool:
    """Whether a name is of no concern: unfinished, or another program's notes."""
    return any(part.startswith((".", "_")) for part in name.split("/"))


def _absolute(url: str | Path) -> str:
    if isinstance(url, str) and "://" in url:
        scheme, _, rest = url.partition("://")
        return f"{scheme}://{rest.rstrip('/')}"  # with a slash or without: the same place
    return str(Path(url).expanduser().absolute())


def _listed(protocol: str | tuple[str, ...]) -> tuple[str, ...]:
    return (protocol,) if isinstance(protocol, str) else protocol


def _put_by_rename(fs: Any, path: str, content: bytes) -> None:
    folder, _, name = path.rpartition("/")
    unfinished = f"{folder}/.{name}.{token_hex(4)}"
    fs.makedirs(folder, exist_ok=True)
    try:
        with fs.open(unfinished, "wb") as file:
            file.write(content)
            with suppress(AttributeError, OSError):  # a remote file has no number
                file.flush()
                os.fsync(file.fileno())
        fs.mv(unfinished, path)
        if "file" in _listed(fs.protocol):
            sync_folder(Path(folder))  # or a power cut could take the name back
    except BaseException:
        with suppress(OSError):
            fs.rm_file(unfinished)
        raise


@contextmanager
def _explained(url: str, kind: type[BxPullError]) -> Iterator[None]:
    """Say what went wrong in words; each library behind fsspec has errors of its own."""
    try:
        yield
    except (BxPullError, FileNotFoundError) as exc:
        if isinstance(exc, FileNotFoundError) and kind is DatasetNotWritable:
            raise _named(
                kind, url, "there is no such place", "Make it, or correct the address"
            ) from exc
        raise
    except (MemoryError, TypeError, AttributeError, AssertionError):
        raise  # not the place's fault
    except ImportError as exc:
        raise SettingsError(
            f"{shown_url(url)} needs a package that is not installed ({exc}). For s3:// install "
            f"it with: pip install 'bxpull-nb[s3]'"
        ) from exc
    except Exception as exc:
        if isinstance(exc, ValueError) and "Protocol not known" in str(exc):
            raise SettingsError(
                f"{shown_url(url)}: {exc}. A folder, s3://BUCKET/PATH and memory:// are known."
            ) from exc
        raise _named(kind, url, *_advice(exc)) from exc


def _named(kind: type[BxPullError], url: str, what: str, todo: str) -> BxPullError:
    doing = "written" if kind is DatasetNotWritable else "read"
    return kind(
        f"the dataset at {shown_url(url)} cannot be {doing}: {mask_text(what).rstrip('.')}. {todo}."
    )


def _advice(exc: Exception) -> tuple[str, str]:
    """What went wrong, and what to do."""
    said = str(exc) or type(exc).__name__
    number = exc.errno if isinstance(exc, OSError) else None
    if "Credentials" in type(exc).__name__:
        return said, (
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile, for this process"
        )
    if isinstance(exc, PermissionError):
        return said, "Give these credentials, or this user, the right to it"
    if number in (errno.ENOSPC, errno.EDQUOT) or any(word in said for word in _FULL):
        return said, "Make room there"
    if isinstance(exc, NotADirectoryError | FileExistsError):
        return said, "A file is in the way: move it, or choose another address"
    return said, "Check the address, the network and the rights; it is worth trying again"
