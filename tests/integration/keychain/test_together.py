"""Entries that are read together: one connection to the keychain for all of them."""

import asyncio
from contextlib import closing

import pytest
import secretstorage
from jeepney.io.blocking import DBusConnection

from app.adapters.keychain.keychain import KeychainVault
from app.domain.errors import VaultError
from app.domain.secret import Secret
from tests.support.vaults import Bus

pytestmark = pytest.mark.slow

SERVICE = "loopin-together"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[DBusConnection]:
    """The connections to the bus that were opened."""
    found: list[DBusConnection] = []
    really = secretstorage.dbus_init

    def counted() -> DBusConnection:
        found.append(really())
        return found[-1]

    monkeypatch.setattr(secretstorage, "dbus_init", counted)
    return found


@pytest.fixture
async def vault(secret_service: Bus) -> KeychainVault:
    """A keychain with two entries."""
    vault = KeychainVault(timeout=60)
    for account in ("one", "two"):
        await vault.write(SERVICE, account, Secret(f"sample-{account}-not-real"))
    return vault


async def test_entries_read_together_share_one_connection(
    vault: KeychainVault, opened: list[DBusConnection]
) -> None:
    found = await vault.read_all(SERVICE, ("one", "two", "three", "one"))
    assert [entry.hint if entry else "" for entry in found] == ["…real", "…real", "", "…real"]
    assert len(opened) == 1


async def test_readings_at_the_same_moment_share_one_connection(
    vault: KeychainVault, opened: list[DBusConnection]
) -> None:
    first, second = await asyncio.gather(vault.read(SERVICE, "one"), vault.read_all(SERVICE, ("two", "no")))
    assert first == Secret("sample-one-not-real")
    assert second == (Secret("sample-two-not-real"), None)
    assert len(opened) == 1


async def test_an_entry_that_cannot_be_read_spoils_no_other_reading(vault: KeychainVault) -> None:
    with closing(secretstorage.dbus_init()) as bus:
        attributes = {"service": SERVICE, "username": "bytes"}
        secretstorage.get_default_collection(bus).create_item("bytes", attributes, b"\xff not a text")
    bad, good = await asyncio.gather(
        vault.read(SERVICE, "bytes"), vault.read(SERVICE, "one"), return_exceptions=True
    )
    assert isinstance(bad, VaultError)
    assert good == Secret("sample-one-not-real")


async def test_who_goes_away_takes_no_answer_from_another(vault: KeychainVault) -> None:
    readings = [asyncio.create_task(vault.read(SERVICE, name)) for name in ("one", "two")]
    await asyncio.sleep(0)
    readings[0].cancel()
    assert await readings[1] == Secret("sample-two-not-real")
