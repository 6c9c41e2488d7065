"""The comms of widgets, which have no page in these tests."""

from collections.abc import Iterator

import ipywidgets
import pytest

from tests.support.fake_comm import Recorder, record_comms


@pytest.fixture
def comms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Record what all widgets publish, and close them in the end."""
    yield record_comms(monkeypatch)
    ipywidgets.Widget.close_all()
