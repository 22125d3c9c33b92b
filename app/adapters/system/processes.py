"""Other processes of this machine."""

import os
from contextlib import suppress
from pathlib import Path


def is_running(pid: int) -> bool:
    """True when a process with this number runs. Where that cannot be asked safely, False."""
    # On Windows os.kill ends the process, whatever the signal's number.
    if os.name != "posix" or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not _has_ended(pid)


def _has_ended(pid: int) -> bool:
    """True for one that nobody has asked about its end yet; only Linux tells."""
    with suppress(OSError):
        # The name before it stands in brackets, and may hold anything (proc_pid_stat(5)).
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[:1] == [b"Z"]
    return False
