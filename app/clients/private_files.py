"""Files that a person asked for, a token or a list: new, 0600 from their first moment."""

import asyncio
import os
from pathlib import Path

from app.domain.errors import Failed, UsageError
from app.domain.secret import Secret


class NewPrivateFiles:
    """Writes new files that only their owner can read."""

    async def is_free(self, path: str) -> bool:
        """True when nothing is there, not even a link to nowhere."""
        return await asyncio.to_thread(_is_free, path)

    async def write(self, path: str, secret: Secret) -> str:
        """Write `secret` to `path` and return the path as given; an existing file is never touched."""
        await asyncio.to_thread(_write, path, secret.reveal())
        return path

    async def write_text(self, path: str, text: str) -> str:
        """Write `text`; the same holds."""
        await asyncio.to_thread(_write, path, text)
        return path


def _is_free(name: str) -> bool:
    return not os.path.lexists(Path(name).expanduser())


def _write(name: str, text: str) -> None:
    path = Path(name).expanduser()
    try:
        # O_EXCL also refuses a link that somebody put there.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{path} exists already", hint="name a file that does not exist") from None
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}", hint="name another place") from None
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)
