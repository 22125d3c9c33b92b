"""The Secret Service: a look without storing anything and without a prompt, entries read together, and
changes one after the other.

Importing this imports `secretstorage` and `jeepney`.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import secretstorage
from jeepney import DBusAddress, DBusErrorResponse, MatchRule, MessageType, new_method_call
from jeepney.io.blocking import DBusConnection
from keyring.backend import KeyringBackend
from secretstorage.util import format_secret, open_session

from app.adapters.keychain.backends import UNLOCK, WITHOUT
from app.adapters.keychain.kept import Kept
from app.domain.errors import VaultLocked, VaultMissing
from app.domain.secret import Secret

_BUS = DBusAddress("/org/freedesktop/DBus", bus_name="org.freedesktop.DBus", interface="org.freedesktop.DBus")
_SERVICE = DBusAddress(
    "/org/freedesktop/secrets",
    bus_name="org.freedesktop.secrets",
    interface="org.freedesktop.Secret.Service",
)
POLL = 0.2
"""Seconds between two looks whether a prompt is still wanted."""
ALIAS_LOOKS, ALIAS_PAUSE = 4, 0.05
"""GNOME Keyring has no default keyring for a moment while it reads one again that was just written."""
REMOVALS = 3
"""How often an entry is removed that another process keeps replacing."""
# The kernel cuts a process name after 15 characters.
_NAMES = {
    "gnome-keyring-d": "GNOME Keyring",
    "kwalletd5": "KWallet",
    "kwalletd6": "KWallet",
    "ksecretd": "KWallet",
    "keepassxc": "KeePassXC",
}


class Keyring(Protocol):
    """What is used of keyring's own back end, which has no types.

    It may have a `preferred_collection`, the path of one that is used instead of the default one.
    """

    appid: str
    schemes: dict[str, dict[str, str]]
    scheme: str

    def unlock(self, item: secretstorage.Item) -> None: ...


@contextmanager
def connected(backend: Keyring, named: Callable[[str], None]) -> Iterator[Callable[[str, str], str | None]]:
    """Look entries up, by service and account, as `backend` does, with one connection and one key exchange.

    keyring itself makes both anew for each entry, which takes most of a look's time. `named` is told the
    service's own name.
    """
    collection = collection_of(backend, named)
    names = backend.schemes[backend.scheme]

    def look(service: str, account: str) -> str | None:
        for item in collection.search_items({names["service"]: service, names["username"]: account}):
            # The key exchange waits for the first entry that is there.
            item.session = collection.session = collection.session or open_session(collection.connection)
            return secret_of(backend, item)
        return None

    with closing(collection.connection):
        yield look


def secret_of(backend: Keyring, item: secretstorage.Item) -> str:
    """What an entry holds. Most are not locked, so only one that is gets unlocked first."""
    try:
        return item.get_secret().decode()
    except secretstorage.LockedException:
        backend.unlock(item)
        return item.get_secret().decode()


class Writer:
    """Changes entries as `backend` does, all over one connection with one key exchange."""

    def __init__(self, backend: Keyring) -> None:
        self._backend = backend
        self._collection = collection_of(backend)

    def exchange_keys(self) -> None:
        """What the first entry that is written would do; to encrypt something loads what that takes."""
        collection = self._collection
        collection.session = collection.session or open_session(collection.connection)
        format_secret(collection.session, b"", "text/plain")

    def put(self, service: str, account: str, secret: Secret) -> None:
        """Create or replace the entry, under keyring's own label and attributes."""
        attributes = {**self._query(service, account), "application": self._backend.appid}
        label = f"Password for '{account}' on '{service}'"
        self._collection.create_item(label, attributes, secret.reveal().encode(), replace=True)

    def remove(self, service: str, account: str) -> None:
        """Remove the entry; one that is not there is fine.

        One that another process removes or replaces meanwhile is searched again.
        """
        for _ in range(REMOVALS - 1):
            with suppress(secretstorage.ItemNotFoundException):
                return self._remove(service, account)
        return self._remove(service, account)

    def close(self) -> None:
        """Close the connection."""
        self._collection.connection.close()

    def _remove(self, service: str, account: str) -> None:
        for item in self._collection.search_items(self._query(service, account)):
            item.delete()
            return

    def _query(self, service: str, account: str) -> dict[str, str]:
        names = self._backend.schemes[self._backend.scheme]
        return {names["service"]: service, names["username"]: account}


def change(backend: Keyring, kept: Kept[Writer], do: Callable[[Writer], None]) -> None:
    """Do it over the connection that was kept, else over a new one, and keep that.

    Each change may be done twice: what broke off on a connection that grew old is done anew.
    """
    writer = kept.take()
    if writer is not None and _done(writer, do):
        kept.give(writer)
        return
    writer = Writer(backend)
    try:
        do(writer)
    except BaseException:
        writer.close()
        raise
    kept.give(writer)


