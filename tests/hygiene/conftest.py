"""What these tests have in common."""

import pytest

from app.adapters.http import retry


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that run in process ask again at once where a try may help."""
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.0)
