"""What these tests have in common."""

import pytest

from app.clients import again


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that run in process ask again at once where a try may help."""
    monkeypatch.setattr(again, "FIRST", 0.0)
    monkeypatch.setattr(again, "LONGEST", 0.0)
