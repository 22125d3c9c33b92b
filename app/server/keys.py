"""The ring of signing keys: made on first start, kept in one file that only its owner can read.

The file is a JWK set (RFC 7517 §5) of symmetric keys. The first key signs; every key in it verifies.
"""

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import OctKey

from app.domain.errors import Failed

FILE_NAME = "signing-keys.json"
KEY_BITS = 256
_HINT = "restore it from a backup; without it nobody stays signed in and no API token works"


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
        """32 bytes for another use, bound to `purpose`; the same on every replica with this ring."""
        return hmac.digest(self.signing.raw_value, purpose.encode(), hashlib.sha256)


def new_key() -> OctKey:
    """A fresh key with an id of its own."""
    return OctKey.generate_key(KEY_BITS, {"kid": secrets.token_hex(8), "use": "sig", "alg": "HS256"})


def load_or_make(folder: Path) -> KeyRing:
    """Read the ring in `folder`, making folder and ring first when there is none.

    Raises Failed when the ring cannot be read, is readable by others or is damaged.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / FILE_NAME
    if not path.exists():
        _write_once(path, json.dumps({"keys": [new_key().as_dict(private=True)]}, indent=1))
    return _read(path)


def _write_once(path: Path, text: str) -> None:
    # Two servers may start together: the one that links first wins, and the other reads that file.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _read(path: Path) -> KeyRing:
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