def _done(writer: Writer, do: Callable[[Writer], None]) -> bool:
    """Try it; False when the connection is closed because it may have been at fault."""
    try:
        do(writer)
        return True
    except secretstorage.PromptDismissedException:
        writer.close()
        raise
    # The bus or the service may have been started anew meanwhile, or have been locked.
    except (OSError, EOFError, DBusErrorResponse, secretstorage.SecretStorageException):
        writer.close()
        return False


def look(backend: KeyringBackend, found: Callable[[str], None]) -> None:
    """Raise VaultLocked or VaultMissing where the collection cannot be used as it is.

    `found` is told the service's own name as soon as it is known, which is before the service itself
    has to answer: the bus knows it.
    """
    with closing(secretstorage.dbus_init()) as bus:
        label = start(bus, found)
        if secretstorage.Collection(bus, path_of(backend, bus, label)).is_locked():
            raise VaultLocked(f"{label} is locked", hint=UNLOCK)


def collection_of(
    backend: Keyring, named: Callable[[str], None] = lambda label: None
) -> secretstorage.Collection:
    """The collection that `backend` would take, unlocked, on a connection of its own.

    Raise VaultLocked, and VaultMissing where there is no default collection: keyring would make one, for
    which the service wants a new password, and report a refusal of that as a service that does not answer.
    """
    bus = secretstorage.dbus_init()
    try:
        label = start(bus, named)
        collection = secretstorage.Collection(bus, path_of(backend, bus, label))
        if collection.is_locked():
            collection.unlock()
            if collection.is_locked():
                raise VaultLocked(f"{label} is locked", hint=UNLOCK)
    except BaseException:
        bus.close()
        raise
    return collection


def start(bus: DBusConnection, named: Callable[[str], None]) -> str:
    """Start the service where it is not running; return its own name, and tell it."""
    _ask(bus, "StartServiceByName", "su", ("org.freedesktop.secrets", 0))
    label = _name(bus)
    named(label)
    return label


def path_of(backend: object, bus: DBusConnection, label: str) -> str:
    """The path of the collection in use; raise VaultMissing where there is no default one."""
    if preferred := getattr(backend, "preferred_collection", ""):
        return str(preferred)
    for again in reversed(range(ALIAS_LOOKS)):
        # The collection's own address answers for a missing one too, so the alias is asked.
        (path,) = _call(bus, _SERVICE, "ReadAlias", "s", ("default",))
        if path != "/":
            return str(path)
        if again:
            time.sleep(ALIAS_PAUSE)
    raise VaultMissing(
        f"{label} has no default keyring yet",
        hint=f"make one with your desktop's password program, for example Seahorse, {WITHOUT}",
    )


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


def unlock(
    backend: KeyringBackend, named: Callable[[str], None], patience: float, given_up: threading.Event
) -> None:
    """Ask the service to unlock the collection, and wait until its prompt is answered.

    Raise VaultLocked when it is dismissed, or not answered within `patience` seconds. When `given_up` is set,
    the prompt is taken away.
    """
    with closing(secretstorage.dbus_init()) as bus:
        label = start(bus, named)
        path = path_of(backend, bus, label)
        _, prompt = _call(bus, _SERVICE, "Unlock", "ao", ([path],))
        if prompt != "/" and not _answered(bus, str(prompt), patience, given_up):
            raise VaultLocked(f"{label} is locked, and was not unlocked", hint=f"{UNLOCK}, {WITHOUT}")


def _answered(bus: DBusConnection, path: str, patience: float, given_up: threading.Event) -> bool:
    """Show the prompt; True when it was answered, False when it was dismissed, by whomever."""
    prompt = DBusAddress(path, bus_name=_SERVICE.bus_name, interface="org.freedesktop.Secret.Prompt")
    rule = MatchRule(type="signal", interface=prompt.interface, member="Completed", path=path)
    end = time.monotonic() + patience
    _call(bus, _BUS, "AddMatch", "s", (rule.serialise(),))
    with bus.filter(rule) as completed:
        _call(bus, prompt, "Prompt", "s", ("",))
        while not given_up.is_set() and time.monotonic() < end:
            with suppress(TimeoutError):
                dismissed, _ = bus.recv_until_filtered(completed, timeout=POLL).body
                return not dismissed
    _call(bus, prompt, "Dismiss", "", ())
    return False


def _call(
    bus: DBusConnection, address: DBusAddress, method: str, signature: str, arguments: tuple[object, ...]
) -> tuple[Any, ...]:
    reply = bus.send_and_get_reply(new_method_call(address, method, signature, arguments))
    if reply.header.message_type is not MessageType.method_return:
        raise DBusErrorResponse(reply)
    body: tuple[Any, ...] = reply.body
    return body
