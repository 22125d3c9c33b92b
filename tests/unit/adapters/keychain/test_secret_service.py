"""The Secret Service on stand-ins for its library: what a real one does only now and then."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import secretstorage

from app.adapters.keychain import secret_service
from app.adapters.keychain.keychain import KeychainVault
from app.adapters.keychain.secret_service import ALIAS_ATTEMPTS, ATTEMPTS, BACKEND
from app.domain.errors import VaultDenied, VaultError, VaultLocked, VaultMissing
from app.domain.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLE = Secret("sample-secret-not-real")


class Connection:
    """A bus on which nobody but the service answers."""

    def __init__(self) -> None:
        self.closed = False

    def send_and_get_reply(self, message: object, **named: object) -> None:
        raise ConnectionResetError

    def close(self) -> None:
        self.closed = True


@dataclass
class Entry:
    """What stands in the collection, and what happens to it."""

    locked: bool = False
    dismissed: bool = False
    replaced: int = 0
    unlocked: int = 0
    session: object = None

    def get_secret(self) -> bytes:
        self._look()
        if self.locked:
            raise secretstorage.LockedException
        return SAMPLE.reveal().encode()

    def unlock(self) -> None:
        self.unlocked += 1
        self.locked = self.dismissed

    def is_locked(self) -> bool:
        return self.locked

    def delete(self) -> None:
        self._look()

    def _look(self) -> None:
        if self.replaced:
            self.replaced -= 1
            raise secretstorage.ItemNotFoundException


@dataclass
class Service:
    """The default collection, which is not there for the first `missing` looks."""

    entry: Entry = field(default_factory=Entry)
    missing: int = 0
    error: Exception | None = None
    session: object = None
    connections: list[Connection] = field(default_factory=list)
    used: list[Connection] = field(default_factory=list)

    def connect(self) -> Connection:
        self.connections.append(Connection())
        return self.connections[-1]

    def alias(self, connection: Connection, name: str) -> OpenCollection:
        assert name == "default"
        if self.missing:
            self.missing -= 1
            raise secretstorage.ItemNotFoundException
        return OpenCollection(self, connection)

    @property
    def open(self) -> int:
        return sum(not connection.closed for connection in self.connections)


@dataclass
class OpenCollection:
    service: Service
    connection: Connection
    session: object = "session"

    def is_locked(self) -> bool:
        return False

    def search_items(self, attributes: dict[str, str]) -> Iterator[Entry]:
        yield self.service.entry

    def create_item(self, *given: object, replace: bool) -> None:
        self.service.used.append(self.connection)
        if (error := self.service.error) is not None:
            self.service.error = None
            raise error


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    found = Service()
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", f"{BACKEND}.Keyring")
    monkeypatch.setattr(secretstorage, "dbus_init", found.connect)
    monkeypatch.setattr(secretstorage, "get_collection_by_alias", found.alias)
    monkeypatch.setattr(secret_service, "ALIAS_PAUSE", 0)
    monkeypatch.setattr(secret_service, "format_secret", lambda *given: None)
    return found


@pytest.fixture
def vault(service: Service) -> KeychainVault:
    return KeychainVault(timeout=60)


async def write(vault: KeychainVault) -> None:
    await vault.write("s", "a", SAMPLE)


# ── the default collection ──


async def test_a_default_collection_that_is_read_again_is_waited_for(
    vault: KeychainVault, service: Service
) -> None:
    service.missing = ALIAS_ATTEMPTS - 1
    assert await vault.read("s", "a") == SAMPLE
    assert service.open == 0


async def test_a_default_collection_that_stays_away_is_missing(
    vault: KeychainVault, service: Service
) -> None:
    service.missing = ALIAS_ATTEMPTS
    with pytest.raises(VaultMissing, match="Secret Service has no default keyring yet"):
        await vault.read("s", "a")
    assert (service.missing, service.open) == (0, 0)


# ── entries that are locked, replaced and removed ──


@pytest.mark.parametrize("locked", [True, False])
async def test_only_a_locked_entry_is_unlocked(vault: KeychainVault, service: Service, locked: bool) -> None:
    service.entry.locked = locked
    assert await vault.read("s", "a") == SAMPLE
    assert service.entry.unlocked == locked


async def test_an_entry_that_stays_locked_is_told_as_locked(vault: KeychainVault, service: Service) -> None:
    service.entry.locked = service.entry.dismissed = True
    with pytest.raises(VaultLocked, match="Secret Service is locked"):
        await vault.read("s", "a")


async def test_an_entry_that_another_program_replaces_is_searched_again(
    vault: KeychainVault, service: Service
) -> None:
    service.entry.replaced = ATTEMPTS - 1
    assert await vault.read("s", "a") == SAMPLE
    service.entry.replaced = ATTEMPTS - 1
    await vault.delete("s", "a")


async def test_an_entry_is_not_searched_for_ever(vault: KeychainVault, service: Service) -> None:
    service.entry.replaced = ATTEMPTS
    with pytest.raises(VaultError):
        await vault.read("s", "a")
    assert service.entry.replaced == 0


# ── the connection that changes share ──


async def test_changes_share_a_connection_while_it_is_kept_open(
    vault: KeychainVault, service: Service
) -> None:
    with vault.kept_open():
        await write(vault)
        with vault.kept_open():
            await write(vault)
        assert service.open == 1
    assert len(set(service.used)) == 1
    assert service.open == 0


async def test_a_change_alone_closes_its_connection(vault: KeychainVault, service: Service) -> None:
    await write(vault)
    assert (len(service.used), service.open) == (1, 0)


async def test_the_probe_opens_it(vault: KeychainVault, service: Service) -> None:
    with vault.kept_open():
        assert (await vault.probe()).error is None
        assert service.open == 1
        await write(vault)
    assert (len(service.connections), service.open) == (2, 0)


async def test_a_call_that_ends_after_everybody_left_closes_it(
    vault: KeychainVault, service: Service
) -> None:
    with vault.kept_open():
        writing = asyncio.create_task(write(vault))
        await asyncio.sleep(0)
    await writing
    assert service.open == 0


async def test_what_breaks_off_on_an_old_connection_is_made_on_a_new_one(
    vault: KeychainVault, service: Service
) -> None:
    with vault.kept_open():
        await write(vault)
        service.error = ConnectionResetError()
        await write(vault)
    assert (len(service.used), len(set(service.used)), service.open) == (3, 2, 0)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (secretstorage.PromptDismissedException(), VaultLocked),
        (secretstorage.LockedException(), VaultLocked),
        (secretstorage.SecretServiceNotAvailableException(), VaultMissing),
        (ConnectionResetError(), VaultMissing),
        (EOFError(), VaultMissing),
        (PermissionError(), VaultDenied),
        (ZeroDivisionError(SAMPLE.reveal()), VaultError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_a_change_that_fails_is_one_of_our_errors_and_leaves_nothing_open(
    vault: KeychainVault, service: Service, error: Exception, expected: type[VaultError]
) -> None:
    service.error = error
    with pytest.raises(expected) as caught:
        await write(vault)
    assert SAMPLE.reveal() not in f"{caught.value!r} {caught.value.__cause__!r} {vars(caught.value)}"
    assert service.open == 0


async def test_a_dismissed_prompt_is_an_answer_and_is_shown_once(
    vault: KeychainVault, service: Service
) -> None:
    with vault.kept_open():
        await write(vault)
        service.error = secretstorage.PromptDismissedException()
        with pytest.raises(VaultLocked):
            await write(vault)
    assert (len(service.used), service.open) == (2, 0)
