"""Everything the account server can be told, as one checked value."""

import re
import socket
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from app.domain.errors import UsageError
from app.domain.inactivity import SWEEP_INTERVAL
from app.domain.loopback import is_loopback_host
from app.server import private_files
from app.server.provider_settings import ProviderSettings

SEEDS = ("demo",)
MAX_SESSION_LIFE = timedelta(days=365)
# From a person's consent on: no refresh makes a grant live longer.
GRANT_LIFE = timedelta(days=30)
MIN_GRANT_LIFE = timedelta(hours=1)
LOGIN_LIFE, BRIEF_LIFE = timedelta(days=7), timedelta(seconds=10)
"""Of a browser login for programs, as with the vendor: with `long-lived=true`, and without."""
MAX_DRAIN_DELAY = timedelta(hours=1)
MIN_SECRET = 16
LEAST_CONNECTIONS, MOST_CONNECTIONS = 2, 1000
MAX_WAIT = timedelta(hours=1)
MAX_WORKERS = 64
# Host and port; an IPv6 address in brackets.
_ADDRESS = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}")
_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?/?")


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """One server process.

    `data` holds the signing keys and, unless `database_url` names another, the database. Port 0 lets the
    system choose. `public_url` is what browsers are told; empty means the HTTP listener itself. `public_grpc`
    is host and port that programs are told; empty means that of the listener, unless a proxy is in front.
    `trusted_proxies` are networks whose X-Forwarded-For is believed. `sweep_interval` zero means: only when
    asked. `database_url` may carry a password and is never printed. `federation_secret_file` holds what
    opens /federated/verify; off without it. `signing_key_file` is the ring of keys; without it there is one
    in `data`.
    `tls_cert` and `tls_key` are PEM files for both listeners; without them they speak plain text.
    `provider` is the team's own identity provider; without `passwords` it is the only way in.
    `session_life` is how long a person stays signed in, at most; `grant_life` how long a program may do what
    a person allowed, however often it refreshes. `organization_creation` lets everybody create organizations.
    `dashboard_url` is the address of a web dashboard; StatusService.Infoz returns it.
    It opens up to `database_connections` at once; a PostgreSQL that does not answer yet is awaited for
    `database_wait`.
    Before a stop the server says for `drain_delay` that it is not ready, and serves; then it takes nothing
    new, and has `drain` to answer what has arrived.
    `workers` processes serve the same two ports; limits and connections are totals of all of them.
    """

    data: Path
    host: str = "127.0.0.1"
    http_port: int = 0
    grpc_port: int = 0
    public_url: str = ""
    public_grpc: str = ""
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    seed: str = ""
    session_life: timedelta = LOGIN_LIFE
    grant_life: timedelta = GRANT_LIFE
    sweep_interval: timedelta = SWEEP_INTERVAL
    database_url: str = ""
    control_stdin: bool = False
    federation_secret_file: Path | None = None
    signing_key_file: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    database_connections: int = 48
    database_wait: timedelta = timedelta(0)
    drain_delay: timedelta = timedelta(0)
    drain: timedelta = timedelta(seconds=20)
    provider: ProviderSettings | None = None
    passwords: bool = True
    organization_creation: bool = False
    dashboard_url: str = ""
    workers: int = 1

    def check(self) -> "ServerSettings":
        """Return self, or raise UsageError with what to change."""
        if not is_loopback_host(self.host) and not self.public_url:
            raise UsageError(
                f"{self.host[:80]!r} can be reached from other machines and needs a public address",
                hint="add --public-url https://accounts.example, the address that browsers use",
            )
        _check_url("public URL", self.public_url)
        _check_origin(self.public_url)
        _check_url("dashboard URL", self.dashboard_url)
        if self.public_grpc and not _ADDRESS.fullmatch(self.public_grpc):
            raise UsageError(
                "the public address of gRPC cannot be used", hint="write it like accounts.example:443"
            )
        if self.seed and self.seed not in SEEDS:
            raise UsageError(f"there is no sample data {self.seed[:80]!r}", hint="use --seed demo")
        if not timedelta(0) < self.session_life <= MAX_SESSION_LIFE:
            raise UsageError("a session must last more than 0 hours and at most a year", hint="try 168h")
        self._check_spans()
        if self.provider:
            self.provider.check()
        elif not self.passwords:
            raise UsageError(
                "without passwords and without an identity provider nobody could sign in",
                hint="add --oidc-issuer, or leave out --no-passwords",
            )
        if (self.tls_cert is None) != (self.tls_key is None):
            raise UsageError("TLS needs a certificate and its key", hint="give --tls-cert and --tls-key")
        self._check_plain_http()
        self._check_database()
        self._check_workers()
        return self

    def _check_workers(self) -> None:
        if not 1 <= self.workers <= MAX_WORKERS:
            raise UsageError(f"a server has 1 to {MAX_WORKERS} workers", hint="one for each core is usual")
        if self.workers == 1:
            return
        if not self.database_url:
            raise UsageError(
                "SQLite has one writer: several workers need PostgreSQL",
                hint="name a database with --database-url-file, or leave out --workers",
            )
        if self.control_stdin:
            raise UsageError("--control-stdin is for one worker", hint="leave out --workers")
        if not hasattr(socket, "SO_REUSEPORT"):
            raise UsageError("several processes cannot share a port here", hint="leave out --workers")
        if self.database_connections < LEAST_CONNECTIONS * self.workers:
            raise UsageError(
                f"{self.workers} workers need at least {LEAST_CONNECTIONS * self.workers} connections",
                hint="raise --database-connections",
            )

    def share(self, total: int) -> int:
        """What one worker has of a limit that counts for all of them: at least one."""
        return max(1, total // self.workers)

    def _check_spans(self) -> None:
        if self.sweep_interval and not timedelta(seconds=1) <= self.sweep_interval <= SWEEP_INTERVAL:
            # Whoever previews a threshold counts what is due within an hour.
            wrong = "longer than an hour" if self.sweep_interval > SWEEP_INTERVAL else "less than a second"
            raise UsageError(
                f"the sweep interval is {wrong}", hint="use 1s to 60m, or 0 to sweep only when asked"
            )
        if not MIN_GRANT_LIFE <= self.grant_life <= MAX_SESSION_LIFE:
            raise UsageError(
                "what a person allows a program must last an hour at least and a year at most", hint="try 30d"
            )
        if not LEAST_CONNECTIONS <= self.database_connections <= MOST_CONNECTIONS:
            raise UsageError(
                f"a server needs {LEAST_CONNECTIONS} to {MOST_CONNECTIONS} connections to its database",
                hint="48 serve every worker at once",
            )
        if not timedelta(0) <= self.database_wait <= MAX_WAIT:
            raise UsageError("the wait for the database must be 0 to 60 minutes", hint="try 30s")
        if not timedelta(0) <= self.drain_delay <= MAX_DRAIN_DELAY:
            raise UsageError("the drain delay must be 0 to 60 minutes", hint="try 10s")

    def _check_plain_http(self) -> None:
        """Passwords and tokens cross a network under TLS, or a proxy is named that sees to it."""
        if self.trusted_proxies:
            return
        url = urlsplit(self.public_url)
        if self.tls_cert is None and not is_loopback_host(self.host):
            raise UsageError(
                f"on {self.host[:80]!r} passwords and tokens would cross the network without TLS",
                hint="give --tls-cert and --tls-key, or name the proxy that speaks TLS with --trusted-proxy",
            )
        if url.scheme == "http" and not is_loopback_host(url.hostname or ""):
            raise UsageError(
                "the public URL is plain http for other machines",
                hint="write it with https://, or name the proxy that it belongs to with --trusted-proxy",
            )

    def _check_database(self) -> None:
        if not self.database_url:
            return
        check_database_url(self.database_url)
        if self.signing_key_file is None:
            raise UsageError(
                "a database that several servers share needs keys that they share",
                hint="add --signing-key-file; loopin server keys create makes one",
            )

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the database."""
        return self.database_url or f"sqlite:///{self.database_file}"

    @property
    def database_file(self) -> Path:
        """Where SQLite keeps it when there is no URL."""
        return self.data / "loopin.db"

    def federation_secret(self) -> str:
        """The secret in the file, empty without one. Raises UsageError and Failed for one that is no use."""
        path = self.federation_secret_file
        if path is None:
            return ""
        secret = private_files.read_secret_text(path, "the federation secret")
        if len(secret) < MIN_SECRET:
            raise UsageError(
                f"the federation secret in {path} cannot be used",
                hint=f"put at least {MIN_SECRET} random characters into a file that the server can read",
            )
        return secret

    def login_life(self, long_lived: str) -> timedelta:
        """How long the login of a program lives whose sign-in page was opened with this `long-lived`."""
        return min(LOGIN_LIFE if long_lived == "true" else BRIEF_LIFE, self.session_life)


def _check_url(name: str, url: str) -> None:
    if not url:
        return
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    bare = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not bare or port == 0:
        raise UsageError(f"the {name} cannot be used", hint="write it like https://accounts.example")


def _check_origin(url: str) -> None:
    """The pages are at the root of their host, and cookies and issuer name no path."""
    if not url or _ORIGIN.fullmatch(url):
        return
    if urlsplit(url).path.strip("/"):
        raise UsageError(
            "the public URL has a path", hint="give the server a host of its own: https://accounts.example"
        )
    raise UsageError("the public URL cannot be used", hint="write it like https://accounts.example")


def check_database_url(url: str) -> str:
    """Return `url`, or raise UsageError for one that is not PostgreSQL's; it is never quoted."""
    if url.partition("://")[0] not in {"postgresql", "postgresql+psycopg"}:
        raise UsageError(
            "the database URL is not one of PostgreSQL",
            hint="write it like postgresql://loopin@db.example/loopin; without one SQLite is used",
        )
    return url


def parse_networks(values: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read networks in CIDR notation, or raise UsageError naming the one that is not."""
    found = []
    for value in values:
        try:
            found.append(ip_network(value))
        except ValueError as error:
            raise UsageError(
                f"{value[:80]!r} is not a network", hint="write it in CIDR notation, for example 10.0.0.0/8"
            ) from error
    return tuple(found)
