"""What an API token may call, as the account server enforces it.

A permission opens one call: `organization:read` reads the context, `api_token:*` list, create and revoke
API tokens.
"""

from collections.abc import Iterable

from app.domain.errors import UsageError

ORGANIZATION_READ = "organization:read"
TOKEN_LIST = "api_token:list"
TOKEN_CREATE = "api_token:create"
TOKEN_REVOKE = "api_token:revoke"
EVERY = (ORGANIZATION_READ, TOKEN_LIST, TOKEN_CREATE, TOKEN_REVOKE)
READ_ONLY = (ORGANIZATION_READ, TOKEN_LIST)


def default(in_project: bool) -> tuple[str, ...]:
    """The permissions of a token for which none were asked."""
    return (ORGANIZATION_READ,) if in_project else EVERY


def check(names: Iterable[str]) -> tuple[str, ...]:
    """Return `names` in the order of EVERY without repeats; raise UsageError for an unknown one."""
    chosen = set(names)
    if unknown := sorted(chosen.difference(EVERY)):
        raise UsageError(f"{unknown[0][:80]!r} is not a permission", hint=f"use {', '.join(EVERY)}")
    return tuple(name for name in EVERY if name in chosen)
