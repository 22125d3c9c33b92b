"""The trail as JSON lines: one entry a line, appended under a lock."""

import asyncio
import contextlib
import errno
import json
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from app.adapters.storage.files import exclusive, replace
from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.credentials import Provider
from app.domain.errors import Failed
from app.domain.json_text import read_json

MAX_BYTES = 4 * 1024 * 1024
_OPERATION = b'"operation": "'
_TEXTS = ("identity", "organization", "endpoint", "subject", "subject_id", "detail", "operation")


class JsonLinesActivity:
    """Appends to one file, 0600. Over `max_bytes` (4 MiB, tens of thousands of entries) the older
    half is dropped."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes

    async def append(self, entry: ActivityEntry) -> None:
        """Add one line, on the disk when this returns; raise Failed when it cannot be written."""
        await asyncio.to_thread(self._append, _line(entry))

    async def entries(self) -> Sequence[ActivityEntry]:
        """All entries, oldest first; lines that cannot be read are skipped."""
        return await asyncio.to_thread(lambda: tuple(self._entries()))

    async def operations(self) -> Sequence[ActivityEntry]:
        """Those that are part of an operation. Other lines are not parsed: they may be 16,000."""
        return await asyncio.to_thread(lambda: tuple(self._entries(_OPERATION)))

    def _append(self, line: bytes) -> None:
        with exclusive(self._path):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                size = os.fstat(descriptor).st_size
                # A crash may have left half a line: it must not swallow this one.
                torn = size > 0 and _last_byte(descriptor, size) != b"\n"
                _write_whole(descriptor, b"\n" + line if torn else line, size)
            finally:
                os.close(descriptor)
            if size + len(line) > self._max_bytes:
                self._drop_older_half()

    def _drop_older_half(self) -> None:
        data = self._path.read_bytes()
        cut = data.find(b"\n", len(data) // 2) + 1
        replace(self._path, data[cut:])

    def _entries(self, mark: bytes = b"") -> Iterator[ActivityEntry]:
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        except OSError as error:
            raise Failed(
                f"{self._path} cannot be read: {error.strerror}", hint="make it readable, or move it away"
            ) from error
        for line in lines:
            if mark in line and (entry := _entry(line)) is not None:
                yield entry


def _last_byte(descriptor: int, size: int) -> bytes:
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1)


def _write_whole(descriptor: int, data: bytes, size: int) -> None:
    """Write all of it, or leave the file as it was."""
    try:
        if os.write(descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
    except OSError:
        # The first error is the one to tell.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _line(entry: ActivityEntry) -> bytes:
    fields: dict[str, Any] = {
        "at": entry.at.isoformat(),
        "action": entry.action.value,
        "outcome": entry.outcome.value,
        "provider": entry.provider.value,
    }
    fields |= {name: value for name in _TEXTS if (value := getattr(entry, name))}
    if entry.extra:
        fields["extra"] = [list(pair) for pair in entry.extra]
    return json.dumps(fields).encode() + b"\n"


def _entry(line: bytes) -> ActivityEntry | None:
    try:
        fields = read_json(line)
        at = datetime.fromisoformat(fields["at"])
        if at.tzinfo is None:
            return None
        texts: dict[str, Any] = {name: str(fields.get(name, "")) for name in _TEXTS}
        extra = tuple((str(key), str(value)) for key, value in fields.get("extra", ()))
        action, outcome = Action(fields["action"]), Outcome(fields["outcome"])
        return ActivityEntry(at, action, outcome, Provider(fields["provider"]), extra=extra, **texts)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
