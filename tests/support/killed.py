"""Change a Gumloop login in the real keychain, in a process that dies by kill -9 after so many changes.

Run as a child, its argument says what to do. For each number on a line of standard input it forks a process
that does it and dies after so many changes to the keychain, and prints its exit code, -N for signal N.
"""

import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager

from app.adapters.keychain.keychain import KeychainVault
from app.domain.credentials import Endpoint, Method, Provider
from app.domain.gumloop import GumloopLogin, GumloopTokens
from app.domain.secret import Secret
from app.domain.status import VaultStatus
from app.services.stored_logins import GumloopVault

HOME = Endpoint(Provider.GUMLOOP, "https://api.gumloop.com/api/v1")
OTHER = Endpoint(Provider.GUMLOOP, "https://other.example/api/v1")
OAUTH = GumloopLogin(Method.OAUTH, Secret("access-one-not-real"), HOME, "", Secret("refresh-one-not-real"))
KEY = GumloopLogin(Method.API_KEY, Secret("gum_two_not_a_real_key"), OTHER, "user_two")
RENEWED = GumloopTokens(Secret("access-new-not-real"), Secret("refresh-new-not-real"))


class Mortal:
    """The real keychain in a process that dies."""

    def __init__(self, changes: int) -> None:
        self._vault = KeychainVault(timeout=60)
        self._changes = changes

    @property
    def label(self) -> str:
        return self._vault.label

    async def probe(self) -> VaultStatus:
        return await self._vault.probe()

    async def unlock(self) -> None:
        await self._vault.unlock()

    async def read(self, service: str, account: str) -> Secret | None:
        return await self._vault.read(service, account)

    async def read_all(self, service: str, accounts: Sequence[str]) -> tuple[Secret | None, ...]:
        return await self._vault.read_all(service, accounts)

    async def write(self, service: str, account: str, secret: Secret) -> None:
        await self._vault.write(service, account, secret)
        self._age()

    def kept_open(self) -> AbstractContextManager[None]:
        return self._vault.kept_open()

    async def delete(self, service: str, account: str) -> None:
        await self._vault.delete(service, account)
        self._age()

    def _age(self) -> None:
        self._changes -= 1
        if self._changes == 0:
            os.kill(os.getpid(), signal.SIGKILL)


async def work(what: str, changes: int) -> None:
    """Do it."""
    vault = GumloopVault(Mortal(changes), HOME)
    match what:
        case "sign in with a key":
            await vault.write("default", KEY)
        case "sign in with oauth":
            await vault.write("default", OAUTH)
        case "renew":
            await vault.write_refreshed("default", RENEWED)
        case "sign out":
            await vault.delete("default")


def _fork(what: str, changes: int) -> int:
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        asyncio.run(work(what, changes))
    finally:
        os._exit(0)


if __name__ == "__main__":
    importlib.import_module("app.adapters.keychain.secret_service")
    for line in sys.stdin:
        sys.stdout.write(f"{_fork(sys.argv[1], int(line))}\n")
        sys.stdout.flush()
