"""Looking entries up in a keyring backend. Importing this imports `keyring`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from keyring.backend import KeyringBackend
from keyring.backends import SecretService

from app.adapters.keychain.backends import label_of

LOOKS = 3
"""How often an entry is looked up that another process keeps replacing."""
LookUp = Callable[[str, str], str | None]


@contextmanager
def looking(backend: KeyringBackend, named: Callable[[str], None]) -> Iterator[LookUp]:
    """Give what returns the entry of a service and an account, None for one that is not there.

    At Secret Service all looks share one connection. `named` is told the keychain's own name.
    """
    if type(backend) is SecretService.Keyring:
        from app.adapters.keychain.secret_service import connected

        with connected(backend, named) as look:
            yield partial(_surely, look)
    else:
        named(label_of(backend))
        yield partial(_surely, backend.get_password)


def is_there(backend: KeyringBackend, service: str, account: str) -> bool:
    """True when there is such an entry."""
    with looking(backend, lambda label: None) as look:
        return look(service, account) is not None


def _surely(look: LookUp, service: str, account: str) -> str | None:
    """The entry. One that another process replaces between the search and the look is searched again."""
    for _ in range(LOOKS - 1):
        try:
            return look(service, account)
        # Of Secret Service's library, which need not be importable; a prompt that was dismissed is a
        # subclass of it, and is an answer.
        except Exception as error:
            if type(error).__name__ != "ItemNotFoundException":
                raise
    return look(service, account)
