"""What the operator says about the team's identity provider, as one checked value."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from app.domain import names
from app.domain.errors import UsageError
from app.domain.organizations import Role
from app.domain.text import clean
from app.server import private_files

MAX_SECRET, MAX_CLIENT_ID = 4096, 500
JOINABLE = (Role.VIEWER, Role.CONTRIBUTOR, Role.MEMBER, Role.ADMIN)
_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+")


@dataclass(frozen=True, slots=True)
class Join:
    """Where people who were never here before belong from their first sign-in on."""

    organization: str
    role: Role


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One OpenID Connect provider.

    `issuer` is written exactly as its tokens name it. No `domains` means every verified e-mail address.
    Without `join`, new people begin without an organization. `trust_emails` is for a provider that says
    nothing of whether an address was verified; one that says no is believed all the same.
    """

    issuer: str
    client_id: str
    secret_file: Path
    domains: tuple[str, ...] = ()
    join: Join | None = None
    trust_emails: bool = False

    def check(self) -> "ProviderSettings":
        """Return self, or raise UsageError with what to change."""
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
        """Host and port, for people to read; empty when the issuer is not an address."""
        try:
            parts = urlsplit(self.issuer)
        except ValueError:
            return ""
        return clean(parts.netloc.rpartition("@")[2], 120) if parts.hostname else ""

    def secret(self) -> str:
        """The client's secret. Raises UsageError and Failed for a file that is no use."""
        secret = private_files.read_secret_text(self.secret_file, "the client secret")
        if not 0 < len(secret) <= MAX_SECRET or not secret.isprintable():
            raise UsageError(
                f"the client secret in {self.secret_file} cannot be used",
                hint="put the secret that the provider gave you into a file that the server can read",
            )
        return secret


def parse_domains(values: Iterable[str]) -> tuple[str, ...]:
    """Read e-mail domains in lower case, or raise UsageError naming the one that is none."""
    found = tuple(dict.fromkeys(value.strip().lower().removeprefix("@") for value in values))
    for domain in found:
        if not _DOMAIN.fullmatch(domain):
            raise UsageError(
                f"{clean(domain, 80)!r} is not an e-mail domain", hint="write it like acme.example"
            )
    return found


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
