"""Private files: secrets that an operator provides, and archives of audit events."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.domain.errors import Failed, UsageError

OTHERS = stat.S_IRWXO
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def read_secret_file(path: Path, what: str) -> bytes:
    """The content of a file that its owner and group may read, and nobody else.

    `what` names it in an error, such as "the signing keys". Raises OSError for a file that cannot be read,
    and Failed for one that others can read. Group access is accepted: services often get secrets that way.
    """
    with path.open("rb") as file:
        # Of the open file: the path may lead to another one a moment later.
        mode = os.fstat(file.fileno()).st_mode
        if os.name == "posix" and mode & OTHERS:
            raise Failed(f"{what} in {path} can be read by others", hint=f"run chmod o= {path}")
        return file.read()


def read_secret_text(path: Path, what: str) -> str:
    """The same as stripped text; empty for a file that cannot be read. Raises Failed."""
    try:
        return read_secret_file(path, what).decode("utf-8").strip()
    except (OSError, ValueError):
        return ""


@contextmanager
def new_archive(path: Path) -> Iterator[IO[str]]:
    """Write a new file that only its owner can read; after the block it is complete and synced to disk.

    Until then `path` is an empty file, which reserves the name; after an error it is removed. Raises
    UsageError for a name that exists, Failed when the file cannot be written.
    """
    try:
        # O_EXCL also refuses a symbolic link.
        os.close(os.open(path, _CREATE, 0o600))
    except FileExistsError:
        raise UsageError(f"{path} exists already", hint="name a file that does not exist") from None
    except OSError as error:
        raise _unwritable(path, error) from error
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, _CREATE, 0o600), "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except BaseException as error:
        draft.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def _sync_folder(folder: Path) -> None:
    """Sync the folder, which holds the name of a new file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> Failed:
    reason = error.strerror or type(error).__name__
    return Failed(f"{path} cannot be written: {reason}", hint="nothing was deleted; name another place")
