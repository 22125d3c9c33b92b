"""The one folder that a demo writes to. What a killed demo left behind goes when the next one starts."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIXES = ("loopin-demo-", "loopin-tour-")
OWNED = "in-use.lock"
"""Locked for as long as the owner lives, however it ends."""


@contextmanager
def sample_folder(prefix: str = PREFIXES[0]) -> Iterator[Path]:
    """An empty folder of our own that goes at the end; first, what dead ones left behind."""
    from filelock import FileLock

    clear_up(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with FileLock(folder / OWNED):
            yield folder


def clear_up(place: Path) -> None:
    """Remove this user's demo folders in `place` whose owner is dead. What cannot be removed stays."""
    from filelock import FileLock, Timeout

    for folder in place.iterdir():
        if not folder.name.startswith(PREFIXES) or not _is_our_own(folder):
            continue
        lock = folder / OWNED
        # A folder without a lock is being made at this moment.
        if not lock.exists():
            continue
        try:
            with FileLock(lock, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            continue


def _is_our_own(folder: Path) -> bool:
    """A real folder, not a link to somewhere, and not somebody else's."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    getuid = getattr(os, "getuid", None)
    return stat.S_ISDIR(found.st_mode) and (getuid is None or found.st_uid == getuid())
