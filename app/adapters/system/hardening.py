"""Keeps what this process holds to its owner: no readable files by the way, no memory in a core dump.

Programs that a person starts through Loopin are theirs, and get back what was in force before.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from app.domain.secret import VARIABLES

UMASK = 0o077
NO_CORE = 0
_FILTER = Path("/proc/self/coredump_filter")


class _Before:
    """What was in force when the program started; None until `protect` was called."""

    def __init__(self) -> None:
        self.umask = -1
        self.core: tuple[int, int] | None = None
        self.filter = ""


_before = _Before()


def protect() -> None:
    """Make new files private and core dumps empty, from here on. Does what the system allows, never raises.

    A limit of 0 keeps the kernel from writing a core file. A crash collector gets its dump through a pipe
    whatever the limit says, so on Linux no memory is put into one either (core(5), coredump_filter).
    """
    if _before.umask == -1:
        _before.umask = os.umask(UMASK)
    with suppress(ImportError, OSError, ValueError):
        import resource

        _before.core = _before.core or resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (NO_CORE, _before.core[1]))
    with suppress(OSError):
        _before.filter = _before.filter or _FILTER.read_text().strip()
        _FILTER.write_text("0")


def environment_of_children(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` for a helper program (a browser, a clipboard tool), which needs no credential of ours."""
    return {name: value for name, value in environ.items() if name not in VARIABLES}


def umask_of_children() -> int:
    """The umask that a program of the person's own gets; -1 means: as it is now."""
    return _before.umask


@contextmanager
def lifted() -> Iterator[None]:
    """While inside, everything is as it was before `protect`: what starts here is none of our business."""
    if _before.umask == -1:
        yield
        return
    os.umask(_before.umask)
    with suppress(ImportError, OSError, ValueError):
        import resource

        if _before.core is not None:
            resource.setrlimit(resource.RLIMIT_CORE, _before.core)
    with suppress(OSError):
        if _before.filter:
            _FILTER.write_text(f"0x{_before.filter}")
    try:
        yield
    finally:
        protect()
        os.umask(UMASK)
