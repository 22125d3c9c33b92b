"""The Secret Service: a look without storing anything and without a prompt, and entries read together.

Importing this imports `secretstorage` and `jeepney`.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import secretstorage
from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import DBusConnection
from secretstorage.util import open_session

from app.domain.errors import VaultLocked, VaultMissing
from app.vault.backends import UNLOCK

_BUS = DBusAddress("/org/freedesktop/DBus", bus_name="org.freedesktop.DBus", interface="org.freedesktop.DBus")
_SERVICE = DBusAddress(
    "/org/freedesktop/secrets",
    bus_name="org.freedesktop.secrets",
    interface="org.freedesktop.Secret.Service",
)
_DEFAULT = "/org/freedesktop/secrets/aliases/default"
# The kernel cuts a process name after 15 characters.
_NAMES = {
    "gnome-keyring-d": "GNOME Keyring",
    "kwalletd5": "KWallet",
    "kwalletd6": "KWallet",
    "ksecretd": "KWallet",
    "keepassxc": "KeePassXC",
}


class Keyring(Protocol):
    """What is used of keyring's own back end, which has no types."""

    schemes: dict[str, dict[str, str]]
    scheme: str

    def get_preferred_collection(self) -> secretstorage.Collection: ...

    def unlock(self, item: secretstorage.Item) -> None: ...


@contextmanager
def connected(backend: Keyring, named: Callable[[str], None]) -> Iterator[Callable[[str, str], str | None]]:
    """Look entries up, by service and account, as `backend` does, with one connection and one key exchange.

    keyring itself makes both anew for each entry, which takes most of a look's time. `named` is told the
    service's own name.
    """
    collection = backend.get_preferred_collection()
    names = backend.schemes[backend.scheme]

    def look(service: str, account: str) -> str | None:
        for item in collection.search_items({names["service"]: service, names["username"]: account}):
            # The key exchange waits for the first entry that is there.
            item.session = collection.session = collection.session or open_session(collection.connection)
            return secret_of(backend, item)
        return None

    with closing(collection.connection) as bus:
        named(_name(bus))
        yield look


def secret_of(backend: Keyring, item: secretstorage.Item) -> str:
    """What an entry holds. Most are not locked, so only one that is gets unlocked first."""
    try:
        return item.get_secret().decode()
    except secretstorage.LockedException:
        backend.unlock(item)
        return item.get_secret().decode()


def look(found: Callable[[str], None]) -> None:
    """Raise VaultLocked or VaultMissing where the default collection cannot be used as it is.

    `found` is told the service's own name as soon as it is known, which is before the service itself
    has to answer: the bus knows it.
    """
    with closing(secretstorage.dbus_init()) as bus:
        _ask(bus, "StartServiceByName", "su", ("org.freedesktop.secrets", 0))
        label = _name(bus)
        found(label)
        # The collection's own address answers for a missing one too, so the alias is asked.
        reply = bus.send_and_get_reply(new_method_call(_SERVICE, "ReadAlias", "s", ("default",)))
        if reply.body == ("/",):
            raise VaultMissing(
                f"{label} has no default keyring yet",
                hint="make one with your desktop's password program, for example Seahorse",
            )
        if secretstorage.Collection(bus, _DEFAULT).is_locked():
            raise VaultLocked(f"{label} is locked", hint=UNLOCK)


def _name(bus: DBusConnection) -> str:
    pid = _ask(bus, "GetConnectionUnixProcessID", "s", ("org.freedesktop.secrets",))
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "Secret Service"
    return _NAMES.get(name, "Secret Service")


def _ask(bus: DBusConnection, method: str, signature: str, arguments: tuple[object, ...]) -> object:
    reply = bus.send_and_get_reply(new_method_call(_BUS, method, signature, arguments))
    return reply.body[0]
