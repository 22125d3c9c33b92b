"""Facts for `loopin doctor`: what is installed and set on this machine, and how a server answers to anyone.

Of the environment only names leave this module, and values that say nothing about a person. No credential is
sent.
"""

import asyncio
import os
import platform
import shutil
import socket
import ssl
import stat
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import httpx

from app.adapters.http.transport import Transport
from app.adapters.system import browser, clipboard
from app.domain import inputs
from app.domain.doctor import FolderFacts, HTTPAnswer, Opener, TerminalFacts
from app.domain.errors import Unreachable, UsageError
from app.domain.ports import Clock
from app.domain.text import clean
from app.domain.times import utc
from app.oidc.proxies import proxy_for

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


class NetworkProbe:
    """Asks servers without a credential. `timeout` in seconds bounds each request."""

    def __init__(self, clock: Clock, *, timeout: float, user_agent: str) -> None:
        self._clock = clock
        self._transport = Transport(timeout, user_agent)

    def proxy(self, url: str, *, grpc: bool = False) -> str:
        """The proxy on the way, with the variable that names it."""
        found = proxy_for(url, grpc=grpc)
        return str(found) if found else ""

    async def resolve(self, host: str) -> Sequence[str]:
        """Ask for the addresses of a name."""
        answer: Future[Sequence[str]] = Future()
        # Nobody joins a daemon: a resolver that never answers must not hold up the end of the program.
        threading.Thread(target=_resolve, args=(host, answer), daemon=True, name="resolver").start()
        try:
            async with asyncio.timeout(self._transport.timeout):
                return await asyncio.wrap_future(answer)
        except TimeoutError:
            what = f"the name {clean(host, 100)} was not resolved within {self._transport.timeout:g} s"
            raise Unreachable(what, hint="check the network and its name servers") from None
        except (OSError, UnicodeError):
            what = f"the name {clean(host, 100)} cannot be found"
            raise Unreachable(what, hint="check the address, the network and its name servers") from None

    async def head(self, url: str, ca: str = "") -> HTTPAnswer:
        """Ask for `url`, read nothing of its body, and do not follow where it leads.

        Not with HEAD: a server may answer that with 404 where it serves GET.
        """
        before = self._clock.now()
        async with (
            self._transport.exchange(url),
            self._transport.client(url, httpx.AsyncClient, ca=ca) as client,
            client.stream("GET", url) as response,
        ):
            at = before + (self._clock.now() - before) / 2
            session = _tls_session(response.extensions)
            return HTTPAnswer(
                response.status_code,
                at,
                _read_date(response.headers.get("date", "")),
                session.version() or "TLS" if session else "plain text",
                _certificate_end(session),
            )


def _resolve(host: str, answer: "Future[Sequence[str]]") -> None:
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
        answer.set_result(tuple(dict.fromkeys(str(entry[4][0]) for entry in found)))
    except (OSError, UnicodeError) as error:
        answer.set_exception(error)


def _tls_session(extensions: Mapping[str, Any]) -> ssl.SSLObject | None:
    stream = extensions.get("network_stream")
    found = stream.get_extra_info("ssl_object") if stream is not None else None
    return found if isinstance(found, ssl.SSLObject) else None


def _certificate_end(session: ssl.SSLObject | None) -> datetime | None:
    certificate = session.getpeercert() if session is not None else None
    text = certificate.get("notAfter") if certificate else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC) if isinstance(text, str) else None


def _read_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return utc(moment) if moment.tzinfo else moment.replace(tzinfo=UTC)
