"""A file whose content may be deleted elsewhere once it is here: private, whole, and on the disk."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.domain.errors import Failed, UsageError


@contextmanager
def new_archive(path: Path) -> Iterator[IO[str]]:
    """Write to a new file that only its owner can read. After the block it is complete and synced.

    Until then there is an empty file of that name, which keeps it free, and after an error none. Raises
    UsageError for a name that is taken, Failed when it cannot be written.
    """
    try:
        # O_EXCL also refuses a link that somebody put there.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise UsageError(f"{path} exists already", hint="name a file that does not exist") from None
    except OSError as error:
        raise _unwritable(path, error) from error
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
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
    """The name of a new file is kept in its folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> Failed:
    reason = error.strerror or type(error).__name__
    return Failed(f"{path} cannot be written: {reason}", hint="nothing was deleted; name another place")
