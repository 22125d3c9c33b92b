"""Another process may replace an entry between the search for it and the look into it."""

from typing import Any

import keyring.errors
import pytest

from app.adapters.keychain import backends
from app.adapters.keychain.keychain import KeychainVault
from app.adapters.keychain.reading import LOOKS
from app.domain.errors import VaultError


class ItemNotFoundException(Exception):
    """What that library raises for an item that is gone."""


class Replacing:
    """A backend whose entry is replaced `times` times while it is being read."""

    def __init__(self, times: int) -> None:
        self.times = times

    def get_password(self, service: str, account: str) -> str:
        if self.times:
            self.times -= 1
            raise ItemNotFoundException
        return "secret-not-real"


def vault_on(backend: Any, monkeypatch: pytest.MonkeyPatch) -> KeychainVault:
    monkeypatch.setattr(backends, "chosen", lambda: backend)
    return KeychainVault(timeout=60)


async def test_an_entry_that_is_being_replaced_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await vault_on(Replacing(LOOKS - 1), monkeypatch).read("service", "account")
    assert found is not None
    assert found.reveal() == "secret-not-real"


async def test_it_is_not_looked_up_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(VaultError):
        await vault_on(Replacing(LOOKS), monkeypatch).read("service", "account")


class Deleting:
    """A backend in which another process deletes the entry between our look and our deletion, or does not."""

    def __init__(self, *, gone: bool) -> None:
        self.there = True
        self.gone = gone

    def get_password(self, service: str, account: str) -> str | None:
        return "secret-not-real" if self.there else None

    def delete_password(self, service: str, account: str) -> None:
        self.there = not self.gone
        raise keyring.errors.PasswordDeleteError


async def test_an_entry_that_somebody_else_deleted_first_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    await vault_on(Deleting(gone=True), monkeypatch).delete("service", "account")


async def test_an_entry_that_stays_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(VaultError):
        await vault_on(Deleting(gone=False), monkeypatch).delete("service", "account")
