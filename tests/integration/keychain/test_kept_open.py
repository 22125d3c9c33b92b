"""Changes that belong together share one connection to the keychain, and one key exchange."""

import asyncio
import time
from contextlib import closing

import keyring
import pytest
import secretstorage
from jeepney.io.blocking import DBusConnection
from secretstorage.util import open_session

from app.adapters.keychain.keychain import KeychainVault
from app.domain.errors import VaultLocked, VaultMissing, VaultSilent
from app.domain.secret import Secret
from tests.support.vaults import Bus

pytestmark = pytest.mark.slow

PATIENCE = 5
"""Seconds that a silent keychain is given."""
SERVICE = "loopin-kept-open"
SAMPLE, OTHER = Secret("sample-kept-not-real"), Secret("other-kept-not-real")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[DBusConnection]:
    """The connections on which keys were exchanged."""
    found: list[DBusConnection] = []
    really = open_session

    def counted(connection: DBusConnection) -> object:
        found.append(connection)
        return really(connection)

    monkeypatch.setattr("app.adapters.keychain.secret_service.open_session", counted)
    return found


def is_closed(connection: DBusConnection) -> bool:
    return bool(connection.sock.fileno() == -1)


@pytest.fixture
def vault(secret_service: Bus) -> KeychainVault:
    return KeychainVault(timeout=60)


async def test_the_probe_exchanges_keys_and_all_changes_use_them(
    vault: KeychainVault, opened: list[DBusConnection]
) -> None:
    with vault.kept_open():
        assert (await vault.probe()).error is None
        assert len(opened) == 1
        await vault.write(SERVICE, "one", SAMPLE)
        await vault.delete(SERVICE, "one")
        await vault.write(SERVICE, "two", SAMPLE)
        assert not is_closed(opened[0])
    assert len(opened) == 1
    assert is_closed(opened[0])
    assert await vault.read_all(SERVICE, ("one", "two")) == (None, SAMPLE)


async def test_alone_a_change_leaves_no_connection_behind(
    vault: KeychainVault, opened: list[DBusConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    connections: list[DBusConnection] = []
    really = secretstorage.dbus_init

    def connect() -> DBusConnection:
        connections.append(really())
        return connections[-1]

    monkeypatch.setattr(secretstorage, "dbus_init", connect)
    await vault.write(SERVICE, "one", SAMPLE)
    assert [is_closed(connection) for connection in connections] == [True]
    assert (await vault.probe()).error is None
    assert opened == []


async def test_a_probe_alone_exchanges_no_keys(vault: KeychainVault, opened: list[DBusConnection]) -> None:
    assert (await vault.probe()).error is None
    assert opened == []


async def test_a_keychain_that_was_started_anew_meanwhile_takes_the_change(
    vault: KeychainVault, secret_service: Bus, opened: list[DBusConnection]
) -> None:
    with vault.kept_open():
        await vault.probe()
        assert secret_service.daemon is not None
        secret_service.daemon.terminate()
        secret_service.daemon.wait()
        secret_service.start_keyring()
        await vault.write(SERVICE, "one", SAMPLE)
        await vault.write(SERVICE, "two", SAMPLE)
    assert len(opened) == 1
    assert all(is_closed(connection) for connection in opened)
    assert await vault.read_all(SERVICE, ("one", "two")) == (SAMPLE, SAMPLE)


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_a_keychain_that_was_locked_meanwhile_is_told_as_locked(
    vault: KeychainVault, secret_service: Bus
) -> None:
    with vault.kept_open():
        await vault.probe()
        secret_service.lock()
        for change in (vault.write(SERVICE, "one", SAMPLE), vault.delete(SERVICE, "one")):
            with pytest.raises(VaultLocked):
                await change


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_a_bus_that_died_meanwhile_is_told_as_missing(
    vault: KeychainVault, secret_service: Bus
) -> None:
    with vault.kept_open():
        await vault.probe()
        secret_service.process.kill()
        secret_service.process.wait()
        with pytest.raises(VaultMissing):
            await vault.write(SERVICE, "one", SAMPLE)


async def test_leaving_does_not_wait_for_a_keychain_that_says_nothing(secret_service: Bus) -> None:
    vault = KeychainVault(timeout=PATIENCE)
    with vault.kept_open():
        assert (await vault.probe()).error is None
        secret_service.pause()
        with pytest.raises(VaultSilent):
            await vault.write(SERVICE, "one", SAMPLE)
        began = time.monotonic()
    assert time.monotonic() - began < PATIENCE
    secret_service.resume()
    async with asyncio.timeout(60):
        while True:
            try:
                await vault.write(SERVICE, "one", OTHER)
                break
            except VaultSilent:
                await asyncio.sleep(0.01)
    assert await vault.read(SERVICE, "one") == OTHER


def found(attributes: dict[str, str]) -> list[tuple[str, dict[str, str], str]]:
    """Label, attributes and kind of the entries that a search finds.

    The daemon names a schema of its own in some entries and not in others, whoever wrote them.
    """
    with closing(secretstorage.dbus_init()) as bus:
        items = secretstorage.get_default_collection(bus).search_items(attributes)
        return [(i.get_label(), _given(i.get_attributes()), i.get_secret_content_type()) for i in items]


def _given(attributes: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in attributes.items() if name != "xdg:schema"}


async def test_an_entry_is_the_one_that_keyring_would_write(vault: KeychainVault) -> None:
    where = {"service": SERVICE, "username": "one"}
    keyring.set_password(SERVICE, "one", SAMPLE.reveal())
    theirs = found(where)
    keyring.delete_password(SERVICE, "one")
    await vault.write(SERVICE, "one", SAMPLE)
    assert found(where) == theirs


async def test_keyring_and_the_vault_replace_and_delete_each_others_entries(vault: KeychainVault) -> None:
    where = {"service": SERVICE, "username": "one"}
    keyring.set_password(SERVICE, "one", SAMPLE.reveal())
    await vault.write(SERVICE, "one", OTHER)
    assert (len(found(where)), keyring.get_password(SERVICE, "one")) == (1, OTHER.reveal())
    keyring.set_password(SERVICE, "one", SAMPLE.reveal())
    assert (len(found(where)), await vault.read(SERVICE, "one")) == (1, SAMPLE)
    await vault.delete(SERVICE, "one")
    assert found(where) == []
