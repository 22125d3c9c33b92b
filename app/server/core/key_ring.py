"""The ring of signing keys: created on first start, kept in one file that only its owner and group can read.

The file is a JWK set (RFC 7517 §5) of symmetric keys. The first key signs; every key in it verifies. Other
secrets are derived from each key: the first of them signs, and every one verifies. Several hosts share one
file: it is copied to all of them, and read again on SIGHUP, never because of what a request holds.
"""

import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from joserfc.jwk import OctKey

from app.domain.errors import AlreadyExists, Failed, NotFound, UsageError
from app.domain.json_text import read_json
from app.server import log, private_files

FILE_NAME = "signing-keys.json"
KEY_BITS = 256
LOCK_SECONDS = 30
_HINT = "restore it from a backup; without it nobody stays signed in and no API token works"


@dataclass(slots=True)
class KeyRing:
    """Keys for HS256, the signing one first. `id` is empty in a file of a version that wrote none.

    `path` is the file that `reload` reads again.
    """

    keys: tuple[OctKey, ...] = field(repr=False)
    id: str = ""
    path: Path | None = None

    @property
    def signing(self) -> OctKey:
        """The key that signs new tokens."""
        return self.keys[0]

    @property
    def name(self) -> str:
        """What tells this ring from others, and stays while its keys come and go. It is no secret."""
        return self.id or hashlib.sha256(_derive(self.keys[-1], "flask session")).hexdigest()[:8]

    def find(self, kid: object) -> OctKey | None:
        """The key of that id, if it is in the ring."""
        return next((key for key in self.keys if key.kid == kid), None)

    def derive(self, purpose: str) -> tuple[bytes, ...]:
        """32 bytes from each key for another use, bound to `purpose`: the first signs, all of them verify."""
        return tuple(_derive(key, purpose) for key in self.keys)

    def reload(self) -> None:
        """Read the file again; the keys in use stay when it is no good."""
        assert self.path is not None
        try:
            ring = read_ring(self.path)
        except Failed as error:
            log.failure("keys.not_reloaded", error)
            return
        self.keys, self.id = ring.keys, ring.id
        log.event("keys.loaded", keys=len(ring.keys), signing=ring.signing.kid)


class DerivedSecrets:
    """The secrets of a ring for one purpose, the signing one last, as itsdangerous expects them.

    They are derived each time: keys may be rotated while we run.
    """

    def __init__(self, ring: KeyRing, purpose: str) -> None:
        self._ring = ring
        self._purpose = purpose

    def __iter__(self) -> Iterator[bytes]:
        """All of them."""
        return reversed(self._ring.derive(self._purpose))


def _derive(key: OctKey, purpose: str) -> bytes:
    return hmac.digest(key.raw_value, purpose.encode(), hashlib.sha256)


def new_key() -> OctKey:
    """A random key with a random id."""
    return OctKey.generate_key(KEY_BITS, {"kid": secrets.token_hex(8), "use": "sig", "alg": "HS256"})


def open_ring(folder: Path, path: Path | None) -> KeyRing:
    """The ring in `path`; without one, the ring in `folder`, which is created if it does not exist."""
    if path is None:
        return load_or_create(folder)
    if not path.exists():
        raise UsageError(
            f"there are no signing keys in {path}", hint=f"create them: loopin server keys create {path}"
        )
    return read_ring(path)


def create_ring(path: Path) -> KeyRing:
    """Make a ring in a new file; raise AlreadyExists rather than replace one."""
    if path.exists() or not _create(path):
        raise AlreadyExists(f"{path} is there already", hint="a new key in front: loopin server keys rotate")
    return read_ring(path)


def add_key(path: Path) -> tuple[KeyRing, OctKey]:
    """Add a key that verifies and does not sign yet; return it with the ring.

    With it every host knows the key before the first one signs with it.
    """
    key = new_key()
    return _change(path, lambda ring: (ring.signing, key, *ring.keys[1:])), key


def rotate_keys(path: Path, kid: str = "") -> KeyRing:
    """Put a new key in front, or the one of that id; the others go on verifying.

    A reader sees the old file or the new one. Raises NotFound.
    """

    def rotated(ring: KeyRing) -> tuple[OctKey, ...]:
        key = _find_key(path, ring, kid) if kid else new_key()
        return (key, *(other for other in ring.keys if other is not key))

    return _change(path, rotated)


