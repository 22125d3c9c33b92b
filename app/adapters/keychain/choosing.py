"""The Secret Service without keyring's ranking, where the ranking would choose it. Importing this imports
`keyring`.

keyring (25.7, `core.init_backend`) takes the backend that PYTHON_KEYRING_BACKEND or keyringrc.cfg names, else
imports every backend there is and takes the one of the highest priority. Two backends that can be used make
the chainer the highest. So the Secret Service is chosen where it can be used and no other can.
"""

import os
import sys
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import keyring
import keyring.core
from keyring.util import platform_

_SECRET_SERVICE = "keyring.backends.SecretService"
_OTHERS = ("keyring.backends.libsecret", "keyring.backends.kwallet")
_NEED = ("gi", "dbus")
"""What `_OTHERS` import, and cannot be used without."""
_ELSEWHERE = ("keyring.backends.macOS", "keyring.backends.Windows", "keyring.backends.chainer")
"""Backends that cannot be used on Linux, and the one for several."""
_KNOWN = frozenset({_SECRET_SERVICE, *_OTHERS, *_ELSEWHERE})
_GROUP = "[keyring.backends]"


@cache
def spare_ranking() -> None:
    """Set the Secret Service as keyring's backend where its ranking would; once a process, as it ranks.

    Where that is not certain, nothing is set, and `keyring.get_keyring()` ranks.
    """
    if sys.platform != "linux" or _is_named():
        return
    # Whatever keeps the Secret Service from being used: the ranking has something to say of it.
    with suppress(Exception):
        if not any(find_spec(name) for name in _NEED) and not _has_others():
            keyring.set_keyring(keyring.core.load_keyring(f"{_SECRET_SERVICE}.Keyring"))


def _is_named() -> bool:
    """True when somebody chose a backend, or there is a file that may."""
    return "PYTHON_KEYRING_BACKEND" in os.environ or (platform_.config_root() / "keyringrc.cfg").exists()


def _has_others() -> bool:
    """True when an installed package registers a backend that is not keyring's own, or may do so.

    importlib.metadata would tell, and reads and parses much more than this.
    """
    return any(_registers_others(Path(folder)) for folder in dict.fromkeys(sys.path))


def _registers_others(folder: Path) -> bool:
    if not folder.is_dir():
        # A package in an archive.
        return folder.exists() and not folder.name.startswith("python")
    for name in os.listdir(folder):
        if name.endswith((".dist-info", ".egg-info", "EGG-INFO")):
            with suppress(FileNotFoundError, NotADirectoryError):
                text = (folder / name / "entry_points.txt").read_text(encoding="utf-8")
                if _GROUP in text and not _KNOWN.issuperset(_backends(text)):
                    return True
    return False


def _backends(entry_points: str) -> list[str]:
    """The modules, or objects, that stand in the section of backends."""
    section = entry_points.partition(_GROUP)[2].partition("\n[")[0]
    return [line.partition("=")[2].strip() for line in section.splitlines() if "=" in line]
