"""Settings of the account server and of the team's identity provider, as checked values.

Errors are UsageErrors that name the option to change. A database URL may hold a password and is never quoted.
"""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.domain import names
from app.domain.errors import UsageError
from app.domain.inactivity import SWEEP_INTERVAL
from app.domain.loopback import is_loopback_host
from app.domain.organizations import Role
from app.domain.text import clean
from app.server.private_files import read_secret_text

SEEDS = ("demo",)
# Roles that people get at their first sign-in through the provider.
JOINABLE = (Role.VIEWER, Role.CONTRIBUTOR, Role.MEMBER, Role.ADMIN)
MAX_SESSION_LIFE = timedelta(days=365)
# From a person's consent on: no refresh makes a grant live longer.
GRANT_LIFE = timedelta(days=30)
# Of a browser login for programs, as with the vendor: with `long-lived=true`, and without.
LOGIN_LIFE, BRIEF_LIFE = timedelta(days=7), timedelta(seconds=10)
MIN_FEDERATION_SECRET, MAX_CLIENT_SECRET, MAX_CLIENT_ID = 16, 4096, 500
MIN_CONNECTIONS, MAX_CONNECTIONS = 2, 1000
MAX_WORKERS = 64
_HOUR = timedelta(hours=1)
# Field, least and most, what an error says, and its hint.
_RANGES: tuple[tuple[str, Any, Any, str, str], ...] = (
    (
        "session_life",
        timedelta.resolution,
        MAX_SESSION_LIFE,
        "a session must last more than 0 hours and at most a year",
        "try 168h",
    ),
    (
        "grant_life",
        _HOUR,
        MAX_SESSION_LIFE,
        "what a person allows a program must last an hour at least and a year at most",
        "try 30d",
    ),
    (
        "database_connections",
        MIN_CONNECTIONS,
        MAX_CONNECTIONS,
        f"a server needs {MIN_CONNECTIONS} to {MAX_CONNECTIONS} connections to its database",
        "48 serve every worker at once",
    ),
    ("database_wait", timedelta(0), _HOUR, "the wait for the database must be 0 to 60 minutes", "try 30s"),
    ("drain_delay", timedelta(0), _HOUR, "the drain delay must be 0 to 60 minutes", "try 10s"),
    ("workers", 1, MAX_WORKERS, f"a server has 1 to {MAX_WORKERS} workers", "one for each core is usual"),
)
_EXAMPLE_URL = "write it like https://accounts.example"
# Host and port; an IPv6 address in brackets.
_ADDRESS = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}")
_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?/?")
_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+")


