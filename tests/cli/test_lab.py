"""The tutorials on their way into a folder of the user's."""

import sys
from pathlib import Path

import pytest

from bxpull_nb.cli import lab
from bxpull_nb.cli.lab import FIRST_TUTORIAL, Copied, copy_tutorials, has_browser
from tests.support.paths import NOTEBOOKS

NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))


def test_all_are_copied_into_a_new_folder(tmp_path: Path) -> None:
    """Byte for byte, and the folder is made with its parents."""
    folder = tmp_path / "deep" / "down"
    assert copy_tutorials(folder) == Copied(new=NAMES, kept=[])
    assert NAMES[0] == FIRST_TUTORIAL
    for name in NAMES:
        assert (folder / name).read_bytes() == (NOTEBOOKS / name).read_bytes()


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    """It may hold the user's work; the others are copied next to it."""
    (tmp_path / NAMES[1]).write_text("my own work")
    (tmp_path / "other.txt").write_text("not ours")
    assert copy_tutorials(tmp_path) == Copied(new=[NAMES[0], *NAMES[2:]], kept=[NAMES[1]])
    assert (tmp_path / NAMES[1]).read_text() == "my own work"
    assert copy_tutorials(tmp_path) == Copied(new=[], kept=NAMES)


def test_an_installed_package_has_them_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel's own folder comes before a `notebooks` next to the package."""
    shipped = tmp_path / "site-packages" / "bxpull_nb" / "tutorials"
    shipped.mkdir(parents=True)
    (shipped / "09_shipped.ipynb").write_text("{}")
    monkeypatch.setattr(lab, "__file__", str(shipped.parent / "cli" / "lab.py"))
    assert copy_tutorials(tmp_path / "mine") == Copied(new=["09_shipped.ipynb"], kept=[])


@pytest.mark.parametrize(
    ("copied", "line"),
    [
        (Copied(["a", "b"], []), "copied a, b"),
        (Copied([], ["a", "b"]), "kept a, b"),
        (Copied(["a"], ["b"]), "copied a; kept b"),
    ],
)
def test_what_happened_is_one_line(copied: Copied, line: str) -> None:
    """For the block that the command prints."""
    assert str(copied) == line


@pytest.mark.parametrize(
    ("screen", "seen"), [(None, False), ("DISPLAY", True), ("WAYLAND_DISPLAY", True)]
)
def test_a_browser_on_linux_needs_a_screen(
    screen: str | None, seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container or over ssh there is none, whatever is installed."""
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    if screen:
        monkeypatch.setenv(screen, ":0")
    monkeypatch.setattr("webbrowser.get", lambda: object())
    assert has_browser() is seen


def test_a_screen_without_a_browser_is_no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """`webbrowser` raises an error then."""
    import webbrowser

    def none() -> object:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.get", none)
    assert has_browser() is False
