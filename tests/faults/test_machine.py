"""Every sign-in on a machine that fails it: keychain, disk, clock, browser, port."""

import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.adapters.keychain.memory import MemoryVault
from app.bootstrap import Container
from app.domain.errors import (
    BrowserUnavailable,
    PortBusy,
    VaultDenied,
    VaultError,
    VaultLocked,
    VaultMissing,
    VaultSilent,
)
from app.domain.gumloop import GumloopLogin, endpoint_of
from app.domain.login import LoginStep, Step, StepState
from app.domain.secret import Secret
from app.domain.status import VaultStatus
from app.services.login.browser import BrowserOptions
from app.services.stored_logins import (
    ChainloopVault,
    GumloopVault,
    StoredLogin,
)
from app.settings import load
from tests.support.callbacks import FormBrowser, NoBrowser
from tests.support.gumloop import AllowingBrowser, MovableClock, follow, result_of
from tests.support.gumloop_stub import API_KEY, USER_ID, Gumloop
from tests.support.login_steps import (
    browser_steps,
    chainloop_token_steps,
    gumloop_key_steps,
    gumloop_token_steps,
)
from tests.support.server import AccountServer, sign_in

pytestmark = pytest.mark.slow

TOKEN = "token-not-real-that-the-stub-knows"
METHODS = ("gumloop oauth", "gumloop key", "gumloop token", "chainloop browser", "chainloop token")
BROWSER_METHODS = ("gumloop oauth", "chainloop browser")
STATES = (VaultMissing, VaultLocked, VaultDenied, VaultSilent)


class FailingVault(MemoryVault):
    """`state` is what every call answers; `left` changes are still taken, then it is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.state: VaultError | None = None
        self.left: int | None = None

    async def probe(self) -> VaultStatus:
        return VaultStatus("GNOME Keyring", self.state)

    async def read(self, service: str, account: str) -> Secret | None:
        self._check()
        return await super().read(service, account)

    async def write(self, service: str, account: str, secret: Secret) -> None:
        self._spend()
        await super().write(service, account, secret)

    async def delete(self, service: str, account: str) -> None:
        self._spend()
        await super().delete(service, account)

    def _check(self) -> None:
        if self.state is not None:
            raise self.state

    def _spend(self) -> None:
        self._check()
        if self.left == 0:
            raise VaultError("the keychain went away", hint="unlock it")
        self.left = None if self.left is None else self.left - 1

    def held(self) -> dict[tuple[str, str], str]:
        """Everything in it."""
        return {key: secret.reveal() for key, secret in self._entries.items()}


@dataclass
class Seat:
    """A person, a machine, and both servers."""

    folder: Path
    gumloop: Gumloop
    server: AccountServer
    vault: FailingVault = field(default_factory=FailingVault)
    clock: MovableClock = field(default_factory=MovableClock)
    without_browser: bool = False
    state_dir: str = ""

    async def try_to(self, method: str, port: int = 0) -> list[LoginStep]:
        """Sign in once; the steps."""
        gumloop_browser, chainloop_browser = AllowingBrowser(), FormBrowser(self.server.owner)
        browser: Any = gumloop_browser if method.startswith("gumloop") else chainloop_browser
        box = Container(
            load(self._variables()),
            vault=self.vault,
            clock=self.clock,
            browser=NoBrowser() if self.without_browser else browser,
        )
        try:
            return await follow(self._flow(box, method, port))
        finally:
            await box.aclose()
            await gumloop_browser.closed()
            if chainloop_browser.opened:
                await chainloop_browser.finished()

    async def login(self, method: str) -> GumloopLogin | StoredLogin | None:
        """What the keychain holds for the provider, as the next run will read it."""
        if method.startswith("chainloop"):
            return await ChainloopVault(self.vault).read("default")
        return (await GumloopVault(self.vault, endpoint_of(self.gumloop.base_url)).read("default")).login

    def _flow(self, box: Container, method: str, port: int) -> AsyncIterator[LoginStep]:
        how = BrowserOptions(port)
        flows: dict[str, Callable[[], AsyncIterator[LoginStep]]] = {
            "gumloop oauth": lambda: browser_steps(box.gumloop_browser_sign_in(), how),
            "gumloop key": lambda: gumloop_key_steps(box, API_KEY, USER_ID),
            "gumloop token": lambda: gumloop_token_steps(box, TOKEN),
            "chainloop browser": lambda: browser_steps(box.chainloop_browser_sign_in(), how),
            "chainloop token": lambda: chainloop_token_steps(box, sign_in(self.server, *self.server.owner)),
        }
        return flows[method]()

    def _variables(self) -> dict[str, str]:
        return {
            "LOOPIN_CONFIG_DIR": str(self.folder / "config"),
            "LOOPIN_STATE_DIR": self.state_dir or str(self.folder / "state"),
            "GUMLOOP_BASE_URL": self.gumloop.base_url,
            "CHAINLOOP_CONTROL_PLANE_API": self.server.grpc,
            "CHAINLOOP_API_INSECURE": "true",
        }


@pytest.fixture
def seat(tmp_path: Path, gumloop: Gumloop, account_server: AccountServer) -> Seat:
    """Somebody who is signed in nowhere yet."""
    gumloop.access.add(TOKEN)
    return Seat(tmp_path, gumloop, account_server)


def failed_at(steps: list[LoginStep], step: Step, kind: type[Exception]) -> None:
    """It says why and what to do, at that step."""
    last = steps[-1]
    assert (last.state, last.step) == (StepState.FAILED, step)
    assert isinstance(last.error, kind)
    assert last.error.message
    assert last.error.hint


@pytest.mark.parametrize("kind", STATES)
@pytest.mark.parametrize("method", METHODS)
async def test_a_keychain_that_cannot_be_used_ends_it_before_anything_opens(
    seat: Seat, method: str, kind: type[VaultError]
) -> None:
    seat.vault.state = kind("GNOME Keyring cannot be used", hint="mend it")
    steps = await seat.try_to(method)
    failed_at(steps, Step.KEYCHAIN, kind)
    assert {step.step for step in steps} == {Step.KEYCHAIN}
    assert seat.gumloop.seen == []


@pytest.mark.parametrize("method", METHODS)
async def test_a_keychain_that_goes_away_in_the_middle_of_a_save_mixes_nothing(
    seat: Seat, method: str
) -> None:
    """After each number of changes: the login from before, nobody's, or the new one."""
    other = "gumloop key" if method != "gumloop key" else "gumloop oauth"
    if method.startswith("chainloop"):
        other = "chainloop token"
    result_of(await seat.try_to(other))
    before = await seat.login(method)
    assert before is not None
    for changes in range(12):
        seat.vault.left = changes
        steps = await seat.try_to(method)
        seat.vault.left = None
        if steps[-1].error is None:
            break
        failed_at(steps, Step.SAVED, VaultError)
        assert await seat.login(method) in (before, None), changes
        result_of(await seat.try_to(other))
        before = await seat.login(method)
    else:
        raise AssertionError("it never came to an end")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("minutes", [-10, 10])
