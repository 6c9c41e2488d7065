"""What all tests of questions have in common."""

import pytest

from bxpull_nb.query import entity_rules


@pytest.fixture(autouse=True)
def _own_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the rules that a test adds."""
    monkeypatch.setattr(entity_rules, "_added", {})