def retire_key(path: Path, kid: str) -> KeyRing:
    """Remove a key: what it signed is refused. Raises NotFound; the key that signs cannot be retired."""

    def without(ring: KeyRing) -> tuple[OctKey, ...]:
        key = _find_key(path, ring, kid)
        if key is ring.signing:
            raise UsageError(
                "that key signs new tokens", hint="put a new one in front: loopin server keys rotate"
            )
        return tuple(other for other in ring.keys if other is not key)

    return _change(path, without)


def _find_key(path: Path, ring: KeyRing, kid: str) -> OctKey:
    key = ring.find(kid)
    if key is None:
        raise NotFound(f"there is no key {kid[:80]!r} in {path}", hint="see: loopin server keys list")
    return key


def load_or_create(folder: Path) -> KeyRing:
    """Read the ring in `folder`, making folder and ring first when there is none.

    Raises Failed when the ring cannot be created or read, is readable by others or is damaged.
    """
    path = folder / FILE_NAME
    try:
        path.stat()
    except OSError:
        _create(path)
    return read_ring(path)


def _create(path: Path) -> bool:
    """Write a ring with one key; False when another process was first."""
    with _write_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _write_once(path, _serialize(KeyRing((new_key(),))))


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    """Raise Failed with the reason why the file cannot be written."""
    try:
        yield
    except OSError as error:
        raise Failed(
            f"the signing keys cannot be written to {path}: {error.strerror}",
            hint="name another folder, or let this account write there",
        ) from error


def _serialize(ring: KeyRing) -> str:
    keys = [key.as_dict(private=True) for key in ring.keys]
    return json.dumps({"id": ring.name, "keys": keys}, indent=1)


def _change(path: Path, new_keys: Callable[[KeyRing], tuple[OctKey, ...]]) -> KeyRing:
    """Replace the keys by those that `new_keys` returns; of two at once, one waits for the other."""
    with _write_errors(path), _lock(path):
        ring = read_ring(path)
        ring = replace(ring, keys=new_keys(ring), id=ring.name)
        draft = _draft(path, _serialize(ring))
        try:
            _copy_permissions(draft, path)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    return ring


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    lock = path.with_name(f".{path.name}.lock")
    try:
        with FileLock(lock, timeout=LOCK_SECONDS, mode=0o600):
            _chown_like(lock, path)
            yield
    except Timeout as error:
        raise Failed(f"another command is changing {path}", hint="try again when it is done") from error


def _copy_permissions(draft: Path, path: Path) -> None:
    """Let the same accounts read it. Raises OSError where this one may not hand it to the group."""
    _chown_like(draft, path)
    status = path.stat()
    if status.st_mode & stat.S_IRWXG:
        os.chown(draft, -1, status.st_gid)
    draft.chmod(stat.S_IMODE(status.st_mode))


def _chown_like(draft: Path, path: Path) -> None:
    # The server may run under another account than root, who rotates its keys.
    if os.geteuid() == 0:
        status = path.stat()
        os.chown(draft, status.st_uid, status.st_gid)


def _write_once(path: Path, text: str) -> bool:
    # Two servers may start together: the one that links first wins, and the other reads that file.
    draft = _draft(path, text)
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft


def read_ring(path: Path) -> KeyRing:
    """The ring in a file. Raises Failed when it cannot be read, is readable by others or is damaged."""
    try:
        content: dict[str, Any] = read_json(private_files.read_secret_file(path, "the signing keys"))
        keys = tuple(OctKey.import_key(entry) for entry in content["keys"])
        id = str(content.get("id", ""))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failed(f"the signing keys in {path} cannot be read", hint=_HINT) from error
    weak = any(len(key.raw_value) * 8 < KEY_BITS or not key.kid for key in keys)
    # It becomes part of a cookie's name.
    if not keys or weak or not ((id.isascii() and id.isalnum()) or not id):
        raise Failed(f"the signing keys in {path} are not usable", hint=_HINT)
    return KeyRing(keys, id, path)
