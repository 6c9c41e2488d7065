"""The download button without a browser."""

from pathlib import Path
from typing import Any

import pytest

from bxpull_nb.jupyter.widgets.download import Download
from tests.support.fake_comm import from_page, record_comms, sent_by


@pytest.fixture
def button(monkeypatch: pytest.MonkeyPatch) -> Download:
    """A button without a file."""
    record_comms(monkeypatch)
    return Download()


def last(button: Download) -> Any:
    """The newest message to the page."""
    return sent_by(button)[-1].content


def test_without_a_file_it_offers_nothing(button: Download) -> None:
    """And a page that asks for one gets none."""
    from_page(button, {"kind": "hello"})
    assert last(button) == {"kind": "offer", "name": ""}
    from_page(button, {"kind": "get"})
    assert len(sent_by(button)) == 1


def test_it_sends_the_file_it_offered(button: Download, tmp_path: Path) -> None:
    """A page cannot choose another one."""
    (tmp_path / "events.csv").write_bytes(b"a,b\r\n\xff")
    (tmp_path / "secret").write_text("token")
    button.offer(tmp_path / "events.csv")
    assert last(button) == {"kind": "offer", "name": "events.csv"}
    from_page(button, {"kind": "get", "name": "secret", "path": str(tmp_path / "secret")})
    assert last(button) == {"kind": "file", "name": "events.csv"}
    assert sent_by(button)[-1].buffers == [b"a,b\r\n\xff"]


def test_a_file_that_is_gone_gives_a_sentence(button: Download, tmp_path: Path) -> None:
    """Not a traceback in the kernel."""
    button.offer(tmp_path / "events.csv")
    from_page(button, {"kind": "get"})
    assert last(button) == {"kind": "failed", "text": "events.csv: No such file or directory"}


def test_a_huge_file_stays_where_it_is(button: Download, tmp_path: Path) -> None:
    """With its place."""
    path = tmp_path / "events.csv"
    with path.open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    button.offer(path)
    from_page(button, {"kind": "get"})
    text = f"events.csv has more than 67 MB, too much for a page. It is {path}."
    assert last(button) == {"kind": "failed", "text": text}
