"""JSON shapes. The keys are those of the vendor's command line; optional ones are left out when empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.cli.output import json_object, stamp
from app.domain.errors import NotSignedIn

if TYPE_CHECKING:
    from app.domain.inactivity import Deadline
    from app.domain.login import SignedIn, SignedOut
    from app.domain.organizations import CASBackend, Identity, Membership, Organization, Person
    from app.domain.status import ProviderStatus
    from app.domain.tokens import APIToken, CreatedToken, Project
    from app.domain.vendor_login import VendorLogin
    from app.services.organizations import ListedMembership
    from app.services.revocation import Revocation

Shape = dict[str, Any]


def token(item: APIToken) -> Shape:
    """One API token, without its secret."""
    shape: Shape = {
        "id": item.id,
        "name": item.name,
        "description": item.description,
        "createdAt": stamp(item.created_at),
        "revokedAt": stamp(item.revoked_at),
        "expiresAt": stamp(item.expires_at),
        "lastUsedAt": stamp(item.last_used_at),
        "scopedEntity": _project(item.project) if item.project else None,
        # Not the vendor's: the account server sends them.
        "permissions": list(item.permissions) or None,
        "parentId": item.parent_id or None,
    }
    required = ("id", "name", "description", "createdAt")
    return {key: value for key, value in shape.items() if value is not None or key in required}


def deadline(end: Deadline) -> Shape:
    """When and why a token stops working; not the vendor's."""
    return {"at": stamp(end.at), "reason": end.reason.value}


def _project(item: Project) -> Shape:
    return {"type": "project", "id": item.id, "name": item.name}


def created(new: CreatedToken) -> Shape:
    """A new API token; the only shape that carries the secret."""
    shape = token(new.token)
    head = {key: shape.pop(key) for key in ("id", "name", "description")}
    return head | {"jwt": new.secret.reveal()} | shape


def organization(item: Organization) -> Shape:
    """One organization; the threshold is a string of days and is left out when off, as are no host names."""
    settings = item.settings
    shape: Shape = {
        "id": item.id,
        "name": item.name,
        "createdAt": stamp(item.created_at),
        "policyViolationBlockingStrategy": "ENFORCED" if settings.enforces_policies else "ADVISORY",
        "policyAllowedHostnames": list(settings.policy_hostnames) or None,
        "preventImplicitWorkflowCreation": settings.prevents_implicit_workflows,
        "apiTokenMaxDaysInactive": str(item.threshold) if item.threshold else None,
        "enableAiAgentCollector": settings.collects_ai_agents,
        "blockAttestationsOnReleasedVersions": settings.blocks_released_versions,
        "skipRunnerEnvVars": settings.skips_runner_variables,
    }
    optional = ("policyAllowedHostnames", "apiTokenMaxDaysInactive")
    return {key: value for key, value in shape.items() if value is not None or key not in optional}


def membership(item: Membership) -> Shape:
    """A person's membership in an organization; a role that Loopin does not know is empty."""
    return {
        "id": item.id,
        "current": item.current,
        "joinedAt": stamp(item.created_at),
        "updatedAt": stamp(item.updated_at),
        "org": organization(item.organization),
        "user": _person(item.person) if item.person else None,
        "role": item.role.vendor_word,
    }


def listed_membership(item: ListedMembership) -> Shape:
    """The same, with `inUse`: whether this profile, or this run, works there."""
    return membership(item.membership) | {"inUse": item.in_use}


def _person(item: Person) -> Shape:
    shape = json_object(item, "id", "email", "first_name", "last_name", "created_at")
    return shape | ({"instanceAdmin": True} if item.instance_admin else {})


def _cas_backend(item: CASBackend) -> Shape:
    head = ("id", "name", "location", "description", "provider", "default", "fallback", "inline")
    return json_object(item, *head) | {
        # The vendor writes this one key with a capital letter.
        "limits": {"MaxBytes": item.max_bytes} if item.max_bytes is not None else None,
        "validationStatus": {True: "valid", False: "invalid", None: ""}[item.valid],
        **({"validationError": item.problem} if item.problem is not None else {}),
        **json_object(item, "created_at", "validated_at"),
    }


def context(identity: Identity) -> Shape:
    """Who is signed in, and where. Under an API token, what the token says of itself comes as `apiToken`."""
    shape: Shape = {
        "currentUser": _person(identity.person) if identity.person else None,
        "currentMembership": membership(identity.membership) if identity.membership else None,
    }
    if identity.cas_backend is not None:
        shape["currentCASBackend"] = _cas_backend(identity.cas_backend)
    if identity.is_token:
        shape["apiToken"] = {
            "id": identity.token_id,
            "name": identity.token_name,
            "organization": identity.organization,
            "project": identity.project,
            "expiresAt": stamp(identity.expires_at),
        }
    return shape


def revocation(item: Revocation) -> Shape:
    """What became of one token."""
    return {
        "id": item.token_id,
        "name": item.name,
        "revoked": item.error is None,
        "alreadyRevoked": item.already,
        "revokedAt": stamp(item.revoked_at),
        "error": item.error.message if item.error else None,
    }


def signed_in(result: SignedIn) -> Shape:
    """The end of a sign-in."""
    return {
        "provider": result.provider.value,
        "profile": result.profile,
        "method": result.method.value,
        "identity": result.identity,
        "organization": result.organization,
        "role": result.role,
        "base_url": result.endpoint,
        "expires_at": stamp(result.expires_at),
        "stored_in": result.stored_in,
    } | {name: text for name in ("problem", "copy_in") if (text := getattr(result, name))}


def signed_out(result: SignedOut) -> Shape:
    """The end of a sign-out, and what ended at the server where it says so."""
    ended = {"sessions": result.ended.sessions, "programs": result.ended.programs} if result.ended else {}
    return {
        "forgotten": result.forgotten,
        "ended_at_server": result.ended_at_server,
        "valid_until": stamp(result.valid_until),
        "warning": result.warning,
        "still": result.still,
        "unseen": result.unseen,
        **{name: count for name, count in ended.items() if count is not None},
    } | ({"copy_in": result.copy_in} if result.copy_in else {})


def is_signed_in(item: ProviderStatus) -> bool:
    """True when a credential is in effect and the server did not turn it down."""
    return item.signed_in and not isinstance(item.error, NotSignedIn)


def status(item: ProviderStatus) -> Shape:
    """One provider of `loopin status --json`."""
    warnings = [*item.warnings, *([item.error.message] if item.error else [])]
    return {
        "provider": item.provider.value,
        "profile": item.profile,
        "signed_in": is_signed_in(item),
        "identity": (item.identity.name or None) if item.identity else None,
        "method": item.method.value if item.method else None,
        "source": item.source.value if item.source else None,
        "base_url": item.endpoint,
        "team_id": item.team_id or None,
        "organization": (item.identity.organization or None) if item.identity else None,
        "expires_at": stamp(item.expires_at),
        "stored_in": item.stored_in or None,
        "candidates": [
            {
                "source": candidate.source.value,
                "method": candidate.method.value if candidate.method else None,
                "hint": candidate.hint,
                "in_effect": candidate.in_effect,
                "reason": candidate.reason,
            }
            for candidate in item.candidates
        ],
        "warnings": warnings,
    } | ({"vendor_login": _vendor_login(item.vendor_login)} if item.vendor_login else {})


def _vendor_login(login: VendorLogin) -> Shape:
    """A login that the vendor's command line keeps in plain text."""
    return {
        "path": login.path,
        "base_url": login.endpoint.address if login.endpoint else None,
        "expires_at": stamp(login.expires_at),
        "readable_by_others": login.exposed,
    }
