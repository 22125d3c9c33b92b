"""What a provider says of the person, and whether that is enough to let them in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.errors import BadReply, PermissionDenied
from app.domain.text import clean
from app.server.sso.settings import ProviderSettings

MAX_SUBJECT, MAX_EMAIL, MAX_NAME = 255, 320, 200
_ASK = "ask the operator of this server"


@dataclass(frozen=True, slots=True)
class Known:
    """A person whom the provider vouches for. `email` is in lower case and was verified by it."""

    issuer: str
    subject: str
    email: str
    first_name: str = ""
    last_name: str = ""


def subject_of(claims: Mapping[str, Any], host: str) -> str:
    """The name that the provider never gives to anybody else (OpenID Connect Core 1.0 §2)."""
    subject = claims.get("sub")
    if isinstance(subject, str) and 0 < len(subject) <= MAX_SUBJECT and "\x00" not in subject:
        return subject
    raise BadReply(f"{host} does not say who you are (sub)", hint=_ASK)


def read(claims: Mapping[str, Any], settings: ProviderSettings) -> Known:
    """Read the claims, or raise PermissionDenied or BadReply with the reason."""
    issuer, domains, host = settings.issuer, settings.domains, settings.host
    email = claims.get("email")
    if not isinstance(email, str) or not email:
        raise PermissionDenied(
            f"{host} did not tell us your e-mail address", hint=f"{_ASK}: we ask for `email`"
        )
    email = email.strip().lower()
    if not _is_address(email):
        raise PermissionDenied(f"{host} gave {clean(email, 80)!r}, which is no e-mail address", hint=_ASK)
    if not _is_verified(claims, settings):
        raise PermissionDenied(
            f"{host} has not verified that {clean(email, 120)} is yours",
            hint="confirm the address there, then sign in again",
        )
    if domains and email.rpartition("@")[2] not in domains:
        raise PermissionDenied(
            f"addresses of {clean(email.rpartition('@')[2], 120)} are not let in here",
            hint=f"sign in at {host} with another account, or {_ASK}",
        )
    first, last = _name(claims, "given_name"), _name(claims, "family_name")
    return Known(
        issuer, subject_of(claims, host), email, first or (_name(claims, "name") if not last else ""), last
    )


def _is_verified(claims: Mapping[str, Any], settings: ProviderSettings) -> bool:
    if "email_verified" not in claims:
        return settings.trust_emails
    # Some providers write the word instead of the truth value.
    return claims["email_verified"] is True or claims["email_verified"] == "true"


def _is_address(email: str) -> bool:
    name, _, domain = email.rpartition("@")
    plain = email.isprintable() and " " not in email and len(email) <= MAX_EMAIL
    return plain and bool(name) and bool(domain) and "@" not in name


def _name(claims: Mapping[str, Any], key: str) -> str:
    value = claims.get(key)
    return clean(value, MAX_NAME) if isinstance(value, str) else ""
