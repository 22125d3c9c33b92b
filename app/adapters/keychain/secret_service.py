"""The Secret Service of a Linux desktop (GNOME Keyring, KWallet, KeePassXC), over D-Bus.

Entries are those of keyring's own backend, with its labels and attributes. Its code is not used: it connects
and exchanges keys for each entry, and importing `keyring` takes longer than everything that happens here
(docs/performance.md). Importing this module imports `secretstorage` and `jeepney`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import secretstorage
from jeepney import DBusAddress, DBusErrorResponse, MatchRule, MessageType, message_bus, new_method_call
from jeepney.io.blocking import DBusConnection, Proxy
from secretstorage.util import format_secret, open_session

from app.adapters.keychain import errors
from app.domain.errors import VaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.domain.secret import Secret

T = TypeVar("T")
NAME = "Secret Service"
ATTEMPTS = 3
"""How often an entry is looked up that another program keeps replacing."""
ALIAS_ATTEMPTS, ALIAS_PAUSE = 4, 0.05
"""GNOME Keyring has no default collection for a moment while it reads one again that was just written."""
POLL = 0.2
"""Seconds between two looks whether a prompt is still wanted."""
_SERVICE = DBusAddress(
    "/org/freedesktop/secrets",
    bus_name="org.freedesktop.secrets",
    interface="org.freedesktop.Secret.Service",
)
# By the name of the process, which the kernel cuts after 15 characters.
_LABELS = {
    "gnome-keyring-d": "GNOME Keyring",
    "kwalletd5": "KWallet",
    "kwalletd6": "KWallet",
    "ksecretd": "KWallet",
    "keepassxc": "KeePassXC",
}
_NOT_RUNNING = ("ServiceUnknown", "NameHasNoOwner", "Spawn", "Disconnected", "NoServer", "NoReply")
_DENIED = ("AccessDenied", "AuthFailed")
_BROKEN = (OSError, EOFError, DBusErrorResponse, secretstorage.SecretStorageException)
"""What a connection raises that is not good any more: the bus or the service was started anew, or locked."""


class SecretService:
    """One collection of entries: the default one, or the one at the path `collection`."""

    def __init__(
        self,
        keep_open: Callable[[], bool],
        *,
        service: str = "service",
        account: str = "username",
        application: str = "Python keyring library",
        collection: str = "",
    ) -> None:
        """`keep_open` says whether a connection is kept for the next change, until `close`.

        `service` and `account` are the names that keyring gives two attributes of an entry, `application` is
        the value of a third.
        """
        self.label = NAME
        self._keep_open = keep_open
        # A thread takes the connection for itself: a call that is stuck does not keep others from connecting.
        self._lock = threading.Lock()
        self._kept: secretstorage.Collection | None = None
        self._attributes = (service, account)
        self._application = application
        self._path = collection

    def probe(self) -> None:
        """Raise VaultLocked or VaultMissing where it cannot be used as it is; show no prompt.

        Connect and exchange keys for the changes to come, where somebody keeps the connection open for them.
        """
        with closing(self._connect()) as connection:
            if self._collection(connection).is_locked():
                raise errors.locked(self.label)
        if self._keep_open():
            self._change(_exchange_keys)

    def unlock(self, seconds: float, cancelled: threading.Event) -> None:
        """Have it unlocked, and wait while a person answers its prompt.

        Raise VaultLocked when it is dismissed, or not answered in time. `cancelled` takes the prompt away.
        """
        with closing(self._connect()) as connection:
            path = self._collection(connection).collection_path
            _, prompt = _call(connection, _SERVICE, "Unlock", "ao", [path])
            if prompt != "/" and not _is_answered(connection, prompt, seconds, cancelled):
                raise errors.not_unlocked(self.label)

    @contextmanager
    def reading(self) -> Iterator[Callable[[str, str], str | None]]:
        """Give what returns the entry of a service and an account, None for one that is not there.

        All entries that are read inside share one connection and one key exchange.
        """
        collection = self._open()
        with closing(collection.connection):
            yield lambda service, account: self.retry(lambda: self._read(collection, service, account))

    def write(self, service: str, account: str, secret: Secret) -> None:
        """Create or replace the entry."""
        attributes = {**self._query(service, account), "application": self._application}
        label = f"Password for '{account}' on '{service}'"
        value = secret.reveal().encode()
        self._change(lambda collection: collection.create_item(label, attributes, value, replace=True))

    def delete(self, service: str, account: str) -> None:
        """Remove the entry; one that is not there is fine."""

        def remove(collection: secretstorage.Collection) -> None:
            if (item := next(collection.search_items(self._query(service, account)), None)) is not None:
                item.delete()

        self._change(lambda collection: self.retry(lambda: remove(collection)))

    def close(self) -> None:
        """Close the connection that was kept, without waiting for a call that has taken it: that one does."""
        if (kept := self._take()) is not None:
            kept.connection.close()

    @staticmethod
    def retry(call: Callable[[], T]) -> T:
        """Call again when an entry is gone that was there a moment ago: another program has replaced it."""
        for _ in range(ATTEMPTS - 1):
            try:
                return call()
            except secretstorage.PromptDismissedException:
                # A subclass of the next, and an answer.
                raise
            except secretstorage.ItemNotFoundException:
                continue
        return call()

    def translate(self, error: Exception) -> VaultError:
        """Return our error for one of secretstorage or jeepney."""
        name = (error.name or "") if isinstance(error, DBusErrorResponse) else ""
        if isinstance(error, secretstorage.LockedException | secretstorage.PromptDismissedException):
            return errors.locked(self.label)
        unavailable = isinstance(error, secretstorage.SecretServiceNotAvailableException)
        if unavailable or any(word in name for word in _NOT_RUNNING):
            return errors.not_running()
        if any(word in name for word in _DENIED):
            return errors.denied(self.label)
        return errors.translate(error, self.label)

    def _connect(self) -> DBusConnection:
        """Connect to the session bus, start the service, and note its name.

        The bus knows the name before the service itself answers.
        """
        try:
            connection = secretstorage.dbus_init()
        except (
            ConnectionError,
            FileNotFoundError,
            EOFError,
            RuntimeError,
            secretstorage.SecretStorageException,
        ):
            raise errors.not_found() from None
        bus = Proxy(message_bus, connection)
        # The first call to the service starts it too, and a sandbox may let us call nothing else.
        with suppress(OSError, EOFError, DBusErrorResponse):
            bus.StartServiceByName(_SERVICE.bus_name)
        with suppress(OSError, EOFError, ValueError, DBusErrorResponse):
            (process,) = bus.GetConnectionUnixProcessID(_SERVICE.bus_name)
            self.label = _LABELS.get(Path(f"/proc/{process}/comm").read_text().strip(), NAME)
        return connection

    def _collection(self, connection: DBusConnection) -> secretstorage.Collection:
        """Return the collection in use; raise VaultMissing where there is no default one.

        keyring would create one, for which the service wants a new password, and wait for that.
        """
        if self._path:
            return secretstorage.Collection(connection, self._path)
        for attempt in range(ALIAS_ATTEMPTS):
            if attempt:
                time.sleep(ALIAS_PAUSE)
            with suppress(secretstorage.ItemNotFoundException):
                return secretstorage.get_collection_by_alias(connection, "default")
        raise errors.no_default_collection(self.label)

    def _open(self) -> secretstorage.Collection:
        """Return the collection, unlocked, on a connection of its own."""
        connection = self._connect()
        try:
            collection = self._collection(connection)
            if collection.is_locked():
                collection.unlock()
                if collection.is_locked():
                    raise errors.locked(self.label)
        except BaseException:
            connection.close()
            raise
        return collection

    def _query(self, service: str, account: str) -> dict[str, str]:
        return dict(zip(self._attributes, (service, account), strict=True))

    def _read(self, collection: secretstorage.Collection, service: str, account: str) -> str | None:
        item = next(collection.search_items(self._query(service, account)), None)
        if item is None:
            return None
        try:
            secret = item.get_secret()
        # KeePassXC locks single entries.
        except secretstorage.LockedException:
            item.unlock()
            if item.is_locked():
                raise errors.locked(self.label) from None
            secret = item.get_secret()
        # The keys that were exchanged for it are good for the next one.
        collection.session = item.session
        return secret.decode()

    def _change(self, change: Callable[[secretstorage.Collection], object]) -> None:
        """Make a change on the connection that was kept, else on a new one, which is kept then.

        What breaks off on a kept connection is made once more: each change may be made twice.
        """
        kept = self._take()
        collection = kept or self._open()
        try:
            change(collection)
        except BaseException as error:
            collection.connection.close()
            dismissed = isinstance(error, secretstorage.PromptDismissedException)
            if kept is None or dismissed or not isinstance(error, _BROKEN):
                raise
            self._change(change)
        else:
            self._keep(collection)

    def _take(self) -> secretstorage.Collection | None:
        with self._lock:
            kept, self._kept = self._kept, None
        return kept

    def _keep(self, collection: secretstorage.Collection) -> None:
        unused: secretstorage.Collection | None = collection
        with self._lock:
            if self._keep_open():
                unused, self._kept = self._kept, collection
        if unused is not None:
            unused.connection.close()


def _exchange_keys(collection: secretstorage.Collection) -> None:
    """What the first entry that is written would do: to encrypt something loads what that takes."""
    collection.session = collection.session or open_session(collection.connection)
    format_secret(collection.session, b"", "text/plain")


def _is_answered(connection: DBusConnection, path: str, seconds: float, cancelled: threading.Event) -> bool:
    """Show the prompt; True when it was answered, False when it was dismissed, by whomever."""
    prompt = DBusAddress(path, bus_name=_SERVICE.bus_name, interface="org.freedesktop.Secret.Prompt")
    rule = MatchRule(type="signal", interface=prompt.interface, member="Completed", path=path)
    end = time.monotonic() + seconds
    Proxy(message_bus, connection).AddMatch(rule)
    with connection.filter(rule) as completed:
        _call(connection, prompt, "Prompt", "s", "")
        while not cancelled.is_set() and time.monotonic() < end:
            with suppress(TimeoutError):
                dismissed, _ = connection.recv_until_filtered(completed, timeout=POLL).body
                return not dismissed
    _call(connection, prompt, "Dismiss")
    return False


def _call(
    connection: DBusConnection, address: DBusAddress, method: str, signature: str = "", *body: object
) -> tuple[Any, ...]:
    reply = connection.send_and_get_reply(new_method_call(address, method, signature, body))
    if reply.header.message_type is MessageType.error:
        raise DBusErrorResponse(reply)
    values: tuple[Any, ...] = reply.body
    return values


# ── what keyring would choose ──

BACKEND = "keyring.backends.SecretService"
_GROUP = "[keyring.backends]"
_OTHERS_NEED = ("gi", "dbus")
"""What keyring's backends for libsecret and KWallet import, and cannot be used without."""
_OWN = frozenset(
    f"keyring.backends.{name}"
    for name in ("SecretService", "libsecret", "kwallet", "macOS", "Windows", "chainer")
)


