"""Files that are written whole or not at all, and that only their owner can read."""

import asyncio
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.domain import inputs
from app.domain.errors import Failed, UsageError
from app.domain.secret import Secret

LOCK_TIMEOUT = 10.0
"""Seconds to wait for another process to finish with a file."""


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock that goes with `path`, across processes; make its folder (0700) first.

    Raise Failed when the folder cannot be made, the lock is not to be had, or the work inside fails
    with an OSError (a full disk, a read-only folder).
    """
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=LOCK_TIMEOUT, mode=0o600):
            yield
    except Timeout:
        raise Failed(f"{path} is in use by another program", hint="try again in a moment") from None
    except OSError as error:
        raise Failed(
            f"{path} cannot be written: {error.strerror or type(error).__name__}",
            hint="make room, or make the folder writable",
        ) from error


def read_text(path: Path) -> str:
    """Return the text of a file, with its line breaks and without a byte order mark; "" without a file.

    Raise OSError, and UsageError for a file that is no text.
    """
    try:
        return inputs.decode(path.read_bytes(), str(path))
    except FileNotFoundError:
        return ""


def replace(path: Path, data: bytes) -> None:
    """Put `data` in the place of `path`: a crash leaves the old file or the new one.

    A link stays one: its target is replaced. A file keeps its permissions, a new one has 0600.
    """
    # Most runs write nothing.
    import tempfile

    path = Path(os.path.realpath(path))
    # mkstemp makes the file 0600, whatever the umask is.
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if os.name == "posix" and path.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself last; not every system can open a folder."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class PrivateFileWriter:
    """Writes the new files that a person asks for, a token or a list; they are 0600 from the start."""

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
