"""Commands: tokens that a token created."""

import os
from dataclasses import replace

import pytest

from app.cli import serializers
from app.domain.errors import PermissionDenied, Unreachable
from app.services.tokens import TokenService
from tests.support import app as fakes
from tests.support.cli import Result, in_process
from tests.support.rooms import children, story

TOKENS = ("chainloop", "organization", "api-token")
Box = fakes.FakeContainer


def loopin(box: Box, *arguments: str) -> Result:
    """Run it on this machine's fakes."""
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    return in_process((*TOKENS, *arguments), environment, containers=lambda settings: box)


def living(box: Box) -> set[str]:
    """Names of the unrevoked tokens of the family."""
    return {t.name for t in box.plane.tokens if t.revoked_at is None and "backup" in t.name}


FAMILY = {"ops-backup", "backup-nas", "backup-tape", "backup-verify", "ops-backup-2026-02"}


@pytest.fixture
def box() -> Box:
    return children(story())


@pytest.fixture
def parent(box: Box) -> str:
    """Id of ops-backup."""
    return next(token.id for token in box.plane.tokens if token.name == "ops-backup")


def test_lists_say_which_token_created_a_token(box: Box, parent: str) -> None:
    """Beside the vendor's keys, and nothing where a person did."""
    listed = {item["name"]: item for item in loopin(box, "list", "-o", "json").works().json}
    assert listed["backup-nas"]["parentId"] == parent
    assert "parentId" not in listed["ops-backup"]
    assert list(serializers.token(box.plane.tokens[-1]))[-1] == "parentId"


def test_children_stay_and_their_number_is_told(box: Box, parent: str) -> None:
    done = loopin(box, "revoke", "--id", parent, "--yes").works()
    assert "3 active API tokens created with it not revoked: --with-children revokes them, too." in done.err
    assert living(box) == FAMILY - {"ops-backup"}


def test_with_children_they_are_revoked_and_the_successor_is_not(box: Box, parent: str) -> None:
    done = loopin(box, "revoke", "--id", parent, "--with-children", "--yes", "-o", "json").works()
    assert "3 active API tokens created with it added." in done.err
    assert [item["name"] for item in done.json] == [
        "ops-backup",
        "backup-nas",
        "backup-tape",
        "backup-verify",
    ]
    assert living(box) == {"ops-backup-2026-02"}


def test_a_filter_takes_them_too_past_a_revoked_token(box: Box) -> None:
    """What it lists lacks the revoked one between the two: then all are listed."""
    tape = next(token.id for token in box.plane.tokens if token.name == "backup-tape")
    loopin(box, "revoke", "--id", tape, "--yes").works()
    chosen = ("revoke", "--filter", "name:ops-backup idle>90d", "--yes")
    done = loopin(box, *chosen, "--with-children").works()
    assert "The filter selects 1 of" in done.err
    assert living(box) == {"ops-backup-2026-02"}


def test_the_children_of_a_revoked_token_can_still_be_revoked(box: Box, parent: str) -> None:
    """The same command again does the rest."""
    loopin(box, "revoke", "--id", parent, "--yes").works()
    done = loopin(box, "revoke", "--id", parent, "--with-children", "--yes", "-o", "json")
    assert [item["alreadyRevoked"] for item in done.works().json] == [True, False, False, False]
    assert living(box) == {"ops-backup-2026-02"}


def test_where_nothing_is_known_to_be_created_it_says_so_to_whoever_asked(box: Box) -> None:
    """A stock control plane does not tell."""
    done = loopin(box, "revoke", "--id", "c-1", "--with-children", "--yes").works()
    assert "No active API token is known to have been created with it." in done.err
    done = loopin(box, "revoke", "--id", "c-2", "--yes").works()
    assert "known to have been created" not in done.err


def test_a_token_that_is_taken_for_a_successor_is_named(box: Box, parent: str) -> None:
    """Whoever holds a token may call its child so."""
    done = loopin(box, "revoke", "--id", parent, "--with-children", "--yes").works()
    assert "ops-backup-2026-02 was created with it, replaced it by rotation, and stays." in done.err
    assert "To revoke it, too: --id c-4" in done.err


def test_the_token_in_use_is_no_child_of_what_a_filter_selects() -> None:
    box = fakes.container(environment=fakes.CI_TOKEN)
    project = next(token for token in box.plane.tokens if token.project and token.revoked_at is None)
    own = next(token for token in box.plane.tokens if token.name == "ci-release")
    box.plane.tokens[box.plane.tokens.index(own)] = replace(own, parent_id=project.id)
    done = loopin(box, "revoke", "--filter", f"name:{project.name}", "--with-children", "--yes").works()
    assert "Left out: the token that you are signed in with." in done.err
    assert next(token for token in box.plane.tokens if token.name == "ci-release").revoked_at is None


def test_a_filter_revokes_nothing_when_the_revoked_tokens_cannot_be_listed(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be what joins a child to its parent."""

    async def unreachable(*_: object) -> None:
        raise Unreachable("the server does not answer")

    monkeypatch.setattr(TokenService, "list_again", unreachable)
    done = loopin(box, "revoke", "--filter", "name:ops-backup idle>90d", "--with-children", "--yes")
    assert done.code == 5
    assert living(box) == FAMILY


def test_children_that_cannot_be_listed_are_not_left_in_silence(box: Box, parent: str) -> None:
    box.plane.fail["list_tokens"] = PermissionDenied("operation not allowed")
    done = loopin(box, "revoke", "--id", parent, "--with-children", "--yes")
    assert done.code != 0
    assert living(box) == FAMILY
    loopin(box, "revoke", "--id", parent, "--yes")
    assert living(box) == FAMILY - {"ops-backup"}
