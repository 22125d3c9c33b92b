"""Who acts at Chainloop: what the server says of a credential, and what the credential says of itself."""

from collections.abc import Mapping
from typing import Any

from app.domain.claims import expiry_of, latest_end_of, method_of
from app.domain.credentials import Method
from app.domain.organizations import Context, Identity

NOBODY = Context(None, None)
"""What a server says that tells nothing."""


def identify(context: Context, claims: Mapping[str, Any]) -> Identity:
    """Put together what the server says of a credential and what the credential says of itself.

    Under an API token the server answers no membership: organization and scope come from the claims,
    and the threshold cannot be read.
    """
    method = method_of(claims)
    if method is Method.API_TOKEN:
        return _token_identity(context, claims)
    membership, person = context.membership, context.person
    organization = membership.organization if membership else None
    return Identity(
        name=_repository(claims) if method is Method.KEYLESS else (person.email if person else ""),
        organization=organization.name if organization else "",
        role=membership.role if membership and method is not Method.KEYLESS else None,
        method=method.title,
        expires_at=expiry_of(claims),
        threshold=organization.threshold if organization else None,
        person=person,
        membership=membership,
        cas_backend=context.cas_backend,
        is_ci=method is Method.KEYLESS,
    )


def _repository(claims: Mapping[str, Any]) -> str:
    # Most runs are in no CI job.
    from app.domain.keyless import repository_of

    return repository_of(claims)


def _token_identity(context: Context, claims: Mapping[str, Any]) -> Identity:
    name = str(claims.get("token_name", ""))
    token_id = context.person.id if context.person else str(claims.get("jti", ""))
    return Identity(
        name=f"API token {name or token_id}",
        organization=str(claims.get("org_name", "")),
        role=None,
        method=Method.API_TOKEN.title,
        expires_at=expiry_of(claims),
        token_id=token_id or "unknown",
        token_name=name,
        project=str(claims.get("project_name", "")),
        latest_end=latest_end_of(claims),
        person=context.person,
        cas_backend=context.cas_backend,
    )
