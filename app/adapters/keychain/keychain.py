"""The operating system's keychain, through `keyring`.

`keyring` and its backends are imported on the courier's thread with the first call.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from app.adapters.keychain.courier import Courier, patiently
from app.adapters.keychain.kept import Kept
from app.adapters.keychain.together import Together
from app.domain.errors import LoopinError, VaultError, VaultSilent
from app.domain.secret import Secret

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from app.adapters.keychain.reading import LookUp
    from app.adapters.keychain.secret_service import Writer
    from app.domain.status import VaultStatus

T = TypeVar("T")
UNKNOWN = "keychain"
PROMPT_GOES = 2.0
"""Seconds for the keychain to take a prompt away."""
UNLOCK_PATIENCE = 300.0
"""Seconds for a person to answer the keychain's prompt, as long as for the page of a sign-in."""
_AROUND = " \t\r\n\v\f\xa0\ufeff"
_Wanted: TypeAlias = tuple[str, Sequence[str]]
_Found: TypeAlias = tuple[Secret | None, ...]


class KeychainVault:
    """Every call has its own daemon thread and at most `timeout` seconds.

    Only backends that keep a secret are used; see `backends.py`. Errors are VaultErrors: missing,
    locked, denied, silent.
    """

    def __init__(self, timeout: float) -> None:
        self._courier = Courier(timeout)
        self._label = UNKNOWN
        self._reading = Together(self._read)
        self._kept: Kept[Writer] = Kept()

    @property
    def label(self) -> str:
        """Its real name, once it was looked into."""
        return self._label

    async def probe(self) -> VaultStatus:
        """Find out whether secrets can be stored, without storing any and without a prompt."""
        # Reading an entry needs none.
        from app.domain.status import VaultStatus

        try:
            await self._do(self._look)
        except LoopinError as error:
            return VaultStatus(self._label, error)
        # Whether a wallet of KWallet is open cannot be asked without opening it.
        return VaultStatus(self._label, may_ask=self._label == "KWallet")

    async def unlock(self) -> None:
        """Ask the service to unlock itself, and wait while a person answers its prompt.

        Raise VaultLocked when it stays locked: the prompt was dismissed, cannot be shown, or nobody answered
        it for UNLOCK_PATIENCE seconds. Cancelling takes the prompt away.
        """
        given_up = threading.Event()

        def call() -> None:
            from app.adapters.keychain.backends import chosen
            from app.adapters.keychain.unlocking import unlock

            unlock(chosen(), self._named, UNLOCK_PATIENCE, given_up)

        try:
            await self._courier.run(lambda: self._translated(call), UNLOCK_PATIENCE + self._courier.timeout)
        except asyncio.CancelledError:
            given_up.set()
            # The program may be about to end, and its threads with it.
            await self._courier.wait_for_last(PROMPT_GOES)
            raise
        finally:
            given_up.set()

    async def read(self, service: str, account: str) -> Secret | None:
        """Return the entry, or None."""
        (found,) = await self.read_all(service, (account,))
        return found

    async def read_all(self, service: str, accounts: Sequence[str]) -> tuple[Secret | None, ...]:
        """Return the entries, one after the other in the given order; all within one `timeout`.

        What is asked for at the same moment is read together, with one connection and one prompt at most.
        """
        return await self._reading.ask((service, accounts))

    async def write(self, service: str, account: str, secret: Secret) -> None:
        """Create or replace the entry."""

        def call() -> None:
            from app.adapters.keychain.backends import chosen
            from app.adapters.keychain.changing import put

            put(chosen(), self._kept, service, account, secret)

        await self._do(call)

    async def delete(self, service: str, account: str) -> None:
        """Remove the entry; one that is not there is fine."""

        def call() -> None:
            from app.adapters.keychain.backends import chosen
            from app.adapters.keychain.changing import remove

            remove(chosen(), self._kept, service, account)

        await self._do(call)

    def kept_open(self) -> AbstractContextManager[None]:
        """While inside, changes share one connection; a probe inside opens it."""
        return self._kept.open()

    def _look(self) -> None:
        from app.adapters.keychain.backends import ALLOWED, chosen, members, module_of

        backend = chosen()
        first = module_of(members(backend)[0])
        self._label = ALLOWED[first]
        if ALLOWED[first] == "Secret Service":
            from app.adapters.keychain.secret_service import look

            look(backend, self._named)
        if self._kept.wanted:
            from app.adapters.keychain.changing import prepare

            prepare(backend, self._kept)

    def _named(self, label: str) -> None:
        self._label = label

    async def _read(self, wanted: Sequence[_Wanted]) -> Sequence[_Found | VaultError]:
        def call() -> Sequence[_Found | VaultError]:
            from app.adapters.keychain.backends import chosen
            from app.adapters.keychain.reading import looking

            with looking(chosen(), self._named) as look:
                return [self._one(look, service, accounts) for service, accounts in wanted]

        return await self._do(call)

    def _one(self, look: LookUp, service: str, accounts: Sequence[str]) -> _Found | VaultError:
        """One of several readings; an entry that cannot be read spoils no other."""
        try:
            values = self._translated(lambda: [look(service, account) for account in accounts])
        except VaultError as problem:
            return problem
        # A program that wrote an entry through a pipe has left a line break at its end.
        texts = [value and value.strip(_AROUND) for value in values]
        return tuple(Secret(text) if text else None for text in texts)

    def _translated(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except VaultError:
            raise
        # The gate of this room: a backend is foreign code that raises what it likes. Its text
        # may quote the secret, so only what translate() knows is passed on.
        except Exception as error:
            from app.adapters.keychain.failures import translate

            raise translate(error, self._label) from None

    async def _do(self, call: Callable[[], T]) -> T:
        try:
            return await self._courier.run(
                lambda: self._translated(lambda: patiently(call, self._courier.timeout))
            )
        except VaultSilent as error:
            name = "the keychain" if self._label == UNKNOWN else self._label
            raise VaultSilent(error.message.replace("the keychain", name, 1), hint=error.hint) from None
