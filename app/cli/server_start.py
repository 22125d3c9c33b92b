"""`loopin server start`, and its options for sign-in through the team's own identity provider."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.groups import Leaf
from app.cli.server_options import (
    chosen_url,
    default_data,
    naming_the_database,
    span_in,
    start_options,
    the_extra,
)
from app.domain.errors import UsageError

if TYPE_CHECKING:
    # At run time it is imported when a server starts: it belongs to the extra `server`.
    from app.server.provider_settings import ProviderSettings

_PROVIDER_OPTIONS = (
    click.option(
        "--oidc-issuer",
        metavar="URL",
        default="",
        help="Sign in through this OpenID Connect provider, named as it names itself.",
    ),
    click.option("--oidc-client-id", metavar="ID", default="", help="What the provider calls this server."),
    click.option(
        "--oidc-client-secret-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The secret that the provider gave to this server.",
    ),
    click.option(
        "--oidc-allowed-domain",
        "oidc_domains",
        multiple=True,
        metavar="DOMAIN",
        help="Let in only addresses of this domain; may be given again. [any]",
    ),
    click.option(
        "--oidc-join",
        metavar="ORG:ROLE",
        default="",
        help="Where people who are new here belong, such as acme:member. [nowhere]",
    ),
    click.option(
        "--oidc-trust-emails",
        is_flag=True,
        help="Let in addresses of which the provider does not say whether it verified them.",
    ),
)


@dataclass(frozen=True, slots=True)
class ProviderFlags:
    """The options as typed."""

    issuer: str
    client_id: str
    secret_file: Path | None
    domains: tuple[str, ...]
    join: str
    trust_emails: bool

    def read(self) -> "ProviderSettings | None":
        """None without an issuer; UsageError for options that do not go together."""
        from app.server.provider_settings import ProviderSettings, parse_domains, parse_join

        if not self.issuer:
            if self.client_id or self.secret_file or self.domains or self.join or self.trust_emails:
                raise UsageError("the other --oidc options need --oidc-issuer", hint="name the provider")
            return None
        if self.secret_file is None:
            raise UsageError("--oidc-client-secret-file is missing", hint="the provider gave you the secret")
        domains, join = parse_domains(self.domains), parse_join(self.join)
        return ProviderSettings(
            self.issuer, self.client_id, self.secret_file, domains, join, self.trust_emails
        )


def provider_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options; the command receives them as one value, `provider`."""

    @wraps(command)
    def collected(
        *args: Any,
        oidc_issuer: str,
        oidc_client_id: str,
        oidc_client_secret_file: Path | None,
        oidc_domains: tuple[str, ...],
        oidc_join: str,
        oidc_trust_emails: bool,
        **others: Any,
    ) -> None:
        flags = ProviderFlags(
            oidc_issuer,
            oidc_client_id,
            oidc_client_secret_file,
            oidc_domains,
            oidc_join,
            oidc_trust_emails,
        )
        command(*args, provider=flags, **others)

    for option in reversed(_PROVIDER_OPTIONS):
        collected = option(collected)
    return collected


