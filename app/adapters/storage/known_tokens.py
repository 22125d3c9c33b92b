"""The ids of the tokens that lived when they were last listed, a file an organization."""

import asyncio
import hashlib
from collections.abc import Collection
from pathlib import Path

from app.adapters.storage.files import exclusive, replace
from app.domain.errors import Failed


class KnownTokenFiles:
    """One line an id, 37 bytes a token, 0600. The file is named after a hash of the endpoint and the
    organization, which are text from outside."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self, endpoint: str, organization: str) -> frozenset[str] | None:
        """The ids, or None when this organization was never listed here; raise Failed."""
        return await asyncio.to_thread(_read, self._path(endpoint, organization))

    async def write(self, endpoint: str, organization: str, ids: Collection[str]) -> None:
        """Keep these instead; raise Failed."""
        await asyncio.to_thread(_write, self._path(endpoint, organization), ids)

    def _path(self, endpoint: str, organization: str) -> Path:
        whole = f"{endpoint}\n{organization}".encode()
        return self._folder / f"{hashlib.sha256(whole).hexdigest()[:32]}.ids"


def _read(path: Path) -> frozenset[str] | None:
    try:
        return frozenset(path.read_text(encoding="utf-8").splitlines())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Failed(f"{path} cannot be read: {type(error).__name__}", hint="move it away") from error


def _write(path: Path, ids: Collection[str]) -> None:
    with exclusive(path):
        # An id with a line break would be two; no server makes one.
        replace(path, "".join(f"{one}\n" for one in ids if one.isprintable()).encode())
