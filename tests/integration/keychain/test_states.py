"""A real keychain in each of its states, each told by its own sentence."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.keychain.keychain import KeychainVault
from app.domain.errors import VaultDenied, VaultError, VaultLocked, VaultMissing, VaultSilent
from app.domain.secret import Secret
from tests.support.stall import stall
from tests.support.vaults import Bus, collect_leaks, forget_backend, start_bus, use

pytestmark = [pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"), pytest.mark.slow]
SAMPLE = Secret("sample-secret-not-real-7")


async def _everything_raises(vault: KeychainVault, kind: type[VaultError]) -> VaultError:
    status = await vault.probe()
    assert isinstance(status.error, kind), status
    for call in (vault.read("s", "a"), vault.write("s", "a", SAMPLE), vault.delete("s", "a")):
        with pytest.raises(kind) as caught:
            await call
        assert SAMPLE.reveal() not in str(caught.value)
    assert status.error.hint
    return status.error


async def test_a_locked_keyring_is_told_as_locked_and_nothing_is_stored(secret_service: Bus) -> None:
    vault = KeychainVault(timeout=60)
    secret_service.lock()
    error = await _everything_raises(vault, VaultLocked)
    assert error.message == "GNOME Keyring is locked"


async def test_the_probe_of_a_locked_keyring_leaves_it_locked(secret_service: Bus) -> None:
    vault = KeychainVault(timeout=60)
    secret_service.lock()
    for _ in range(2):
        assert isinstance((await vault.probe()).error, VaultLocked)


async def test_without_a_bus_there_is_no_keychain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path / 'nobody'}")
    forget_backend(monkeypatch)
    error = await _everything_raises(KeychainVault(timeout=60), VaultMissing)
    assert error.message == "no keychain was found"
    assert "CHAINLOOP_TOKEN" in error.hint


async def test_a_bus_without_a_secret_service_is_told_as_missing(bus: Bus) -> None:
    await _everything_raises(KeychainVault(timeout=60), VaultMissing)


async def test_a_bus_that_died_is_told_as_missing(secret_service: Bus) -> None:
    vault = KeychainVault(timeout=60)
    assert (await vault.probe()).error is None
    secret_service.process.kill()
    secret_service.process.wait()
    await _everything_raises(vault, VaultMissing)


async def test_a_bus_that_takes_its_time_is_waited_for(
    secret_service: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its library gives it a second to let us in; we give it as long as the keychain."""
    with stall(str(secret_service.folder / "bus"), b"AUTH EXTERNAL", tmp_path / "slow") as slow:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path / 'slow'}")
        await KeychainVault(timeout=60).write("s", "a", SAMPLE)
        assert slow.reached.is_set()
        assert await KeychainVault(timeout=60).read("s", "a") == SAMPLE


@pytest.fixture
def denying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bus]:
    """The keyring is there, and the bus lets nobody talk to it."""
    running = start_bus(tmp_path / "bus-folder", deny=True)
    use(running, monkeypatch)
    running.start_keyring()
    yield running
    running.end()
    collect_leaks()


async def test_a_keychain_that_refuses_us_is_told_as_denied(denying: Bus) -> None:
    await _everything_raises(KeychainVault(timeout=60), VaultDenied)


async def test_a_silent_keychain_is_told_once_and_later_calls_fail_at_once(secret_service: Bus) -> None:
    vault = KeychainVault(timeout=3)
    assert (await vault.probe()).error is None
    secret_service.pause()
    began = time.monotonic()
    with pytest.raises(VaultSilent, match="GNOME Keyring did not answer within 3 s"):
        await vault.read("s", "a")
    first = time.monotonic() - began
    for call in (vault.read("s", "a"), vault.write("s", "a", SAMPLE), vault.delete("s", "a")):
        with pytest.raises(VaultSilent):
            await call
    # Three more calls together take less than one that waits.
    assert time.monotonic() - began - first < 3 <= first + 0.1


async def test_a_keychain_that_wakes_up_works_again(secret_service: Bus) -> None:
    patient = KeychainVault(timeout=60)
    await patient.write("s", "a", SAMPLE)
    vault = KeychainVault(timeout=1)
    secret_service.pause()
    with pytest.raises(VaultSilent):
        await vault.read("s", "a")
    secret_service.resume()
    assert await patient.read("s", "a") == SAMPLE
    async with asyncio.timeout(60):
        while True:
            try:
                assert await vault.read("s", "a") == SAMPLE
                break
            except VaultSilent:
                await asyncio.sleep(0.01)


async def test_a_cancelled_call_does_not_let_two_run_at_once(secret_service: Bus) -> None:
    vault = KeychainVault(timeout=60)
    writing = asyncio.create_task(vault.write("s", "a", SAMPLE))
    await asyncio.sleep(0)
    writing.cancel()
    await vault.write("s", "a", Secret("sample-secret-not-real-8"))
    found = await vault.read("s", "a")
    assert found is not None
    assert found.reveal() == "sample-secret-not-real-8"


_QUIT = """
import asyncio, time
from app.domain.errors import VaultSilent
from app.domain.secret import Secret
from app.adapters.keychain.keychain import KeychainVault

async def main():
    vault = KeychainVault(timeout={timeout})
    call = asyncio.create_task(vault.read("s", "a"))
    done, _ = await asyncio.wait([call], timeout=0.5)
    if done:
        assert isinstance(call.exception(), VaultSilent), call
        print("silent")
    else:
        print("waiting")

    print(time.monotonic())

asyncio.run(main())
"""


@pytest.mark.parametrize(("timeout", "said"), [(0.2, "silent"), (60, "waiting")])
def test_quitting_does_not_wait_for_a_silent_keychain(secret_service: Bus, timeout: float, said: str) -> None:
    secret_service.pause()
    result = subprocess.run(
        [sys.executable, "-c", _QUIT.format(timeout=timeout)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **secret_service.environment},
        cwd=Path(__file__).parents[3],
    )
    ended = time.monotonic()
    assert (result.stderr, result.returncode) == ("", 0)
    state, quitting = result.stdout.split()
    assert state == said
    # The clock is the same in both processes: from the wish to quit to the end of the process.
    assert ended - float(quitting) < 20
