"""Files that hold a secret: the ring of keys, a TLS key, a password in a URL. One rule for all of them.

Their owner and their group may read them, nobody else. A service often gets its secrets through its group,
from an account that is not its own.
"""

import os
import stat
from pathlib import Path

from app.domain.errors import Failed

OTHERS = stat.S_IRWXO


def read(path: Path, what: str) -> bytes:
    """What is in the file. `what` names it in an error, such as "the signing keys".

    Raises OSError for a file that cannot be read, and Failed for one that everybody on the machine can use.
    """
    with path.open("rb") as file:
        # Of the file that is open: the path may lead to another one a moment later.
        mode = os.fstat(file.fileno()).st_mode
        if os.name == "posix" and mode & OTHERS:
            raise Failed(f"{what} in {path} can be read by others", hint=f"run chmod o= {path}")
        return file.read()
