"""What `loopin doctor` finds out about this machine, and what it needs to be told by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol


class Verdict(Enum):
    """How serious it is. FAIL: something that Loopin is for cannot work like this."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `check` is a stable name for scripts, `fix` the next step, `seconds` what it took."""

    check: str
    verdict: Verdict
    detail: str
    fix: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Opener:
    """What opens a page here: a program's name, or the reason why nothing does."""

    name: str = ""
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class TerminalFacts:
    """What is known about the terminal. `colours` is their number; `columns` and `rows` 0 without one."""

    attached: bool
    kind: str
    colours: int
    columns: int
    rows: int
    encoding: str
    inside: str = ""


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """One folder of Loopin's. `shown` has ~ for the home folder; `obstacle` says why nothing can be written
    there, empty when it can; `others` is True when somebody else may read something in it.
    """

    shown: str
    exists: bool
    obstacle: str
    others: bool


@dataclass(frozen=True, slots=True)
class HTTPAnswer:
    """What a web server shows to anyone.

    `date` is its own clock (RFC 9110 §6.6.1), `at` ours in the middle of the exchange; `protection` is the
    version of TLS, or "plain text"; `valid_until` is the end of its certificate.
    """

    status: int
    at: datetime
    date: datetime | None = None
    protection: str = ""
    valid_until: datetime | None = None


class Machine(Protocol):
    """Facts about this machine; none of them is secret."""

    def versions(self) -> Mapping[str, str]:
        """Names and versions of what runs here, ours first."""

    def opener(self) -> Opener:
        """What opens a page for a person."""

    def clipboard(self) -> Sequence[str]:
        """The clipboard programs that can work here."""

    def terminal(self) -> TerminalFacts:
        """The terminal that we run in."""

    def folders(self) -> Sequence[FolderFacts]:
        """Where Loopin keeps what is not secret."""

    def variables(self) -> frozenset[str]:
        """The names of the environment variables that are set to anything."""

    def missing_files(self) -> Sequence[str]:
        """Variables that name a file which cannot be read."""

    def intruders(self) -> Sequence[str]:
        """Installed packages that are known to get in the way."""


class Network(Protocol):
    """Looks at a server as anyone may; nothing secret is sent."""

    def proxy(self, url: str, *, grpc: bool = False) -> str:
        """The proxy on the way to `url`, and what names it; empty for the direct way.

        Raise Unreachable where it cannot be used.
        """

    async def resolve(self, host: str) -> Sequence[str]:
        """The addresses of a name; raise Unreachable."""

    async def head(self, url: str, ca: str = "") -> HTTPAnswer:
        """Ask for the head of a page; raise Unreachable, TLSFailed or BadReply."""
