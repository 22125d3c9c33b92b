"""The options of `loopin server start` for sign-in through the team's own identity provider."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.domain.errors import UsageError

if TYPE_CHECKING:
    # At run time it is imported when a server starts: it belongs to the extra `server`.
    from app.server.provider_settings import ProviderSettings

_OPTIONS = (
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

    for option in reversed(_OPTIONS):
        collected = option(collected)
    return collected
