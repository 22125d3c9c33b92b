"""Files that a person asked for, a token or a list: new, 0600 from their first moment."""

import asyncio
import os
from pathlib import Path

from app.domain import inputs
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


def _path(name: str) -> Path:
    path = inputs.read_path(name, "the file name")
    if path is None:
        raise UsageError("a file name is needed", hint="for example ./token")
    return path


def _is_free(name: str) -> bool:
    return not os.path.lexists(_path(name))


def _write(name: str, text: str) -> None:
    path, data = _path(name), text.encode("utf-8", "replace")
    try:
        # O_EXCL also refuses a link that somebody put there.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{path} exists already", hint="name a file that does not exist") from None
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            # A disk that is full, or a quota, may say so only now.
            os.fsync(file.fileno())
    except BaseException as error:
        # Half a file would be taken for a whole one, and block the next try.
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from None
        raise


def _unwritable(path: Path, error: OSError) -> Failed:
    reason = error.strerror or type(error).__name__
    return Failed(f"{path} cannot be written: {reason}", hint="name another place")