@dataclass(frozen=True, slots=True)
class Join:
    """The organization and role that new people get at their first sign-in through the provider."""

    organization: str
    role: Role


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """The team's OpenID provider."""

    # Exactly as its tokens name it.
    issuer: str
    client_id: str
    secret_file: Path
    # E-mail domains that are accepted; without any, every verified address is.
    domains: tuple[str, ...] = ()
    # Without it, new people begin without an organization.
    join: Join | None = None
    # For a provider that omits `email_verified`; one that sends false is believed all the same.
    trust_emails: bool = False

    def check(self) -> "ProviderSettings":
        """Return self. Raises UsageError, and Failed for a secret that others can read."""
        if not self.host or "?" in self.issuer or "#" in self.issuer:
            raise UsageError(
                f"--oidc-issuer {clean(self.issuer, 120)!r} is not an address",
                hint="write it like https://login.example, as the provider names itself",
            )
        if not 0 < len(self.client_id) <= MAX_CLIENT_ID or not self.client_id.isprintable():
            raise UsageError("--oidc-client-id is missing", hint="the provider gave it to you")
        self.secret()
        return self

    @property
    def host(self) -> str:
        """Host and port, for people to read; empty when the issuer is not a URL."""
        try:
            parts = urlsplit(self.issuer)
        except ValueError:
            return ""
        return clean(parts.netloc.rpartition("@")[2], 120) if parts.hostname else ""

    def secret(self) -> str:
        """The client secret. Raises UsageError, and Failed for a file that others can read."""
        secret = read_secret_text(self.secret_file, "the client secret")
        if not 0 < len(secret) <= MAX_CLIENT_SECRET or not secret.isprintable():
            raise UsageError(
                f"the client secret in {self.secret_file} cannot be used",
                hint="put the secret that the provider gave you into a file that the server can read",
            )
        return secret


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Settings of one server."""

    # Folder of the signing keys and, without `database_url`, of the SQLite database.
    data: Path
    # Where both ports listen; port 0 lets the system choose.
    host: str = "127.0.0.1"
    http_port: int = 0
    grpc_port: int = 0
    # Where browsers reach HTTP; empty for the listener itself.
    public_url: str = ""
    # Host and port where programs reach gRPC; empty for the listener, unless a proxy is in front.
    public_grpc: str = ""
    # Networks whose X-Forwarded-For is believed.
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    # Name of the sample data, one of SEEDS.
    seed: str = ""
    # How long a person stays signed in, at most.
    session_life: timedelta = LOGIN_LIFE
    # How long a program may do what a person allowed, however often it refreshes.
    grant_life: timedelta = GRANT_LIFE
    # Zero sweeps only when asked.
    sweep_interval: timedelta = SWEEP_INTERVAL
    # PostgreSQL.
    database_url: str = ""
    # End with standard input, and sweep on the line `sweep`.
    control_stdin: bool = False
    # The secret that opens /federated/verify, which is off without it.
    federation_secret_file: Path | None = None
    # The key ring; without it there is one in `data`.
    signing_key_file: Path | None = None
    # PEM files for both ports; without them they speak plain text.
    tls_cert: Path | None = None
    tls_key: Path | None = None
    # Connections to the database at once, and how long to wait at the start until PostgreSQL answers.
    database_connections: int = 48
    database_wait: timedelta = timedelta(0)
    # At a stop: how long to report "not ready" and serve, and then to answer what has arrived.
    drain_delay: timedelta = timedelta(0)
    drain: timedelta = timedelta(seconds=20)
    # The team's identity provider. Without `passwords` it is the only way to sign in.
    provider: ProviderSettings | None = None
    passwords: bool = True
    # Let everybody create organizations.
    organization_creation: bool = False
    # Web dashboard, returned by StatusService.Infoz.
    dashboard_url: str = ""
    # Processes that share both ports. Limits and connections are totals of all of them.
    workers: int = 1

    def check(self) -> "ServerSettings":
        """Return self. Raises UsageError, and Failed for a secret that others can read."""
        self._check_addresses()
        if self.seed and self.seed not in SEEDS:
            raise UsageError(f"there is no sample data {self.seed[:80]!r}", hint="use --seed demo")
        self._check_ranges()
        if self.provider:
            self.provider.check()
        elif not self.passwords:
            raise UsageError(
                "without passwords and without an identity provider nobody could sign in",
                hint="add --oidc-issuer, or leave out --no-passwords",
            )
        self._check_tls()
        self._check_database()
        if self.workers > 1:
            self._check_workers()
        return self

    def share(self, total: int) -> int:
        """One worker's part of a limit for all of them: at least one."""
        return max(1, total // self.workers)

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the database."""
        return self.database_url or f"sqlite:///{self.database_file}"

    @property
    def database_file(self) -> Path:
        """The SQLite file."""
        return self.data / "loopin.db"

    def federation_secret(self) -> str:
        """The federation secret; empty without a file. Raises UsageError and Failed."""
        path = self.federation_secret_file
        if path is None:
            return ""
        secret = read_secret_text(path, "the federation secret")
        if len(secret) < MIN_FEDERATION_SECRET:
            raise UsageError(
                f"the federation secret in {path} cannot be used",
                hint=f"put at least {MIN_FEDERATION_SECRET} random characters into a file "
                "that the server can read",
            )
        return secret

    def login_life(self, long_lived: str) -> timedelta:
        """Life of a program's login, by the parameter `long-lived` of its sign-in page."""
        return min(LOGIN_LIFE if long_lived == "true" else BRIEF_LIFE, self.session_life)

    def _check_addresses(self) -> None:
        if not is_loopback_host(self.host) and not self.public_url:
            raise UsageError(
                f"{self.host[:80]!r} can be reached from other machines and needs a public address",
                hint="add --public-url https://accounts.example, the address that browsers use",
            )
        _check_url("public URL", self.public_url)
        if self.public_url and not _ORIGIN.fullmatch(self.public_url):
            # The pages are at the root of their host; cookies and issuer name no path.
            if urlsplit(self.public_url).path.strip("/"):
                raise UsageError(
                    "the public URL has a path",
                    hint="give the server a host of its own: https://accounts.example",
                )
            raise UsageError("the public URL cannot be used", hint=_EXAMPLE_URL)
        _check_url("dashboard URL", self.dashboard_url)
        if self.public_grpc and not _ADDRESS.fullmatch(self.public_grpc):
            raise UsageError(
                "the public address of gRPC cannot be used", hint="write it like accounts.example:443"
            )

    def _check_ranges(self) -> None:
        for field, least, most, message, hint in _RANGES:
            if not least <= getattr(self, field) <= most:
                raise UsageError(message, hint=hint)
        if self.sweep_interval and not timedelta(seconds=1) <= self.sweep_interval <= SWEEP_INTERVAL:
            # A preview of a threshold counts what is due within an hour.
            problem = "longer than an hour" if self.sweep_interval > SWEEP_INTERVAL else "less than a second"
            raise UsageError(
                f"the sweep interval is {problem}", hint="use 1s to 60m, or 0 to sweep only when asked"
            )

    def _check_tls(self) -> None:
        """Passwords and tokens cross a network under TLS, or behind a proxy that provides it."""
        if (self.tls_cert is None) != (self.tls_key is None):
            raise UsageError("TLS needs a certificate and its key", hint="give --tls-cert and --tls-key")
        if self.trusted_proxies:
            return
        if self.tls_cert is None and not is_loopback_host(self.host):
            raise UsageError(
                f"on {self.host[:80]!r} passwords and tokens would cross the network without TLS",
                hint="give --tls-cert and --tls-key, or name the proxy that speaks TLS with --trusted-proxy",
            )
        url = urlsplit(self.public_url)
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

    def _check_workers(self) -> None:
        if not self.database_url:
            raise UsageError(
                "SQLite has one writer: several workers need PostgreSQL",
                hint="name a database with --database-url-file, or leave out --workers",
            )
        if self.control_stdin:
            raise UsageError("--control-stdin is for one worker", hint="leave out --workers")
        if not hasattr(socket, "SO_REUSEPORT"):
            raise UsageError("several processes cannot share a port here", hint="leave out --workers")
        if self.database_connections < MIN_CONNECTIONS * self.workers:
            raise UsageError(
                f"{self.workers} workers need at least {MIN_CONNECTIONS * self.workers} connections",
                hint="raise --database-connections",
            )


def check_database_url(url: str) -> str:
    """Return `url`, or raise UsageError for one that is not PostgreSQL's."""
    if url.partition("://")[0] not in {"postgresql", "postgresql+psycopg"}:
        raise UsageError(
            "the database URL is not one of PostgreSQL",
            hint="write it like postgresql://loopin@db.example/loopin; without one SQLite is used",
        )
    return url


def parse_networks(values: Iterable[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read networks in CIDR notation."""
    networks = []
    for value in values:
        try:
            networks.append(ip_network(value))
        except ValueError as error:
            raise UsageError(
                f"{value[:80]!r} is not a network", hint="write it in CIDR notation, for example 10.0.0.0/8"
            ) from error
    return tuple(networks)


def parse_domains(values: Iterable[str]) -> tuple[str, ...]:
    """Read e-mail domains, in lower case."""
    domains = tuple(dict.fromkeys(value.strip().lower().removeprefix("@") for value in values))
    for domain in domains:
        if not _DOMAIN.fullmatch(domain):
            raise UsageError(
                f"{clean(domain, 80)!r} is not an e-mail domain", hint="write it like acme.example"
            )
    return domains


def parse_join(value: str) -> Join | None:
    """Read `organization:role`; None for an empty text."""
    if not value:
        return None
    organization, _, role = value.partition(":")
    roles = ", ".join(each.value for each in JOINABLE)
    if names.problem(organization):
        raise UsageError(f"--oidc-join {clean(value, 80)!r} names no organization", hint="like acme:member")
    if role not in {each.value for each in JOINABLE}:
        raise UsageError(
            f"nobody becomes {clean(role, 40)!r} by signing in", hint=f"use one of {roles}, like acme:member"
        )
    return Join(organization, Role(role))


def _check_url(name: str, url: str) -> None:
    if not url:
        return
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    is_bare = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not is_bare or port == 0:
        raise UsageError(f"the {name} cannot be used", hint=_EXAMPLE_URL)
