"""Packages of npm for tests, installed once into the user's cache folder."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["JS", "cannot_run", "node_modules"]

JS = Path(__file__).parent.parent / "js"


def cannot_run(reason: str) -> None:
    """Skip the test; fail it in CI, where everything must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def node_modules() -> Path:
    """The folder npm filled, now or in an earlier session; a new package.json is a new folder."""
    wanted = (JS / "package.json").read_bytes()
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bxpull-nb"
    folder = home / f"js-{hashlib.sha256(wanted).hexdigest()[:12]}"
    if not folder.exists():
        making = home / f"{folder.name}.{os.getpid()}"
        making.mkdir(parents=True)
        (making / "package.json").write_bytes(wanted)
        options = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
        npm = [str(shutil.which("npm")), "install", *options]
        done = subprocess.run(
            npm, cwd=making, capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode != 0:
            shutil.rmtree(making)
            cannot_run(f"npm could not install its packages: {done.stderr[-500:]}")
        making.rename(folder)
    return folder / "node_modules"