@click.command("start", cls=Leaf)
@start_options
@click.option("--host", default="127.0.0.1", metavar="HOST", help="Address to listen on. [127.0.0.1]")
@click.option(
    "--http-port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="Port of the HTTP side; 0 takes any. [0]",
)
@click.option(
    "--grpc-port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="Port of the gRPC side; 0 takes any. [0]",
)
@click.option(
    "--public-url", default="", metavar="URL", help="Where browsers reach the HTTP side; without a path."
)
@click.option("--public-grpc", default="", metavar="HOST:PORT", help="Where programs reach the gRPC side.")
@click.option(
    "--tls-cert", type=click.Path(path_type=Path, dir_okay=False), help="Certificate chain, PEM; both ports."
)
@click.option(
    "--tls-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Its key, PEM. SIGHUP reads both again.",
)
@click.option(
    "--signing-key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Ring of signing keys that servers share; required with PostgreSQL.",
)
@click.option("--trusted-proxy", multiple=True, metavar="CIDR", help="Believe X-Forwarded-For from here.")
@click.option("--seed", type=click.Choice(["demo"]), default=None, help="Add sample data.")
@click.option(
    "--session-hours",
    "session_life",
    callback=span_in("hours"),
    default="168",
    metavar="DURATION",
    help="Longest life of a sign-in, such as 24h or 7d; a bare number is hours. [168]",
)
@click.option(
    "--grant-days",
    "grant_life",
    callback=span_in("days"),
    default="30",
    metavar="DURATION",
    help="Life of what a person allows a program, however often it refreshes; a bare number is days. [30]",
)
@click.option(
    "--sweep-interval",
    callback=span_in("seconds"),
    default="3600",
    metavar="DURATION",
    help="Time between two sweeps, up to 60m; a bare number is seconds, 0 = only when asked. [3600]",
)
@click.option(
    "--database-connections",
    type=int,
    default=48,
    metavar="COUNT",
    help="Maximum number of connections to the database; more wait. [48]",
)
@click.option(
    "--database-wait",
    callback=span_in("seconds"),
    default="30",
    metavar="DURATION",
    help="How long to wait for PostgreSQL at the start; a bare number is seconds. [30]",
)
@click.option(
    "--workers",
    type=int,
    default=1,
    metavar="COUNT",
    help="Number of processes that share the two ports; more than one needs PostgreSQL. [1]",
)
@click.option(
    "--drain-delay",
    callback=span_in("seconds"),
    default="0",
    metavar="DURATION",
    help="On SIGTERM, report not ready and keep serving for this long; a bare number is seconds. [0]",
)
@click.option(
    "--federation-secret-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Whoever has the secret in this file may have CI tokens verified; off without it.",
)
@click.option(
    "--allow-organization-creation", is_flag=True, help="Let everybody create organizations, up to 5 each."
)
@click.option(
    "--dashboard-url", default="", metavar="URL", help="Address of the web dashboard, returned by Infoz."
)
@provider_options
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
    host: str,
    http_port: int,
    grpc_port: int,
    public_url: str,
    public_grpc: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    signing_key_file: Path | None,
    trusted_proxy: tuple[str, ...],
    seed: str | None,
    session_life: timedelta,
    grant_life: timedelta,
    sweep_interval: timedelta,
    database_connections: int,
    database_wait: timedelta,
    workers: int,
    drain_delay: timedelta,
    federation_secret_file: Path | None,
    provider: ProviderFlags,
    allow_organization_creation: bool,
    dashboard_url: str,
    no_passwords: bool,
    control_stdin: bool,
    log_level: str,
    log_format: str,
    as_json: bool,
) -> None:
    """Start the server; it runs until SIGTERM or ctrl+c and finishes what it has begun."""
    with the_extra():
        from app.server import log, main
        from app.server.settings import ServerSettings, parse_networks
    settings = ServerSettings(
        data=(data or default_data()).absolute(),
        host=host,
        http_port=http_port,
        grpc_port=grpc_port,
        public_url=public_url,
        public_grpc=public_grpc,
        database_url=chosen_url(database_url, database_url_file),
        tls_cert=tls_cert,
        tls_key=tls_key,
        signing_key_file=signing_key_file,
        trusted_proxies=parse_networks(trusted_proxy),
        seed=seed or "",
        session_life=session_life,
        grant_life=grant_life,
        sweep_interval=sweep_interval,
        database_connections=database_connections,
        database_wait=database_wait,
        workers=workers,
        drain_delay=drain_delay,
        federation_secret_file=federation_secret_file,
        provider=provider.read(),
        passwords=not no_passwords,
        organization_creation=allow_organization_creation,
        dashboard_url=dashboard_url,
        control_stdin=control_stdin,
    )
    log.configure(log_level, log_format)
    place = {"data": data, "database_url": database_url, "database_url_file": database_url_file}
    with the_extra(), naming_the_database(**place):
        main.run(settings, as_json)
