"""API tokens that create tokens, at the real server: listed, revoked together, and ended in time."""

import json
from datetime import datetime
from typing import Any

import pytest

from tests.integration.tokens.test_bulk import TOKENS, trail
from tests.support.between import Between
from tests.support.cli import Loopin, secrets_in

RIGHTS = ("organization:read", "api_token:list", "api_token:create", "api_token:revoke")
GRANTED = tuple(part for name in RIGHTS for part in ("--permission", name))


def created(run: Loopin, name: str, *more: str, token: str = "") -> dict[str, Any]:
    """A new token of the project web that may create others, with its secret as `jwt`."""
    environment = {"CHAINLOOP_TOKEN": token} if token else {}
    create = (*TOKENS, "create", "--name", name, "--project", "web", *GRANTED, "-o", "json")
    made: dict[str, Any] = run(*create, *more, **environment).works().json
    return made


@pytest.fixture
def parent(owner: Loopin, stem: str) -> dict[str, Any]:
    """A token that a person created, and that ends in ten days."""
    return created(owner, stem, "--expiration", "10d")


def living(owner: Loopin, stem: str) -> dict[str, dict[str, Any]]:
    """What lives, by the name without its stem."""
    listed = owner(*TOKENS, "list", "--filter", f"name:{stem}*", "-o", "json").works().json
    return {item["name"].removeprefix(stem): item for item in listed}


def test_a_family_is_revoked_together_only_where_that_was_asked_for(
    owner: Loopin, parent: dict[str, Any], stem: str
) -> None:
    child = created(owner, f"{stem}-a", "--expiration", "5d", token=parent["jwt"])
    created(owner, f"{stem}-b", "--expiration", "1d", token=child["jwt"])
    found = living(owner, stem)
    assert "parentId" not in found[""]
    assert found["-a"]["parentId"] == parent["id"]
    assert found["-b"]["parentId"] == child["id"]
    hint = "1 active API token created with it not revoked: --with-children revokes it, too."
    assert hint in owner(*TOKENS, "revoke", "--id", child["id"], "--yes").works().err
    assert living(owner, stem).keys() == {"", "-b"}
    done = owner(*TOKENS, "revoke", "--id", parent["id"], "--with-children", "--yes", "-o", "json").works()
    assert [(item["name"], item["revoked"]) for item in done.json] == [(stem, True), (f"{stem}-b", True)]
    assert living(owner, stem) == {}


def test_a_token_that_rotates_itself_is_not_revoked_with_its_successor(
    owner: Loopin, parent: dict[str, Any], stem: str
) -> None:
    """Which is its child: the journal says so, and on another machine the name does."""
    rotate = (*TOKENS, "rotate", "--id", parent["id"], "--keep-old", "--expiration", "5d", "-o", "json")
    new = owner(*rotate, CHAINLOOP_TOKEN=parent["jwt"]).works().json
    assert new["parentId"] == parent["id"]
    created(owner, f"{stem}-a", "--expiration", "1d", token=parent["jwt"])
    (journal,) = [line for line in trail(owner) if line["action"] == "rotate" and line["outcome"] == "done"]
    assert new["id"] in json.dumps(journal)
    (owner.folder / "state" / "activity.jsonl").unlink()
    owner(*TOKENS, "revoke", "--id", parent["id"], "--with-children", "--yes").works()
    assert [item["id"] for item in living(owner, stem).values()] == [new["id"]]


def test_a_rotation_by_the_token_itself_ends_with_the_successor_alone(
    owner: Loopin, parent: dict[str, Any], stem: str
) -> None:
    """What the old one created lives on."""
    created(owner, f"{stem}-a", "--expiration", "1d", token=parent["jwt"])
    rotate = (*TOKENS, "rotate", "--id", parent["id"], "--yes", "--expiration", "5d", "-o", "json")
    new = owner(*rotate, CHAINLOOP_TOKEN=parent["jwt"]).works()
    assert secrets_in(new.err) == []
    assert living(owner, stem).keys() == {new.json["name"].removeprefix(stem), "-a"}


def test_what_would_outlive_the_token_in_effect_is_refused_before_anything_is_sent(
    owner: Loopin, proxy: Between, parent: dict[str, Any], stem: str
) -> None:
    end = datetime.fromisoformat(parent["expiresAt"])
    latest = "it would outlive the API token in effect: the latest end allowed is "
    before = proxy.calls.total()
    create = (*TOKENS, "create", "--name", f"{stem}-x", "--project", "web")
    for expiration in ((), ("--expiration", "never"), ("--expiration", "11d")):
        refused = owner(*create, *expiration, CHAINLOOP_TOKEN=parent["jwt"])
        refused.fails(2, latest, "choose 9d or less")
        said = datetime.fromisoformat(refused.err.split(latest)[1].split("\n")[0].strip())
        assert 0 <= (said - end).total_seconds() <= 1
    rotate = (*TOKENS, "rotate", "--id", parent["id"], "--yes", "--expiration", "11d")
    owner(*rotate, CHAINLOOP_TOKEN=parent["jwt"]).fails(2, latest)
    assert proxy.calls.total() == before
    owner(*create, "--expiration", "9d", CHAINLOOP_TOKEN=parent["jwt"]).works()


def test_the_sample_data_has_a_token_that_created_another(owner: Loopin) -> None:
    listed = {item["name"]: item for item in owner(*TOKENS, "list", "-o", "json").works().json}
    assert listed["ci-release"]["parentId"] == listed["terraform"]["id"]
