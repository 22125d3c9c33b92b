"""The keychain of the operating system: the one that the library `keyring` would use.

All its backends block, and are called on a thread. `keyring` and `secretstorage` are imported there, with the
first call; `keyring` only where its own choice or one of its own backends is needed.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from app.adapters.keychain import errors
from app.domain.errors import LoopinError, VaultError
from app.domain.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from keyring.backend import KeyringBackend

    from app.adapters.keychain.secret_service import SecretService
    from app.domain.status import VaultStatus

T = TypeVar("T")
SECRET_SERVICE = "Secret Service"
TRUSTED = {
    "keyring.backends.macOS": "macOS Keychain",
    "keyring.backends.SecretService": SECRET_SERVICE,
    "keyring.backends.libsecret": SECRET_SERVICE,
    "keyring.backends.kwallet": "KWallet",
    "keyring.backends.Windows": "Windows Credential Locker",
}
"""The modules of the backends that are known to keep a secret: names of classes can be borrowed."""
UNLOCK_SECONDS = 300.0
"""For a person to answer the keychain's prompt, as long as for the page of a sign-in."""
DISMISS_SECONDS = 2.0
"""For the keychain to take a prompt away."""
WINDOWS_BYTES = 2560
"""CRED_MAX_CREDENTIAL_BLOB_SIZE; the text is stored as UTF-16."""
_SURROUNDING = " \t\r\n\v\f\xa0\ufeff"
_Read: TypeAlias = "Callable[[str, str], str | None]"
_Question: TypeAlias = "tuple[str, Sequence[str]]"
_Answer: TypeAlias = "tuple[Secret | None, ...] | VaultError"


class Backend(Protocol):
    """A keychain whose calls block. They raise VaultError, or what `translate` makes one of."""

    @property
    def label(self) -> str: ...
    def probe(self) -> None: ...
    def unlock(self, seconds: float, cancelled: threading.Event) -> None: ...
    def reading(self) -> AbstractContextManager[_Read]: ...
    def write(self, service: str, account: str, secret: Secret) -> None: ...
    def delete(self, service: str, account: str) -> None: ...
    def close(self) -> None: ...
    def translate(self, error: Exception) -> VaultError: ...


