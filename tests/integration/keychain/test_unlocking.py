"""A locked keychain is asked to unlock before a sign-in calls it locked; one without a keyring is named."""

import asyncio
import time
from typing import Any, cast

import pytest

from app.adapters.keychain import keychain
from app.adapters.keychain.keychain import KeychainVault
from app.cli import exit_codes
from app.domain.errors import VaultLocked, VaultMissing
from app.domain.login import Step, StepState
from app.domain.secret import Secret
from tests.support.cli import Loopin
from tests.support.gumloop import Desk, follow
from tests.support.gumloop_stub import API_KEY, USER_ID
from tests.support.login_steps import gumloop_key_steps
from tests.support.prompting_service import prompting
from tests.support.vaults import PASSWORD, Bus

pytestmark = [pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"), pytest.mark.slow]


async def test_an_answered_prompt_unlocks(bus: Bus) -> None:
    vault = KeychainVault(timeout=60)
    with prompting(bus, "answer") as service:
        assert isinstance((await vault.probe()).error, VaultLocked)
        assert not service.shown.is_set()
        await vault.unlock()
        assert (await vault.probe()).error is None
        await vault.unlock()


async def test_a_dismissed_prompt_leaves_it_locked(bus: Bus) -> None:
    vault = KeychainVault(timeout=60)
    with prompting(bus, "dismiss"), pytest.raises(VaultLocked, match="was not unlocked"):
        await vault.unlock()


async def test_a_person_gets_more_time_than_the_keychain(bus: Bus) -> None:
    """The patience with a keychain that does not answer is not the one with a person."""
    vault = KeychainVault(timeout=0.1)
    with prompting(bus) as service:
        unlocking_it = asyncio.create_task(vault.unlock())
        assert await asyncio.to_thread(service.shown.wait, 60)
        done, _ = await asyncio.wait([unlocking_it], timeout=0.5)
        assert not done
        unlocking_it.cancel()
        with pytest.raises(asyncio.CancelledError):
            await unlocking_it


async def test_giving_up_takes_the_prompt_away_and_the_keychain_is_free(bus: Bus) -> None:
    vault = KeychainVault(timeout=60)
    with prompting(bus) as service:
        unlocking_it = asyncio.create_task(vault.unlock())
        assert await asyncio.to_thread(service.shown.wait, 60)
        unlocking_it.cancel()
        with pytest.raises(asyncio.CancelledError):
            await unlocking_it
        assert await asyncio.to_thread(service.taken_away.wait, 60)
        assert isinstance((await vault.probe()).error, VaultLocked)


async def test_nobody_at_the_prompt_is_told_as_locked(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keychain, "UNLOCK_SECONDS", 0.5)
    with prompting(bus) as service, pytest.raises(VaultLocked):
        await KeychainVault(timeout=60).unlock()
    assert service.taken_away.is_set()


async def test_a_locked_gnome_keyring_without_a_prompter_is_told_at_once(secret_service: Bus) -> None:
    secret_service.lock()
    began = time.monotonic()
    with pytest.raises(VaultLocked, match="GNOME Keyring is locked"):
        await KeychainVault(timeout=60).unlock()
    assert time.monotonic() - began < keychain.UNLOCK_SECONDS / 2


async def test_a_sign_in_asks_first_and_says_so(bus: Bus, desk: Desk) -> None:
    with prompting(bus, "dismiss") as service:
        desk.vault = cast("Any", KeychainVault(timeout=60))
        async with desk.loopin() as loopin:
            steps = await follow(gumloop_key_steps(loopin, API_KEY, USER_ID))
        assert service.shown.is_set()
    keychain_steps = [step for step in steps if step.step is Step.KEYCHAIN]
    assert any("answer its prompt" in step.detail for step in keychain_steps)
    assert keychain_steps[-1].state is StepState.FAILED


COMMANDS = [
    ("status", "--json", "--offline"),
    ("gumloop", "teams"),
    ("gumloop", "logout"),
    ("gumloop", "login", "--user-id", USER_ID, "--api-key", "-"),
    ("chainloop", "organization", "list"),
    ("chainloop", "auth", "logout"),
    ("run", "--provider", "gumloop", "--", "true"),
    ("doctor", "--json"),
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_service_without_a_default_keyring_is_named_as_such(
    bus: Bus, loopin: Loopin, arguments: tuple[str, ...]
) -> None:
    bus.start_keyring(fresh=True)
    loopin.environment = {**bus.environment, "CHAINLOOP_CONTROL_PLANE_API": "127.0.0.1:1"}
    done = loopin(*arguments, stdin=API_KEY)
    assert "GNOME Keyring has no default keyring yet" in done.out + done.err
    if arguments[0] not in {"run", "doctor", "status"}:
        done.fails(exit_codes.NO_KEYCHAIN, "Seahorse")


async def test_nothing_is_made_where_there_is_no_default_keyring(bus: Bus) -> None:
    bus.start_keyring(fresh=True)
    vault = KeychainVault(timeout=60)
    with pytest.raises(VaultMissing, match="no default keyring"):
        await vault.write("s", "a", Secret(PASSWORD))
