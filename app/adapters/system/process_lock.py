"""One at a time, across processes: a file lock a name."""

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.domain.errors import Failed, LockUnavailable

POLL = 0.05
"""Seconds between two looks at a lock that somebody else holds."""


class FileLocks:
    """Locks in `folder`; the system frees the lock of a process that dies."""

    def __init__(self, folder: Path, patience: float = 60.0) -> None:
        self._folder = folder
        self._patience = patience

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        """Wait up to the patience (seconds) for `name`; raise Failed when it does not come free, and
        LockUnavailable when there can be no lock in this folder."""
        from filelock import AsyncFileLock, Timeout

        path = self._folder / file_name(name)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # No executor: its threads would be joined at exit, behind a lock that nobody frees.
            lock = AsyncFileLock(
                path, timeout=self._patience, mode=0o600, poll_interval=POLL, run_in_executor=False,
                fallback_to_soft=False, preserve_lock_file=True,
            )  # fmt: skip
            await lock.acquire()
        except Timeout:
            raise Failed(
                "another Loopin is working on this login and does not finish",
                hint="end it, or wait, and try again",
            ) from None
        except OSError as error:
            raise LockUnavailable(
                f"{path} cannot be locked: {error.strerror or error}",
                hint="make that folder writable, or name another one in LOOPIN_STATE_DIR",
            ) from None
        try:
            yield
        finally:
            await lock.release()


def file_name(name: str) -> str:
    """A file name that is safe and belongs to `name` alone."""
    readable = re.sub(r"[^a-zA-Z0-9]+", "-", name)[:40]
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:12]}.lock"