class KeychainVault:
    """Satisfies `Vault`. No call takes longer than `timeout` seconds, except that a person may be asked.

    Errors are VaultErrors: missing, locked, denied, silent.
    """

    def __init__(self, timeout: float) -> None:
        self._backend: Backend | None = None
        self._users = 0
        self._worker = Worker(timeout, lambda: self._backend.label if self._backend else "the keychain")
        self._questions: list[_Question] = []
        self._batch: asyncio.Task[Sequence[_Answer]] | None = None

    @property
    def label(self) -> str:
        """Its real name, once it was used."""
        return self._backend.label if self._backend else "keychain"

    async def probe(self) -> VaultStatus:
        """Find out whether secrets can be stored, without storing any and without a prompt."""
        # Reading an entry needs none.
        from app.domain.status import VaultStatus

        try:
            await self._call(lambda backend: backend.probe())
        except LoopinError as error:
            return VaultStatus(self.label, error)
        # Whether a wallet of KWallet is open cannot be asked without opening it.
        return VaultStatus(self.label, may_ask=self.label == "KWallet")

    async def unlock(self) -> None:
        """Ask the service to unlock itself, and wait while a person answers its prompt.

        Raise VaultLocked when it stays locked: the prompt was dismissed, cannot be shown, or was not answered
        it for UNLOCK_SECONDS. Cancelling takes the prompt away.
        """
        seconds, cancelled = UNLOCK_SECONDS, threading.Event()
        try:
            await self._call(
                lambda backend: backend.unlock(seconds, cancelled), seconds + self._worker.timeout
            )
        except asyncio.CancelledError:
            cancelled.set()
            # The program may be about to end, and its threads with it.
            await self._worker.wait(DISMISS_SECONDS)
            raise
        finally:
            cancelled.set()

    async def read(self, service: str, account: str) -> Secret | None:
        """Return the entry, or None."""
        (secret,) = await self.read_all(service, (account,))
        return secret

    async def read_all(self, service: str, accounts: Sequence[str]) -> tuple[Secret | None, ...]:
        """Return the entries, one after the other in the given order; all within one `timeout`.

        What is asked for in one turn of the event loop is read with one connection, and one prompt at most.
        """
        place = len(self._questions)
        self._questions.append((service, accounts))
        if self._batch is None:
            self._batch = asyncio.create_task(self._read_batch())
        # A caller that is cancelled does not take the answer from the others.
        answer = (await asyncio.shield(self._batch))[place]
        if isinstance(answer, VaultError):
            raise answer
        return answer

    async def write(self, service: str, account: str, secret: Secret) -> None:
        """Create or replace the entry; raise VaultDenied for a secret that does not fit."""
        await self._call(lambda backend: backend.write(service, account, secret))

    async def delete(self, service: str, account: str) -> None:
        """Remove the entry; one that is not there is fine."""
        await self._call(lambda backend: backend.delete(service, account))

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """While inside, changes share one connection; a probe inside opens it. The last one out closes it."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if not self._users and self._backend:
                self._backend.close()

    async def _read_batch(self) -> Sequence[_Answer]:
        # A task starts after all that was ready to run when it was created, so nothing waits for it.
        questions, self._questions, self._batch = self._questions, [], None

        def read_all(backend: Backend) -> Sequence[_Answer]:
            with backend.reading() as read:
                return [_answer(backend, read, *question) for question in questions]

        return await self._call(read_all)

    async def _call(self, use: Callable[[Backend], T], seconds: float = 0.0) -> T:
        return await self._worker.run(lambda: self._use(use), seconds)

    def _use(self, use: Callable[[Backend], T]) -> T:
        end = time.monotonic() + self._worker.timeout
        while True:
            try:
                self._backend = self._backend or choose_backend(lambda: self._users > 0)
                return use(self._backend)
            except VaultError:
                raise
            # A backend is foreign code that raises what it likes. Its text may quote the secret.
            except Exception as error:
                # jeepney gives a busy bus one second to let us in, and has asked nothing before that.
                if isinstance(error, TimeoutError) and time.monotonic() < end:
                    continue
                backend = self._backend
                raise (backend.translate(error) if backend else _translate(error, "the keychain")) from None


def _answer(backend: Backend, read: _Read, service: str, accounts: Sequence[str]) -> _Answer:
    """Answer one of several questions; an entry that cannot be read spoils no other."""
    try:
        entries = [read(service, account) for account in accounts]
    except VaultError as problem:
        return problem
    except Exception as error:
        return backend.translate(error)
    # A program that wrote an entry through a pipe has left a line break at its end.
    texts = [(entry or "").strip(_SURROUNDING) for entry in entries]
    return tuple(Secret(text) if text else None for text in texts)


class Worker:
    """Runs one call at a time on a daemon thread, and waits no longer than `timeout` seconds for any.

    The threads of `asyncio.to_thread` are joined when the program ends, so a keychain that never answers
    would hang the quit; a daemon thread is not joined. While a call is stuck, later ones fail at once
    instead of piling up behind it; when it comes back after all, they work again. `label` names the
    keychain in VaultSilent.
    """

    def __init__(self, timeout: float, label: Callable[[], str]) -> None:
        self.timeout = timeout
        self._label = label
        self._last: Future[Any] = Future()
        self._last.set_result(None)
        self._stuck = False
        self._lock = asyncio.Lock()

    async def run(self, call: Callable[[], T], seconds: float = 0.0) -> T:
        """Return what `call` returns; raise what it raises, or VaultSilent.

        `seconds` replaces the usual timeout, for a call in which a person is asked.
        """
        async with self._lock:
            # Whoever made the last call may have been cancelled, or given up.
            if self._stuck and not self._last.done():
                raise errors.silent(self._label(), self.timeout)
            await self._finish(self.timeout)
            self._last = Future()
            threading.Thread(target=_run, args=(call, self._last), name="keychain", daemon=True).start()
            await self._finish(seconds or self.timeout)
            result: T = self._last.result()
            return result

    async def wait(self, seconds: float) -> None:
        """Wait for the last call, at most so long."""
        if not self._last.done():
            future = asyncio.wrap_future(self._last)
            # Its caller may be gone; asyncio would report the error as never retrieved.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.wait([future], timeout=seconds)

    async def _finish(self, seconds: float) -> None:
        await self.wait(seconds)
        self._stuck = not self._last.done()
        if self._stuck:
            raise errors.silent(self._label(), seconds)


def _run(call: Callable[[], T], answer: Future[T]) -> None:
    answer.set_running_or_notify_cancel()
    try:
        answer.set_result(call())
    except BaseException as error:  # handed over, not swallowed: the waiting side raises it
        answer.set_exception(error)


class KeyringLibrary:
    """A backend of keyring: macOS, Windows, KWallet, libsecret, or several behind its chainer."""

    def __init__(
        self, backend: KeyringBackend, members: Sequence[KeyringBackend], service: SecretService | None
    ) -> None:
        """`members` are the backends behind `backend`; `service` is what one of them speaks to, if any."""
        self._backend = backend
        self._modules = [_module(member) for member in members]
        self._service = service
        # The first is the one that is used, as long as it can be.
        self._first: Any = members[0]
        self._name = TRUSTED[self._modules[0]]
        self._used = service if self._name == SECRET_SERVICE else None

    @property
    def label(self) -> str:
        """The Secret Service has a name of its own."""
        return self._used.label if self._used else self._name

    def probe(self) -> None:
        """Look whether the Secret Service is locked. No other can be asked without a prompt."""
        if self._used:
            self._used.probe()

    def unlock(self, seconds: float, cancelled: threading.Event) -> None:
        """Ask the ones that can be asked; any other asks by itself when it is used."""
        if self._used:
            self._used.unlock(seconds, cancelled)
        # KWallet shows its own prompt, and gives it half a minute.
        elif self._name == "KWallet" and not self._first.connected("loopin"):
            raise errors.not_unlocked(self._name)

    @contextmanager
    def reading(self) -> Iterator[_Read]:
        """Give what returns an entry."""
        yield self._read

    def write(self, service: str, account: str, secret: Secret) -> None:
        """Create or replace the entry; raise VaultDenied for one that Windows would refuse with a number."""
        value = secret.reveal()
        size = len(value.encode("utf-16-le"))
        if "keyring.backends.Windows" in self._modules and size > WINDOWS_BYTES:
            raise errors.too_large(WINDOWS_BYTES, size)
        self._backend.set_password(service, account, value)

    def delete(self, service: str, account: str) -> None:
        """Remove the entry; one that is not there is fine."""
        from keyring.errors import PasswordDeleteError

        # Backends differ in what they raise for an entry that is not there.
        if self._read(service, account) is None:
            return
        try:
            self._retry(lambda: self._backend.delete_password(service, account))
        except PasswordDeleteError:
            # Another program may have been faster: then it is gone, which is all that is wanted.
            if self._read(service, account) is not None:
                raise

    def close(self) -> None:
        """No connection is kept."""

    def translate(self, error: Exception) -> VaultError:
        """Return our error for one of keyring or of what it uses."""
        return _translate(error, self.label, self._service)

    def _read(self, service: str, account: str) -> str | None:
        return self._retry(lambda: self._backend.get_password(service, account))

    def _retry(self, call: Callable[[], T]) -> T:
        return self._service.retry(call) if self._service else call()


def choose_backend(keep_open: Callable[[], bool]) -> Backend:
    """Return the one that keyring would choose; raise VaultMissing unless it is known to keep a secret.

    While `keep_open` says so, it keeps a connection for the next change.
    """
    if sys.platform == "linux":
        from app.adapters.keychain import secret_service

        if secret_service.is_keyrings_choice():
            return secret_service.SecretService(keep_open)
    backend: Any = _keyrings_choice()
    members = _members(backend)
    untrusted = [member for member in members if _module(member) not in TRUSTED]
    if untrusted:
        raise errors.not_trusted(_module(untrusted[0]), type(untrusted[0]).__name__)
    if not members:
        raise errors.not_found()
    services: list[Any] = [member for member in members if TRUSTED[_module(member)] == SECRET_SERVICE]
    if sys.platform != "linux" or not services:
        return KeyringLibrary(backend, members, None)
    collection = getattr(services[0], "preferred_collection", "")
    if _module(backend) != secret_service.BACKEND:
        service = secret_service.SecretService(lambda: False, collection=collection)
        return KeyringLibrary(backend, members, service)
    names = backend.schemes[backend.scheme]
    return secret_service.SecretService(
        keep_open,
        service=names["service"],
        account=names["username"],
        application=backend.appid,
        collection=collection,
    )


def _keyrings_choice() -> KeyringBackend:
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_keyring()
    # A backend that was asked for by name and finds nothing to work with.
    except (RuntimeError, KeyringError):
        raise errors.not_found() from None
    # A name that leads nowhere fails in ways of its own.
    except (ImportError, AttributeError, ValueError, TypeError):
        raise errors.not_loadable() from None


def _members(backend: KeyringBackend) -> Sequence[KeyringBackend]:
    """Return the backends behind a chainer, at any depth; else the backend itself."""
    if _module(backend) != "keyring.backends.chainer":
        return (backend,)
    inside: Sequence[KeyringBackend] = getattr(backend, "backends", ())
    return tuple(member for one in inside for member in _members(one))


def _module(backend: KeyringBackend) -> str:
    return type(backend).__module__


def _translate(error: Exception, label: str, service: SecretService | None = None) -> VaultError:
    from keyring.errors import InitError, KeyringLocked, NoKeyringError, PasswordSetError

    if isinstance(error, KeyringLocked):
        return errors.locked(label)
    if isinstance(error, NoKeyringError | InitError):
        return errors.not_running()
    if isinstance(error, PasswordSetError):
        return errors.denied(label)
    return service.translate(error) if service else errors.translate(error, label)
