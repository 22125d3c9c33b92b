"""Revoking many tokens by command: by filter, past failures, and past the end of the process."""

import json
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from tests.support.between import Between
from tests.support.cli import Loopin, interrupts_heard
from tests.support.server import ROOT, AccountServer, bulk_tokens

TOKENS = ("chainloop", "organization", "api-token")
COUNT = 12


@pytest.fixture
def tokens(account_server: AccountServer, stem: str) -> str:
    """A filter for a dozen tokens."""
    bulk_tokens(account_server, "acme", COUNT, name=stem)
    return f"name:{stem}-*"


def living(owner: Loopin, text: str) -> int:
    return len(owner(*TOKENS, "list", "--filter", text, "-o", "json").works().json)


def every_third(method: str, count: int, context: Any) -> None:
    if method == "Revoke" and count % 3 == 0:
        context.abort(grpc.StatusCode.INTERNAL, "the database is busy")


def test_a_server_that_fails_every_third_revocation(owner: Loopin, proxy: Between, tokens: str) -> None:
    """Each row says what became of it; the same command again does the rest."""
    proxy.before = every_third
    said = owner(*TOKENS, "revoke", "--filter", tokens, "--yes", "--retries", "0", "-o", "json").fails(
        6, "4 of 12 API tokens were not revoked", "Run it again"
    )
    failed = [item for item in said.json if not item["revoked"]]
    assert len(failed) == 4
    assert all("the database is busy" in item["error"] for item in failed)
    assert all(item["revokedAt"] for item in said.json if item["revoked"])
    assert living(owner, tokens) == 4
    proxy.go_on()
    again = owner(*TOKENS, "revoke", "--filter", tokens, "--yes", "-o", "json").works().json
    assert {item["id"] for item in again} == {item["id"] for item in failed}
    assert living(owner, tokens) == 0


def test_what_failed_is_tried_again(owner: Loopin, proxy: Between, tokens: str) -> None:
    proxy.before = every_third
    done = owner(*TOKENS, "revoke", "--filter", tokens, "-y", "--reason", "tidying up", "-o", "json").works()
    assert [item["revoked"] for item in done.json] == [True] * COUNT
    assert proxy.calls["Revoke"] == 12 + 4 + 1
    lines = trail(owner)
    ends = [line for line in lines if line["outcome"] == "done" and line.get("subject_id")]
    assert len(ends) == COUNT
    assert {line["detail"] for line in lines} == {"tidying up"}


def test_a_refusal_is_not_tried_again(owner: Loopin, proxy: Between, tokens: str) -> None:
    def refused(method: str, count: int, context: Any) -> None:
        if method == "Revoke":
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "operation not allowed")

    proxy.before = refused
    owner(*TOKENS, "revoke", "--filter", tokens, "--yes").fails(1, "operation not allowed")
    assert proxy.calls["Revoke"] == COUNT


def test_a_lost_answer_counts_as_what_the_list_shows(owner: Loopin, proxy: Between, tokens: str) -> None:
    def lost(method: str, count: int, context: Any) -> None:
        if method == "Revoke":
            context.abort(grpc.StatusCode.UNAVAILABLE, "connection reset")

    proxy.after = lost
    done = owner(*TOKENS, "revoke", "--filter", tokens, "--yes", "--retries", "0", "-o", "json").works()
    assert all(item["revokedAt"] for item in done.json)


def test_few_calls_are_under_way_at_once(owner: Loopin, proxy: Between, tokens: str) -> None:
    """Four are held, and no fifth comes until one of them is answered."""
    proxy.before = lambda method, count, context: proxy.hold(context) if method == "Revoke" else None
    with ThreadPoolExecutor(1) as thread:
        revoking = thread.submit(owner, *TOKENS, "revoke", "--filter", tokens, "--yes")
        proxy.until_held(4)
        assert proxy.calls["Revoke"] == 4
        proxy.go_on()
        revoking.result().works()
    assert proxy.calls["Revoke"] == COUNT


