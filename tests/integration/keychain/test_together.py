"""Entries that are read together: one connection to the keychain for all of them."""

import pytest
import secretstorage
from jeepney.io.blocking import DBusConnection

from app.domain.secret import Secret
from app.vault.keychain import KeychainVault
from tests.support.vaults import Bus


async def test_entries_read_together_share_one_connection(
    secret_service: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = KeychainVault(timeout=20)
    for account in ("one", "two"):
        await vault.write("loopin-together", account, Secret(f"sample-{account}-not-real"))
    opened: list[DBusConnection] = []
    really = secretstorage.dbus_init

    def counted() -> DBusConnection:
        opened.append(really())
        return opened[-1]

    monkeypatch.setattr(secretstorage, "dbus_init", counted)
    found = await vault.read_all("loopin-together", ("one", "two", "three", "one"))
    assert [entry.hint if entry else "" for entry in found] == ["…real", "…real", "", "…real"]
    assert len(opened) == 1
