"""The default keyring of the Secret Service, which may not be there for a moment."""

from typing import Any

import pytest

from app.adapters.keychain import secret_service
from app.adapters.keychain.secret_service import ALIAS_LOOKS, path_of
from app.domain.errors import VaultMissing

HERE = "/org/freedesktop/secrets/collection/login"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the service answers, one after the other."""
    given: list[str] = []

    def call(bus: object, where: object, method: str, signature: str, arguments: tuple[str, ...]) -> Any:
        assert (method, arguments) == ("ReadAlias", ("default",))
        return (given.pop(0),)

    monkeypatch.setattr(secret_service, "_call", call)
    monkeypatch.setattr(secret_service, "ALIAS_PAUSE", 0)
    return given


def test_one_that_is_read_again_is_waited_for(answers: list[str]) -> None:
    answers += ["/"] * (ALIAS_LOOKS - 1) + [HERE]
    assert path_of(object(), Any, "GNOME Keyring") == HERE
    assert answers == []


def test_one_that_stays_away_is_missing(answers: list[str]) -> None:
    answers += ["/"] * ALIAS_LOOKS
    with pytest.raises(VaultMissing, match="GNOME Keyring has no default keyring yet"):
        path_of(object(), Any, "GNOME Keyring")
    assert answers == []
