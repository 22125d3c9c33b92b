"""Rotating by command: never a moment in which neither token works, whatever ends the process."""

import re
import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest

from tests.integration.tokens.test_bulk import TOKENS, begin, kill, trail
from tests.support.between import Between
from tests.support.cli import Loopin, secrets_in
from tests.support.server import ROOT, AccountServer, age_tokens

DESCRIBE = ("chainloop", "organization", "describe")


@pytest.fixture
def old(owner: Loopin, stem: str) -> dict[str, Any]:
    """A token of the project web, with its secret as `jwt`."""
    made = owner(*TOKENS, "create", "--name", stem, "--project", "web", "--expiration", "30d", "-o", "json")
    token: dict[str, Any] = made.works().json
    return token


def family(owner: Loopin, stem: str) -> dict[str, dict[str, Any]]:
    """What lives, by name."""
    listed = owner(*TOKENS, "list", "--filter", f"name:{stem}*", "-o", "json").works().json
    return {item["name"]: item for item in listed}


def works(owner: Loopin, secret: str) -> bool:
    """Whether a token signs in."""
    return owner(*DESCRIBE, CHAINLOOP_TOKEN=secret).code == 0


def test_the_new_token_takes_over(owner: Loopin, old: dict[str, Any], stem: str) -> None:
    said = owner(*TOKENS, "rotate", "--id", old["id"], "--yes", "-o", "token").works()
    assert secrets_in(said.out) == [said.out]
    assert f"{stem} is revoked, " in said.err
    assert works(owner, said.out)
    assert not works(owner, old["jwt"])
    (name, new) = next(iter(family(owner, stem).items()))
    assert re.fullmatch(rf"{stem}-\d{{4}}-\d\d", name)
    assert new["scopedEntity"]["name"] == "web"
    text = (owner.folder / "state" / "activity.jsonl").read_text()
    assert secrets_in(text) == []


def test_the_old_token_can_be_kept(owner: Loopin, old: dict[str, Any], stem: str) -> None:
    new = owner(*TOKENS, "rotate", "--id", old["id"], "--keep-old", "-o", "json").works()
    assert "both work" in new.err
    assert works(owner, old["jwt"])
    assert works(owner, new.json["jwt"])
    assert "interrupted" not in owner(*TOKENS, "list", "--filter", f"name:{stem}").err


def test_the_new_token_can_have_another_life(owner: Loopin, old: dict[str, Any]) -> None:
    """0 is never, as for the vendor's `create`."""
    rotate = (*TOKENS, "rotate", "--id", old["id"], "--keep-old", "-o", "json", "--expiration")
    assert "expiresAt" not in owner(*rotate, "0").works().json
    new = owner(*rotate, "48h").works().json
    life = datetime.fromisoformat(new["expiresAt"]) - datetime.fromisoformat(new["createdAt"])
    assert abs(life - timedelta(hours=48)) <= timedelta(seconds=2)
    owner(*rotate, "soon").fails(2, "--expiration 'soon' is not a length of time")


def test_a_new_token_that_does_not_work_leaves_the_old_one(
    owner: Loopin, proxy: Between, old: dict[str, Any]
) -> None:
    def refused(method: str, count: int, context: Any) -> None:
        if method == "Current" and proxy.calls["Create"] > 1:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "Token is invalid")

    proxy.before = refused
    owner(*TOKENS, "rotate", "--id", old["id"], "--yes").fails(6, "does not work", "both tokens live")
    proxy.go_on()
    assert works(owner, old["jwt"])


def test_a_new_token_that_nobody_got_is_taken_back(owner: Loopin, old: dict[str, Any], stem: str) -> None:
    """The output goes to a full disk."""
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "app", *TOKENS, "rotate", "--id", old["id"], "--yes", "-o", "token"],
            cwd=ROOT, env=owner.variables(), stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
            text=True, check=False,
        )  # fmt: skip
    assert run.returncode == 1, run.stderr
    assert "could not be written out, and was revoked again" in run.stderr
    assert family(owner, stem).keys() == {stem}
    assert works(owner, old["jwt"])