def test_kill_9_in_the_middle_is_told_at_the_next_start(owner: Loopin, proxy: Between, tokens: str) -> None:
    """Three were answered; the fourth was done and its answer never came; three more were never done."""

    def before(method: str, count: int, context: Any) -> None:
        if method == "Revoke" and count > 4:
            proxy.hold(context)

    def after(method: str, count: int, context: Any) -> None:
        if method == "Revoke" and count == 4:
            proxy.hold(context)

    proxy.before, proxy.after = before, after
    child = begin(owner, "revoke", "--filter", tokens, "--yes", "--reason", "leak")
    proxy.until_held(4)
    held = len(trail(owner))
    busy = owner(*TOKENS, "list", "--filter", tokens).works()
    assert "interrupted" not in busy.err
    assert len(trail(owner)) == held
    kill(child, proxy, 4)
    offline = owner("status", "--offline").works().err
    assert "revoking 12 API tokens: 3 of 12 revoked, 4 not known (" in offline
    told = owner(*TOKENS, "list", "--filter", tokens, "-o", "json").works()
    assert "interrupted: revoking 12 API tokens, begun " in told.err
    assert "4 of 12 revoked, 3 not revoked, 5 not begun (t-" in told.err
    assert len(told.json) == COUNT - 4
    assert owner(*TOKENS, "list", "--filter", tokens).works().err == ""
    ends = [line for line in trail(owner) if line["detail"].startswith("interrupted; ")]
    assert len(ends) == 4 + 1
    assert owner("status", "--offline").works().err == ""
    rest = owner(*TOKENS, "revoke", "--filter", tokens, "--yes", "-o", "json").works().json
    assert len(rest) == COUNT - 4
    assert living(owner, tokens) == 0


def test_ctrl_c_in_the_middle_tells_what_was_done(owner: Loopin, proxy: Between, tokens: str) -> None:
    """Three were answered, the request of four is under way, five were not begun."""

    def before(method: str, count: int, context: Any) -> None:
        if method == "Revoke" and count > 3:
            proxy.hold(context)

    proxy.before = before
    with interrupts_heard():
        child = owner.begin(*TOKENS, "revoke", "--filter", tokens, "--yes", "-o", "json")
    proxy.until_held(4)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    proxy.until_gone(4)
    proxy.go_on()
    assert child.returncode == 6, err
    assert "loopin: cancelled: 3 of 12 API tokens revoked, 4 not known (t-" in err
    assert "), 5 not touched\n  next: the same command again does the rest" in err
    errors = Counter((item["error"] or "revoked").partition(":")[0] for item in json.loads(out))
    assert errors == {"revoked": 3, "not known": 4, "not touched": 5}
    owner(*TOKENS, "revoke", "--filter", tokens, "--yes").works()
    assert living(owner, tokens) == 0


def test_ctrl_c_tells_it_too_when_it_ended_the_reader(owner: Loopin, proxy: Between, tokens: str) -> None:
    """A terminal sends it to everyone in the pipe."""
    proxy.before = lambda method, count, context: proxy.hold(context) if method == "Revoke" else None
    with interrupts_heard():
        child = owner.begin(*TOKENS, "revoke", "--filter", tokens, "--yes")
    proxy.until_held(4)
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    child.send_signal(signal.SIGINT)
    with child, child.stderr:
        assert "0 of 12 API tokens revoked, 4 not known" in child.stderr.read()
    assert child.returncode == 6


def kill(child: "subprocess.Popen[bytes]", proxy: Between, held: int) -> None:
    """kill -9; what the proxy held for it is dropped, and everything passes from now on."""
    child.kill()
    child.wait(60)
    proxy.until_gone(held)
    proxy.go_on()


def begin(owner: Loopin, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start a command and leave it running."""
    return subprocess.Popen(
        [sys.executable, "-m", "app", *TOKENS, *arguments],
        cwd=ROOT,
        env=owner.variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def trail(owner: Loopin) -> list[dict[str, Any]]:
    """The lines of the trail."""
    path = owner.folder / "state" / "activity.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize("slip", ["!!web", "!name=web", "!name:web", "!never !web", ""])
def test_a_filter_that_only_excludes_revokes_nothing(owner: Loopin, proxy: Between, slip: str) -> None:
    """Nothing is even listed: it would select all the rest."""
    owner(*TOKENS, "revoke", "--filter", slip, "--yes").fails(2)
    assert proxy.calls["List"] == proxy.calls["Revoke"] == 0


def test_it_says_how_many_of_how_many(owner: Loopin, tokens: str) -> None:
    """Before the first one is revoked, with --yes as well."""
    every = len(owner(*TOKENS, "list", "-o", "json").works().json)
    said = owner(*TOKENS, "revoke", "--filter", tokens, "--yes").works()
    assert f"The filter selects {COUNT} of {every} unrevoked API tokens." in said.err
