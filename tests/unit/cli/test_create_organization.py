"""`organization create`, and what is said to a member of none."""

import os

from app.domain.errors import AlreadyExists, Failed, PermissionDenied, Unreachable
from tests.support import app as fakes
from tests.support.cli import Result, in_process
from tests.support.rooms import story

ORGANIZATION = ("chainloop", "organization")
CREATE = (*ORGANIZATION, "create", "--name")
Box = fakes.FakeContainer


def in_none() -> Box:
    """Signed in, and a member of no organization."""
    box = story()
    box.fake_accounts.known["chainloop", "default"] = {"endpoint": fakes.ENDPOINT.address}
    box.plane.organizations, box.plane.current_name = (), ""
    return box


def loopin(box: Box, *arguments: str) -> Result:
    """Run it on this machine's fakes."""
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    return in_process(arguments, environment, containers=lambda settings: box)


def test_it_is_made_and_worked_in() -> None:
    box = in_none()
    result = loopin(box, *CREATE, "initech")
    assert result.code == 0, result.err
    assert result.out.split() == ["ORGANIZATION", "ROLE", "initech", "owner"]
    assert box.fake_accounts.known["chainloop", "default"]["organization"] == "initech"
    assert loopin(in_none(), *CREATE, "initech", "-o", "json").json["name"] == "initech"


def test_every_command_that_needs_one_says_what_to_do() -> None:
    for command in (
        (*ORGANIZATION, "api-token", "list"),
        (*ORGANIZATION, "api-token", "create", "--name", "x", "--expiration", "90d"),
        (*ORGANIZATION, "update", "--api-token-max-days-inactive", "30", "--yes"),
        (*ORGANIZATION, "auto-revoke", "preview"),
    ):
        box = in_none()
        result = loopin(box, *command)
        assert result.code == 1
        assert "you are not a member of an organization" in result.err
        assert "loopin chainloop organization create --name NAME" in result.err
        assert not {"create_token", "set_threshold", "list_tokens"} & set(box.plane.calls)
    assert "organization create --name NAME" in loopin(in_none(), *ORGANIZATION, "list").out
    assert "organization create" in loopin(in_none(), *ORGANIZATION, "describe").out


def test_bad_names_and_refusals_are_told() -> None:
    assert "cannot be a name" in loopin(in_none(), *CREATE, "Initech").err
    assert loopin(in_none(), *CREATE, "Initech").code == 2
    for error, words in (
        (AlreadyExists("duplicated: name already taken", hint="choose another name"), "name already taken"),
        (PermissionDenied("on this server only its operator creates organizations"), "only its operator"),
    ):
        box = in_none()
        box.plane.fail["create_organization"] = error
        result = loopin(box, *CREATE, "initech")
        assert result.code == 1
        assert words in result.err
        assert "organization" not in box.fake_accounts.known["chainloop", "default"]


def test_a_lost_answer_is_looked_up() -> None:
    box = in_none()
    box.plane.lost["create_organization"] = Unreachable("the connection broke")
    assert loopin(box, *CREATE, "initech").code == 0
    box = in_none()
    box.plane.fail["create_organization"] = Unreachable("the connection broke")
    assert loopin(box, *CREATE, "initech").code == 5
    box = story()
    box.plane.fail["create_organization"] = Unreachable("the connection broke")
    assert loopin(box, *CREATE, "globex").code == 5, "it was there before"
    assert box.fake_accounts.known["chainloop", "default"]["organization"] == "acme"


def test_one_that_was_made_and_not_stored_is_told() -> None:
    box = in_none()
    box.fake_accounts.error = Failed("the disk is full", hint="make room")
    result = loopin(box, *CREATE, "initech")
    assert result.code == 1
    assert "initech was created, but could not be stored with the profile: the disk is full" in result.err
    assert "organization set --name initech" in result.err
    assert box.fake_activity.lines[-1].subject == "initech"
