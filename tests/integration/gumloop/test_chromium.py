"""A person with a real Chromium: signs in, allows, denies; Loopin waits beside it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from playwright.sync_api import Page, expect

from tests.support.chromium import fill_in
from tests.support.cli import Loopin
from tests.support.server import ROOT, AccountServer

pytestmark = [pytest.mark.usefixtures("secret_service"), pytest.mark.slow]
LOGIN = ("gumloop", "login", "--method", "oauth", "--no-browser", "--callback-port", "0")


@pytest.fixture
def command(tmp_path: Path, account_server: AccountServer) -> Loopin:
    """`loopin` beside the account server."""
    return Loopin(tmp_path, {"GUMLOOP_BASE_URL": f"{account_server.http}/api/v1"})


@contextmanager
def waiting(command: Loopin) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """A sign-in that has printed its address and waits."""
    with subprocess.Popen(
        [sys.executable, "-m", "app", *LOGIN],
        cwd=ROOT,
        env={**command.variables(), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        assert child.stdout is not None
        try:
            yield _address(child.stdout), child
        finally:
            # Only a test that failed leaves it waiting.
            child.kill()


def _address(output: IO[str]) -> str:
    said = ""
    for line in output:
        said += line
        if re.match(r"https?://\S+/oauth/authorize\S+", line):
            return line.strip()
    raise AssertionError(said)


def _rest(child: "subprocess.Popen[str]") -> str:
    assert child.stdout is not None
    return child.stdout.read()


def test_allowing_ends_on_a_true_page_and_a_stored_login(
    command: Loopin, account_server: AccountServer, page: tuple[Page, list[str]]
) -> None:
    tab, problems = page
    with waiting(command) as (address, child):
        tab.goto(address)
        fill_in(tab, *account_server.owner)
        tab.get_by_role("button", name="Allow").click()
        expect(tab.get_by_text("You are signed in")).to_be_visible(timeout=60_000)
        assert "code=" not in tab.url
        assert account_server.owner[0] in _rest(child)
        assert child.wait(60) == 0
    assert problems == []
    # Not in this process, in which playwright's event loop runs.
    status = command.process("gumloop", "status", "--json").works().json
    assert (status["method"], status["organization"]) == ("oauth", "acme")


def test_denying_ends_on_a_true_page_and_nothing_stored(
    command: Loopin, account_server: AccountServer, page: tuple[Page, list[str]]
) -> None:
    tab, problems = page
    with waiting(command) as (address, child):
        tab.goto(address)
        fill_in(tab, *account_server.owner)
        tab.get_by_role("button", name="Deny").click()
        expect(tab.get_by_text("You are not signed in")).to_be_visible(timeout=60_000)
        assert "access was denied" in _rest(child)
        assert child.wait(60) == 1
    assert problems == []
    command.process("gumloop", "status").fails(3)
