"""How this program writes files: whole or not at all, and readable for their owner only."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.domain import inputs
from app.domain.errors import Failed

PATIENCE = 10.0
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
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=PATIENCE, mode=0o600):
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


def newline_of(text: str) -> str:
    """Return the line break that the text has: a person's editor may write CRLF."""
    return "\r\n" if "\r\n" in text else "\n"


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