def test_killed_while_the_new_token_is_made(
    owner: Loopin, proxy: Between, old: dict[str, Any], stem: str
) -> None:
    """The server made it and nobody heard: the next rotation revokes it and makes another."""
    proxy.after = lambda method, count, context: proxy.hold(context) if method == "Create" else None
    child = begin(owner, "rotate", "--id", old["id"], "--yes")
    proxy.until_held(1)
    busy = owner(*TOKENS, "list").works()
    assert "interrupted" not in busy.err
    kill(child, proxy, 1)
    (orphan,) = family(owner, stem).keys() - {stem}
    told = owner(*TOKENS, "list").works()
    assert f"interrupted: rotating {stem}, begun " in told.err
    assert f"its new token {orphan} (" in told.err
    assert "its secret was not saved" in told.err
    done = owner(*TOKENS, "rotate", "--id", old["id"], "--yes", "-o", "json").works()
    assert "its secret was not saved: it is revoked first" in done.err
    assert done.json["name"] == orphan
    assert {name: item["id"] for name, item in family(owner, stem).items()} == {orphan: done.json["id"]}
    assert works(owner, done.json["jwt"])
    assert owner(*TOKENS, "list").works().err == ""


def test_killed_after_the_new_token_was_handed_out(
    owner: Loopin, proxy: Between, old: dict[str, Any], stem: str
) -> None:
    """Somebody may use it: it is never revoked without a word."""
    made = proxy.calls["Create"]

    def before(method: str, count: int, context: Any) -> None:
        if method == "Current" and proxy.calls["Create"] > made:
            proxy.hold(context)

    proxy.before = before
    child = begin(owner, "rotate", "--id", old["id"], "--yes")
    proxy.until_held(1)
    kill(child, proxy, 1)
    (first,) = family(owner, stem).keys() - {stem}
    done = owner(*TOKENS, "rotate", "--id", old["id"], "--yes", "-o", "json").works()
    assert f"left {first} (" in done.err
    assert "it may be in use and stays" in done.err
    assert family(owner, stem).keys() == {first, f"{first}-2"}
    assert owner(*TOKENS, "list").works().err == ""


def test_killed_while_the_old_token_is_revoked(
    owner: Loopin, proxy: Between, old: dict[str, Any], stem: str
) -> None:
    """The server did it: the rotation came to its end, and the new token is left alone."""
    proxy.after = lambda method, count, context: proxy.hold(context) if method == "Revoke" else None
    child = begin(owner, "rotate", "--id", old["id"], "--yes")
    proxy.until_held(1)
    kill(child, proxy, 1)
    (new,) = family(owner, stem).keys()
    assert new != stem
    owner(*TOKENS, "list", "--status", "all").works()
    assert owner(*TOKENS, "list", "--status", "all").works().err == ""
    last = {line["operation"]: line for line in trail(owner) if line["action"] in {"rotate", "revoke"}}
    assert {line["outcome"] for line in last.values()} == {"done"}


def test_a_namesake_of_another_scope_is_no_orphan(
    owner: Loopin, proxy: Between, old: dict[str, Any], stem: str, account_server: AccountServer
) -> None:
    """A crash before the create leaves a name; a token that has it elsewhere or since long is not ours."""

    def before(method: str, count: int, context: Any) -> None:
        if method == "Create":
            proxy.hold(context)

    proxy.before = before
    child = begin(owner, "rotate", "--id", old["id"], "--yes")
    proxy.until_held(1)
    kill(child, proxy, 1)
    (begun,) = [line for line in trail(owner) if line["action"] == "rotate"]
    name = begun["detail"]
    owner(*TOKENS, "create", "--name", name, "--expiration", "1d").works()
    assert "interrupted" not in owner(*TOKENS, "list").works().err
    owner(*TOKENS, "create", "--name", name, "--project", "web", "--expiration", "1d").works()
    age_tokens(account_server, name, None, created=timedelta(hours=1))
    assert "interrupted" not in owner(*TOKENS, "list").works().err
