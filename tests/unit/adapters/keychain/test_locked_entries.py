"""A keychain may lock each of its entries: an entry is unlocked when it is, and not asked to otherwise."""

from typing import cast

import pytest
import secretstorage

from app.adapters.keychain import secret_service


class Item:
    """An entry of Secret Service's library."""

    def __init__(self, *, locked: bool) -> None:
        self.locked = locked

    def get_secret(self) -> bytes:
        if self.locked:
            raise secretstorage.LockedException
        return b"secret-not-real"


class Backend:
    """keyring's own, which asks the person to unlock."""

    schemes: dict[str, dict[str, str]] = {}  # noqa: RUF012 - keyring's own is no ClassVar either
    scheme = ""

    def __init__(self) -> None:
        self.unlocked = 0

    def get_preferred_collection(self) -> secretstorage.Collection:
        raise NotImplementedError

    def unlock(self, item: Item) -> None:
        self.unlocked += 1
        item.locked = False


@pytest.mark.parametrize("locked", [True, False])
def test_only_a_locked_entry_is_unlocked(locked: bool) -> None:
    backend = Backend()
    item = cast("secretstorage.Item", Item(locked=locked))
    assert secret_service.secret_of(cast("secret_service.Keyring", backend), item) == "secret-not-real"
    assert backend.unlocked == locked
