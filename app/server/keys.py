"""The ring of signing keys: made on first start, kept in one file that only its owner can read.

The file is a JWK set (RFC 7517 §5) of symmetric keys. The first key signs; every key in it verifies; other
secrets are derived from the last, so that they stay when a new key comes in front. Several hosts share one
file: it is copied to all of them first and read again on SIGHUP. A host that has not read it yet does so
when it meets a key that it does not know.
"""

import hashlib
import hmac
import json
import os
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from joserfc.jwk import OctKey

from app.domain.errors import AlreadyExists, Failed, NotFound, UsageError
from app.server import log

FILE_NAME = "signing-keys.json"
KEY_BITS = 256
_HINT = "restore it from a backup; without it nobody stays signed in and no API token works"


class Ring(Protocol):
    """What signs and verifies."""

    @property
    def keys(self) -> tuple[OctKey, ...]: ...
    @property
    def signing(self) -> OctKey: ...
    def find(self, kid: object) -> OctKey | None: ...
    def derive(self, purpose: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys for HS256, the signing one first."""

    keys: tuple[OctKey, ...]

    @property
    def signing(self) -> OctKey:
        """The key that signs new tokens."""
        return self.keys[0]

    def find(self, kid: object) -> OctKey | None:
        """The key of that id, if it is in the ring."""
        return next((key for key in self.keys if key.kid == kid), None)

    def derive(self, purpose: str) -> bytes:
        """32 bytes for another use, bound to `purpose`; the same on every replica with this ring.

        From the oldest key: browsers stay signed in and open forms stay valid while keys are rotated.
        """
        return hmac.digest(self.keys[-1].raw_value, purpose.encode(), hashlib.sha256)


class KeyFile:
    """A ring that lives in a file, and can be read again. Raises Failed when it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._seen = _mark(path)
        self._ring = read(path)

    @property
    def keys(self) -> tuple[OctKey, ...]:
        """Every key, the newest first."""
        return self._ring.keys

    @property
    def signing(self) -> OctKey:
        """The key that signs new tokens."""
        return self._ring.signing

    def find(self, kid: object) -> OctKey | None:
        """The key of that id. The file is read again for one that is not known, if it has changed."""
        found = self._ring.find(kid)
        if found is None and _mark(self.path) != self._seen:
            self.reload()
            found = self._ring.find(kid)
        return found

    def derive(self, purpose: str) -> bytes:
        """As the ring does."""
        return self._ring.derive(purpose)

    def reload(self) -> None:
        """Read the file; the keys in use stay when it is no good."""
        with self._lock:
            self._seen = _mark(self.path)
            try:
                self._ring = read(self.path)
            except Failed as error:
                log.failure("keys.not_reloaded", error)
                return
        log.event("keys.loaded", keys=len(self._ring.keys), signing=self._ring.signing.kid)


def new_key() -> OctKey:
    """A fresh key with an id of its own."""
    return OctKey.generate_key(KEY_BITS, {"kid": secrets.token_hex(8), "use": "sig", "alg": "HS256"})


def key_file(folder: Path, path: Path | None) -> KeyFile:
    """The ring in `path`; without one, the ring in `folder`, which is made when it is not there."""
    if path is None:
        load_or_make(folder)
        return KeyFile(folder / FILE_NAME)
    if not path.exists():
        raise UsageError(
            f"there are no signing keys in {path}", hint=f"make them: loopin server keys create {path}"
        )
    return KeyFile(path)


def create(path: Path) -> KeyRing:
    """Make a ring in a new file; raise AlreadyExists rather than replace one."""
    if path.exists():
        raise AlreadyExists(f"{path} is there already", hint="a new key in front: loopin server keys rotate")
    _make(path)
    return read(path)


def rotate(path: Path) -> KeyRing:
    """Put a new key in front; the others go on verifying. A reader sees the old file or the new one."""
    return _replace(path, (new_key(), *read(path).keys))


def retire(path: Path, kid: str) -> KeyRing:
    """Take a key out: what it signed is refused. Raises NotFound; the key that signs cannot be retired."""
    ring = read(path)
    key = ring.find(kid)
    if key is None:
        raise NotFound(f"there is no key {kid[:80]!r} in {path}", hint="see: loopin server keys list")
    if key is ring.signing:
        raise UsageError(
            "that key signs new tokens", hint="put a new one in front: loopin server keys rotate"
        )
    return _replace(path, tuple(other for other in ring.keys if other is not key))


def load_or_make(folder: Path) -> KeyRing:
    """Read the ring in `folder`, making folder and ring first when there is none.

    Raises Failed when the ring cannot be made or read, is readable by others or is damaged.
    """
    path = folder / FILE_NAME
    if _mark(path) is None:
        _make(path)
    return read(path)


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(path, _text((new_key(),)))
    except OSError as error:
        raise Failed(
            f"the signing keys cannot be written to {path}: {error.strerror}",
            hint="name another folder, or let this account write there",
        ) from error


def _text(keys: tuple[OctKey, ...]) -> str:
    return json.dumps({"keys": [key.as_dict(private=True) for key in keys]}, indent=1)


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _replace(path: Path, keys: tuple[OctKey, ...]) -> KeyRing:
    draft = _draft(path, _text(keys))
    owner = path.stat()
    # The server may run under another account than whoever rotates its keys.
    if os.geteuid() == 0:
        os.chown(draft, owner.st_uid, owner.st_gid)
    draft.replace(path)
    return read(path)


def _write_once(path: Path, text: str) -> None:
    # Two servers may start together: the one that links first wins, and the other reads that file.
    draft = _draft(path, text)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft


def read(path: Path) -> KeyRing:
    """The ring in a file. Raises Failed when it cannot be read, is readable by others or is damaged."""
    try:
        mode = path.stat().st_mode & 0o777
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        keys = tuple(OctKey.import_key(entry) for entry in content["keys"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failed(f"the signing keys in {path} cannot be read", hint=_HINT) from error
    if mode & 0o077:
        raise Failed(f"the signing keys in {path} can be read by others", hint=f"run chmod 600 {path}")
    if not keys or any(len(key.raw_value) * 8 < KEY_BITS or not key.kid for key in keys):
        raise Failed(f"the signing keys in {path} are not usable", hint=_HINT)
    return KeyRing(keys)
