"""What a role may not is said before anything else: before a question, and before anything is sent."""

import os

import pytest

from app.domain.errors import InvalidInput, PermissionDenied
from app.domain.organizations import Role
from tests.support import app as fakes
from tests.support.cli import Result, in_process
from tests.support.rooms import story

ORGANIZATION = ("chainloop", "organization")
TOKENS = (*ORGANIZATION, "api-token")
CREATE = (*TOKENS, "create", "--name", "ci-new", "--expiration", "90d")
Box = fakes.FakeContainer


def loopin(box: Box, *arguments: str) -> Result:
    """Run it on this machine's fakes."""
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    return in_process(arguments, environment, containers=lambda settings: box)


def in_role(role: Role) -> Box:
    """Ada in another role."""
    box = story()
    box.plane.role = role
    return box


@pytest.mark.parametrize(
    "command",
    [CREATE, (*TOKENS, "revoke", "--id", "x", "--yes"), (*TOKENS, "revoke", "--filter", "idle>1d", "--yes")],
)
def test_a_viewer_hears_it_first(command: tuple[str, ...]) -> None:
    box = in_role(Role.VIEWER)
    result = loopin(box, *command)
    assert result.code == 1
    assert "your role is viewer: viewers may not see API tokens" in result.err
    assert "ask an owner or admin" in result.err
    assert not {"list_tokens", "create_token", "revoke_token"} & set(box.plane.calls)


@pytest.mark.parametrize("role", [Role.MEMBER, Role.CONTRIBUTOR])
def test_a_member_names_a_project(role: Role) -> None:
    box = in_role(role)
    result = loopin(box, *CREATE)
    assert result.code == 1
    assert f"your role is {role.value}: it manages the tokens of projects only" in result.err
    assert "create_token" not in box.plane.calls
    assert loopin(box, *CREATE, "--project", "web").code == 0


@pytest.mark.parametrize("role", [Role.MEMBER, Role.CONTRIBUTOR, Role.VIEWER])
def test_who_may_not_change_the_threshold_is_not_told_what_it_would_do(role: Role) -> None:
    box = in_role(role)
    result = loopin(box, *ORGANIZATION, "update", "--api-token-max-days-inactive", "1")
    assert result.code == 1
    assert f"your role is {role.value}: owners and admins change settings" in result.err
    assert "will be revoked" not in result.err
    assert "list_tokens" not in box.plane.calls


@pytest.mark.parametrize("refusal", [PermissionDenied("operation not allowed"), InvalidInput("no")])
def test_a_refused_revocation_says_who_can_help(refusal: PermissionDenied | InvalidInput) -> None:
    box = in_role(Role.MEMBER)
    box.plane.fail["revoke_token"] = refusal
    result = loopin(box, *TOKENS, "revoke", "--id", box.plane.tokens[0].id, "--yes")
    assert result.code == 1
    assert "those in which you are an admin; ask an owner or admin of the organization" in result.err