def is_keyrings_choice() -> bool:
    """True where it is certain that keyring would choose the Secret Service, without asking it.

    keyring (25.7, `core.init_backend`) takes the backend that PYTHON_KEYRING_BACKEND or keyringrc.cfg names,
    else the one of the highest priority, which is the chainer where several can be used. So the Secret
    Service is certain where it is named, or where no other can be used.
    """
    # They change properties of the backend.
    if any("KEYRING_PROPERTY_" in name for name in os.environ):
        return False
    named = os.environ.get("PYTHON_KEYRING_BACKEND")
    if named is not None:
        return named == f"{BACKEND}.Keyring"
    try:
        return not _is_configured() and not any(map(find_spec, _OTHERS_NEED)) and not _has_others()
    except (OSError, ValueError, RuntimeError):
        return False


def _is_configured() -> bool:
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder, "python_keyring", "keyringrc.cfg").exists()


def _has_others() -> bool:
    """True when an installed package registers a backend that is not keyring's own, or may do so.

    importlib.metadata would tell, and reads and parses much more than this.
    """
    return any(_registers_others(Path(folder)) for folder in dict.fromkeys(sys.path))


def _registers_others(folder: Path) -> bool:
    if not folder.is_dir():
        # A package in an archive.
        return folder.exists() and not folder.name.startswith("python")
    for name in os.listdir(folder):
        if name.endswith((".dist-info", ".egg-info", "EGG-INFO")):
            with suppress(FileNotFoundError, NotADirectoryError):
                text = (folder / name / "entry_points.txt").read_text(encoding="utf-8")
                if _GROUP in text and not _OWN.issuperset(_backends(text)):
                    return True
    return False


def _backends(entry_points: str) -> list[str]:
    """The modules, or objects, that stand in the section of backends."""
    section = entry_points.partition(_GROUP)[2].partition("\n[")[0]
    return [line.partition("=")[2].strip() for line in section.splitlines() if "=" in line]
