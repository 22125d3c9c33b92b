"""Looking entries up in a keyring backend. Importing this imports `keyring`."""

from collections.abc import Callable, Sequence

from keyring.backend import KeyringBackend
from keyring.backends import SecretService

LOOKS = 3
"""How often an entry is looked up that another process keeps replacing."""
LookUp = Callable[[str, str], str | None]


def look_up(backend: KeyringBackend, service: str, accounts: Sequence[str]) -> list[str | None]:
    """The entries, None for one that is not there. Of Secret Service all over one connection."""
    if type(backend) is SecretService.Keyring:
        from app.vault.secret_service import connected

        with connected(backend) as look:
            return [_surely(look, service, account) for account in accounts]
    return [_surely(backend.get_password, service, account) for account in accounts]


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
