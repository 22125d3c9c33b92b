"""`loopin server start`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from app.cli.groups import Leaf
from app.cli.server_options import (
    default_data,
    name_database_in_hints,
    require_server_extra,
    resolve_database_url,
    span_in,
    start_options,
)
from app.domain.errors import UsageError

if TYPE_CHECKING:
    # At run time it is imported when a server starts: it belongs to the extra `server`.
    from app.server.settings import ProviderSettings

F = TypeVar("F", bound=Callable[..., Any])


def _port_option(name: str, side: str) -> Callable[[F], F]:
    help = f"Port of the {side} side; 0 takes any. [0]"
    return click.option(name, type=click.IntRange(0, 65535), default=0, metavar="PORT", help=help)


def _file_option(name: str, help: str) -> Callable[[F], F]:
    return click.option(name, type=click.Path(path_type=Path, dir_okay=False), help=help)


def _text_option(name: str, metavar: str, help: str) -> Callable[[F], F]:
    return click.option(name, default="", metavar=metavar, help=help)


def _count_option(name: str, default: int, help: str) -> Callable[[F], F]:
    return click.option(name, type=int, default=default, metavar="COUNT", help=f"{help} [{default}]")


def _duration_option(name: str, field: str, unit: str, default: str, help: str) -> Callable[[F], F]:
    return click.option(
        name, field, callback=span_in(unit), default=default, metavar="DURATION", help=f"{help} [{default}]"
    )


# Their values are called as the fields of ServerSettings are.
_SETTINGS = (
    click.option("--host", default="127.0.0.1", metavar="HOST", help="Address to listen on. [127.0.0.1]"),
    _port_option("--http-port", "HTTP"),
    _port_option("--grpc-port", "gRPC"),
    _text_option("--public-url", "URL", "Where browsers reach the HTTP side; without a path."),
    _text_option("--public-grpc", "HOST:PORT", "Where programs reach the gRPC side."),
    _file_option("--tls-cert", "Certificate chain, PEM; both ports."),
    _file_option("--tls-key", "Its key, PEM. SIGHUP reads both again."),
    _file_option("--signing-key-file", "Ring of signing keys that servers share; required with PostgreSQL."),
    click.option(
        "--trusted-proxy",
        "trusted_proxies",
        multiple=True,
        metavar="CIDR",
        help="Believe X-Forwarded-For from here.",
    ),
    click.option("--seed", type=click.Choice(["demo"]), default=None, help="Add sample data."),
    _duration_option(
        "--session-hours",
        "session_life",
        "hours",
        "168",
        "Longest life of a sign-in, such as 24h or 7d; a bare number is hours.",
    ),
    _duration_option(
        "--grant-days",
        "grant_life",
        "days",
        "30",
        "Life of what a person allows a program, however often it refreshes; a bare number is days.",
    ),
    _duration_option(
        "--sweep-interval",
        "sweep_interval",
        "seconds",
        "3600",
        "Time between two sweeps, up to 60m; a bare number is seconds, 0 = only when asked.",
    ),
    _count_option("--database-connections", 48, "Maximum number of connections to the database; more wait."),
    _duration_option(
        "--database-wait",
        "database_wait",
        "seconds",
        "30",
        "How long to wait for PostgreSQL at the start; a bare number is seconds.",
    ),
    _count_option(
        "--workers", 1, "Number of processes that share the two ports; more than one needs PostgreSQL."
    ),
    _duration_option(
        "--drain-delay",
        "drain_delay",
        "seconds",
        "0",
        "On SIGTERM, report not ready and keep serving for this long; a bare number is seconds.",
    ),
    _file_option(
        "--federation-secret-file",
        "Whoever has the secret in this file may have CI tokens verified; off without it.",
    ),
    click.option(
        "--allow-organization-creation",
        "organization_creation",
        is_flag=True,
        help="Let everybody create organizations, up to 5 each.",
    ),
    _text_option("--dashboard-url", "URL", "Address of the web dashboard, returned by Infoz."),
)
# Their values are called as the parameters of `read_provider` are.
_PROVIDER = (
    _text_option(
        "--oidc-issuer", "URL", "Sign in through this OpenID Connect provider, named as it names itself."
    ),
    _text_option("--oidc-client-id", "ID", "What the provider calls this server."),
    _file_option("--oidc-client-secret-file", "The secret that the provider gave to this server."),
    click.option(
        "--oidc-allowed-domain",
        "oidc_domains",
        multiple=True,
        metavar="DOMAIN",
        help="Let in only addresses of this domain; may be given again. [any]",
    ),
    _text_option(
        "--oidc-join", "ORG:ROLE", "Where people who are new here belong, such as acme:member. [nowhere]"
    ),
    click.option(
        "--oidc-trust-emails",
        is_flag=True,
        help="Let in addresses of which the provider does not say whether it verified them.",
    ),
)


def _add_options(options: Sequence[Callable[[F], F]]) -> Callable[[F], F]:
    def add(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return add


@click.command("start", cls=Leaf)
@start_options
@_add_options(_SETTINGS)
@_add_options(_PROVIDER)
@click.option("--no-passwords", is_flag=True, help="Sign in through the provider only.")
@click.option("--control-stdin", is_flag=True, help="End with standard input; the line `sweep` sweeps.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    help="What is logged, from this level on. [warning]",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    help="How events are logged: key=value, or JSON lines. [text]",
)
@click.option("--json", "as_json", is_flag=True, help="Print where it is as one line of JSON.")
def start(
    data: Path | None,
    database_url: str | None,
    database_url_file: Path | None,
    trusted_proxies: tuple[str, ...],
    seed: str | None,
    no_passwords: bool,
    log_level: str,
    log_format: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Start the server; it runs until SIGTERM or ctrl+c and finishes what it has begun."""
    with require_server_extra():
        from app.server import log, main
        from app.server.settings import ServerSettings, parse_networks
    provider = {name: options.pop(name) for name in list(options) if name.startswith("oidc_")}
    settings = ServerSettings(
        data=(data or default_data()).absolute(),
        database_url=resolve_database_url(database_url, database_url_file),
        trusted_proxies=parse_networks(trusted_proxies),
        seed=seed or "",
        provider=read_provider(**provider),
        passwords=not no_passwords,
        **options,
    )
    log.configure(log_level, log_format)
    place = {"data": data, "database_url": database_url, "database_url_file": database_url_file}
    with require_server_extra(), name_database_in_hints(**place):
        main.run(settings, as_json)


def read_provider(
    oidc_issuer: str = "",
    oidc_client_id: str = "",
    oidc_client_secret_file: Path | None = None,
    oidc_domains: tuple[str, ...] = (),
    oidc_join: str = "",
    oidc_trust_emails: bool = False,
) -> "ProviderSettings | None":
    """The team's own identity provider, None without an issuer.

    Raises UsageError for options that do not go together.
    """
    from app.server.settings import ProviderSettings, parse_domains, parse_join

    if not oidc_issuer:
        if oidc_client_id or oidc_client_secret_file or oidc_domains or oidc_join or oidc_trust_emails:
            raise UsageError("the other --oidc options need --oidc-issuer", hint="name the provider")
        return None
    if oidc_client_secret_file is None:
        raise UsageError("--oidc-client-secret-file is missing", hint="the provider gave you the secret")
    domains, join = parse_domains(oidc_domains), parse_join(oidc_join)
    return ProviderSettings(
        oidc_issuer, oidc_client_id, oidc_client_secret_file, domains, join, oidc_trust_emails
    )