async def test_a_clock_that_is_ten_minutes_off_keeps_nobody_out(
    seat: Seat, method: str, minutes: int
) -> None:
    seat.clock.offset = timedelta(minutes=minutes)
    result_of(await seat.try_to(method))
    assert seat.vault.held()


@pytest.mark.parametrize("method", BROWSER_METHODS)
async def test_a_port_that_is_taken_before_is_told_and_changes_nothing(seat: Seat, method: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        steps = await seat.try_to(method, taken.getsockname()[1])
    failed_at(steps, Step.LISTENING, PortBusy)
    assert seat.vault.held() == {}


@pytest.mark.parametrize("method", BROWSER_METHODS)
async def test_without_a_browser_the_address_is_told_and_time_runs_out(seat: Seat, method: str) -> None:
    seat.without_browser = seat.clock.hurry = True
    steps = await seat.try_to(method)
    (skipped,) = [step for step in steps if step.state is StepState.SKIPPED]
    assert isinstance(skipped.error, BrowserUnavailable)
    assert skipped.url.startswith("http")
    assert steps[-1].step is Step.WAITING
    assert seat.vault.held() == {}


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system without room, where the kernel lets us mount one."""
    place = tmp_path / "full"
    place.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k,mode=0700", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    (place / "all").write_bytes(bytes(4096))
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("method", METHODS)
async def test_a_full_disk_leaves_a_whole_login_or_none(seat: Seat, method: str, full_disk: Path) -> None:
    """What is in the keychain is whole; the sentence says whether the person is signed in."""
    seat.state_dir = str(full_disk / "state")
    steps = await seat.try_to(method)
    if steps[-1].error is None:
        assert steps[-1].result is not None
        assert seat.vault.held()
    else:
        failed_at(steps, Step.SAVED, Exception)
        assert seat.vault.held() == {}
