"""Other processes of this machine."""

import os


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
    return True
