"""Run JupyterLab on a folder with the tutorials, as a server on 127.0.0.1 only.

Its own configuration is in a private folder that is removed at the end. The token is there
too: on a command line other users of the machine could read it.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from bxpull_nb.errors import BxPullError, SettingsError
from bxpull_nb.masking import scrub

__all__ = [
    "FIRST_TUTORIAL",
    "Copied",
    "Lab",
    "copy_tutorials",
    "has_browser",
    "running_lab",
    "start_text",
]

FIRST_TUTORIAL = "00_start_here.ipynb"
HOST = "127.0.0.1"

_START_SECONDS = 60.0
_STOP_SECONDS = 8.0
_LOOK_EVERY = 0.1  # seconds
_NEWS = "@jupyterlab/apputils-extension:announcements"  # requests news and updates from the network


class Copied(NamedTuple):
    """The names of the copied tutorials, and of existing ones that were kept."""

    new: list[str]
    kept: list[str]

    def __str__(self) -> str:
        verbs = {"copied": self.new, "kept": self.kept}
        return "; ".join(f"{verb} {', '.join(names)}" for verb, names in verbs.items() if names)


def copy_tutorials(folder: Path) -> Copied:
    """Copy the tutorials into the folder, which is made if missing; return their names.

    An existing file stays as it is: it may hold a user's work. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copied = Copied([], [])
    for source in sorted(_shipped().glob("*.ipynb")):
        try:
            with (folder / source.name).open("xb") as target, source.open("rb") as content:
                shutil.copyfileobj(content, target)
            copied.new.append(source.name)
        except FileExistsError:
            copied.kept.append(source.name)
    return copied


def has_browser() -> bool:
    """Whether a page can be shown: there is a browser, and on Linux a screen."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    if sys.platform.startswith("linux") and not any(map(os.environ.get, screens)):
        return False
    with suppress(webbrowser.Error):
        return bool(webbrowser.get())
    return False


class Lab:
    """A running JupyterLab: `url` opens its first page, `wait` and `stop` end it."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, token: str, log: Path):
        self.port = port
        self._process = process
        self._token = token
        self._log = log

    @property
    def url(self) -> str:
        """The address of the first tutorial. Its token is a secret of this server."""
        return f"http://{HOST}:{self.port}/lab/tree/{FIRST_TUTORIAL}?token={self._token}"

    def wait_until_up(self) -> None:
        """Return when the server answers; raises BxPullError when it ends or never answers."""
        import httpx

        deadline = time.monotonic() + _START_SECONDS
        headers = {"Authorization": f"token {self._token}"}  # only our own server knows it
        with httpx.Client(headers=headers, trust_env=False) as http:
            while time.monotonic() < deadline:
                if self._ended_within(_LOOK_EVERY):
                    raise BxPullError(f"JupyterLab did not start: {self._last_words()}")
                with suppress(httpx.TransportError):
                    if http.get(f"http://{HOST}:{self.port}/api/status").is_success:
                        return
        raise BxPullError(f"JupyterLab did not answer within {_START_SECONDS:g} s.")

    def wait(self) -> None:
        """Return when the server was shut down from its own page; raises when it failed."""
        if self._process.wait() != 0:
            raise BxPullError(f"JupyterLab ended unexpectedly: {self._last_words()}")

    def stop(self) -> None:
        """End the server and its kernels."""
        self._process.terminate()
        if not self._ended_within(_STOP_SECONDS):
            self._process.kill()
            self._process.wait()

    def _ended_within(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")


@contextmanager
def running_lab(
    folder: Path, *, port: int | None, browser: bool, environment: Mapping[str, str]
) -> Iterator[Lab]:
    """Run JupyterLab on the folder, an absolute path, within the block; yields a Lab that answers.

    `port` None is any free one; its kernels get `environment` in addition to ours. With `browser`
    it opens its page there. Raises SettingsError for a port that is taken.
    """
    free = _checked_port(port)
    token = secrets.token_hex(24)
    with TemporaryDirectory(prefix="bxpull-lab-") as private:
        home = Path(private)
        _configure(home, token)
        with (home / "jupyter.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
                _command(folder, free, browser),
                env={**os.environ, **_environment(home), **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **_own_group(),
            )
        lab = Lab(process, free, token, home / "jupyter.log")
        try:
            lab.wait_until_up()
            yield lab
        finally:
            lab.stop()


def start_text(lab: Lab, folder: Path, copied: Copied, portal: str, *, opens: bool) -> str:
    """Return the text for the terminal: the address, and how to end it."""
    todo = "JupyterLab opens in your browser; if not, open" if opens else "Open in a browser"
    forward = f"ssh -L {lab.port}:{HOST}:{lab.port} THIS-MACHINE"
    ssh_line = "" if opens else f"from afar  {forward}, then the same address\n"
    return f"""
{todo}:

    {lab.url}

notebooks  {folder} ({copied})
portal     {portal}
{ssh_line}end        Ctrl-C
"""


def _shipped() -> Path:
    """Return the folder of the tutorials: in an installed package, or in the checkout."""
    package = Path(__file__).parent.parent
    installed = package / "tutorials"
    return installed if installed.is_dir() else package.parent / "notebooks"


def _checked_port(port: int | None) -> int:
    with socket.socket() as probe:
        if os.name == "posix":  # a port with closing connections is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port or 0))
        except OSError as exc:
            raise SettingsError(
                f"port {port} on {HOST} is taken or not allowed ({exc.strerror}). "
                f"Leave --port out, and JupyterLab takes a free one."
            ) from scrub(exc)
        return int(probe.getsockname()[1])


def _configure(home: Path, token: str) -> None:
    """Write configuration that precedes the user's own, which stays untouched."""
    labconfig = home / "labconfig"
    labconfig.mkdir()
    server = {"IdentityProvider": {"token": token}}
    (home / "jupyter_server_config.json").write_text(json.dumps(server))
    page = {"disabledExtensions": {_NEWS: True}}
    (labconfig / "page_config.json").write_text(json.dumps(page))


def _environment(home: Path) -> dict[str, str]:
    first = [str(home), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    return {
        "JUPYTER_CONFIG_PATH": os.pathsep.join(first),
        "JUPYTER_PREFER_ENV_PATH": "1",  # the kernel of this environment, which has bxpull_nb
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),  # no tabs of another folder
    }


def _command(folder: Path, port: int, browser: bool) -> list[str]:
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder}",
        f"--ServerApp.ip={HOST}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.base_url=/",
        "--ServerApp.certfile=",
        "--ServerApp.keyfile=",
        f"--LabApp.default_url=/lab/tree/{FIRST_TUTORIAL}",
        "--LabApp.extension_manager=readonly",  # the other one requests PyPI
        *([] if browser else ["--no-browser"]),
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]


def _own_group() -> dict[str, Any]:
    """Keep a Ctrl-C from the server, which would ask for confirmation: we end it."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
