"""Facts about this machine for a bug report: what is installed, what is set, what the terminal can do.

Of the environment only names leave this module, and values that say nothing about a person.
"""

import os
import platform
import shutil
import stat
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from app.adapters.system import browser, clipboard
from app.domain import inputs
from app.domain.doctor import FolderFacts, Opener, TerminalFacts
from app.domain.errors import UsageError
from app.domain.text import clean

_PACKAGES = ("textual", "httpx", "authlib", "joserfc", "keyring", "grpcio", "protobuf", "click")
_FILES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
_INTRUDERS = {"httpx2": "Authlib would use it instead of httpx", "keyrings.alt": "it keeps secrets in files"}
_COLOURS = {"truecolor": 1 << 24, "24bit": 1 << 24}


class ThisMachine:
    """`folders` are those of the settings; `own` is this program's version."""

    def __init__(self, folders: Sequence[Path], own: str, environ: Mapping[str, str] | None = None) -> None:
        self._folders = folders
        self._own = own
        self._environ = os.environ if environ is None else environ

    def versions(self) -> Mapping[str, str]:
        """Ours, Python, the system, and the libraries that speak to the outside."""
        system = f"{platform.release()} {platform.machine()}"
        found = {"loopin": self._own, "Python": platform.python_version(), platform.system(): system}
        return found | {name: text for name in _PACKAGES if (text := _installed(name))}

    def opener(self) -> Opener:
        """The first program that would be tried, or why none would be."""
        if why := browser.obstacle(self._environ):
            return Opener(obstacle=why)
        commands = browser.commands(self._environ)
        return Opener(clean(Path(commands[0][0]).name, 40)) if commands else Opener(obstacle="none was found")

    def clipboard(self) -> Sequence[str]:
        """The programs that have what they need."""
        return [command[0] for command in clipboard.tools(self._environ)]

    def terminal(self) -> TerminalFacts:
        """What standard output is, and what its kind promises."""
        attached = sys.stdout is not None and sys.stdout.isatty()
        size = shutil.get_terminal_size((0, 0)) if attached else os.terminal_size((0, 0))
        kind = clean(self._environ.get("TERM", ""), 40)
        return TerminalFacts(
            attached,
            kind,
            _colours(self._environ),
            size.columns,
            size.lines,
            clean(getattr(sys.stdout, "encoding", None) or "", 20).lower(),
            " and ".join(_around(self._environ)),
        )

    def folders(self) -> Sequence[FolderFacts]:
        """Each folder, or the nearest one above it that exists."""
        return [_folder(path) for path in dict.fromkeys(self._folders)]

    def variables(self) -> frozenset[str]:
        """Names alone."""
        return frozenset(name for name, value in self._environ.items() if value)

    def missing_files(self) -> Sequence[str]:
        """Among the variables that name authorities."""
        named = ((name, self._environ.get(name, "")) for name in _FILES)
        return [name for name, path in named if path.strip() and not _readable(name, path)]

    def intruders(self) -> Sequence[str]:
        """With the reason why each is one."""
        return [f"{name}: {why}" for name, why in _INTRUDERS.items() if _installed(name)]


def _readable(variable: str, path: str) -> bool:
    """As it is read: by us, or by gRPC, which takes it as it is."""
    try:
        place = Path(path) if variable.startswith("GRPC_") else inputs.read_path(path, variable)
        return place is not None and os.access(place, os.R_OK)
    except (UsageError, ValueError):
        return False


def _installed(name: str) -> str:
    try:
        return clean(version(name), 40)
    except PackageNotFoundError:
        return ""


def _colours(environ: Mapping[str, str]) -> int:
    if environ.get("NO_COLOR") or environ.get("TERM", "dumb") in {"dumb", "unknown", ""}:
        return 0
    if named := _COLOURS.get(environ.get("COLORTERM", "").lower()):
        return named
    return 256 if "256" in environ.get("TERM", "") else 16


def _around(environ: Mapping[str, str]) -> list[str]:
    marks = (("TMUX", "tmux"), ("STY", "screen"), ("SSH_CONNECTION", "SSH"), ("WSL_DISTRO_NAME", "WSL"))
    return [name for variable, name in marks if environ.get(variable)]


def _folder(path: Path) -> FolderFacts:
    try:
        exists = path.is_dir()
        nearest = path
        while not nearest.exists() and nearest != nearest.parent:
            nearest = nearest.parent
        inside = [path, *path.iterdir()] if exists and os.access(path, os.R_OK | os.X_OK) else []
    # A folder above it that belongs to somebody else, a name that is too long.
    except OSError as error:
        return FolderFacts(_shown(path), False, error.strerror or type(error).__name__, False)
    others = any(_mode(entry) & 0o077 for entry in inside) and os.name == "posix"
    return FolderFacts(_shown(path), exists, _obstacle(nearest), others)


def _obstacle(folder: Path) -> str:
    """Only writing tells: rights alone know nothing of a full disk."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
            file.flush()
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0


def _shown(path: Path) -> str:
    return clean(inputs.with_tilde(path), 200)
