"""kill -9 after each change to a real keychain: before, signed out, or the new login; never a mix."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from app.adapters.keychain.keychain import KeychainVault
from app.domain.gumloop import GumloopLogin
from app.services.stored_logins import GumloopVault
from tests.support.killed import HOME, KEY, OAUTH, RENEWED
from tests.support.server import PATIENCE, ROOT

pytestmark = pytest.mark.slow

HALF_RENEWED = OAUTH._replace(refresh_token=RENEWED.refresh_token)
WORK: dict[str, tuple[GumloopLogin, int, list[GumloopLogin | None]]] = {
    "sign in with a key": (OAUTH, 6, [OAUTH, None, None, None, None, KEY]),
    "sign in with oauth": (KEY, 6, [None, None, None, None, None, OAUTH]),
    "renew": (OAUTH, 2, [HALF_RENEWED, HALF_RENEWED._replace(secret=RENEWED.access_token)]),
    "sign out": (OAUTH, 5, [OAUTH, None, None, None, None]),
}


@contextmanager
def _killed(what: str) -> Iterator[Callable[[int], int]]:
    """Do `what` in a process that is killed after so many changes; return how it ended."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.killed", what],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        asked, ended = parent.stdin, parent.stdout

        def kill(after: int) -> int:
            asked.write(f"{after}\n")
            asked.flush()
            return int(ended.readline())

        yield kill
        asked.close()
        assert parent.wait(PATIENCE) == 0


@pytest.mark.usefixtures("secret_service")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize("what", WORK)
async def test_no_kill_mixes_two_logins(what: str) -> None:
    before, changes, expected = WORK[what]
    vault = GumloopVault(KeychainVault(timeout=60), HOME)
    with _killed(what) as kill:
        for after in range(1, changes + 1):
            await vault.delete("default")
            await vault.write("default", before)
            assert kill(after) == -signal.SIGKILL
            found = await vault.read("default")
            assert found.login == expected[after - 1], (what, after)
            assert found.problem == ""
