"""Between the browser's answer and "signed in" somebody waits: nothing is imported there."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.support.cli import Loopin
from tests.support.gumloop_stub import Gumloop
from tests.support.server import ROOT, AccountServer, csrf_of
from tests.support.vaults import Bus

pytestmark = pytest.mark.slow

DISCOVERY = "/.well-known/oauth-authorization-server"
KNOCKS = 5


def test_nothing_is_imported_after_the_answer_of_gumloop(
    secret_service: Bus, gumloop: Gumloop, tmp_path: Path
) -> None:
    gumloop.metadata = True

    def answer(browser: httpx.Client, url: str) -> str:
        while not gumloop.calls(DISCOVERY):
            os.sched_yield()
        callback = httpx.URL(url).params["redirect_uri"]
        # By the time in which it has turned away as many strangers it has read what it asked for.
        for _ in range(KNOCKS):
            browser.get(callback.replace("/callback", "/favicon.ico"))
        return browser.get(url).headers["location"]

    loopin = Loopin(tmp_path, {"GUMLOOP_BASE_URL": gumloop.base_url})
    assert late(loopin, answer, "gumloop", "login", "--no-browser", "--callback-port", "0") == []


def test_nothing_is_imported_after_the_answer_of_chainloop(
    secret_service: Bus, account_server: AccountServer, tmp_path: Path
) -> None:
    def answer(browser: httpx.Client, url: str) -> str:
        email, password = account_server.owner
        form = {"csrf_token": csrf_of(browser.get(url).text), "email": email, "password": password}
        return browser.post(url, data=form).headers["location"]

    environment = {"CHAINLOOP_CONTROL_PLANE_API": account_server.grpc, "CHAINLOOP_API_INSECURE": "true"}
    assert late(Loopin(tmp_path, environment), answer, "chainloop", "auth", "login") == []


def late(loopin: Loopin, answer: Callable[[httpx.Client, str], str], *arguments: str) -> list[str]:
    """Sign in; `answer` goes from the printed address to the callback. Return what is imported from there on,
    until the end is told."""
    errors = loopin.folder / "imports"
    with (
        errors.open("w") as written,
        httpx.Client(trust_env=False) as browser,
        subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", "app", *arguments],
            cwd=ROOT, env=loopin.variables(PYTHONUNBUFFERED="1", COLUMNS="4000", BROWSER="true"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=written, text=True,
        ) as child,
    ):  # fmt: skip
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("http"):
                callback = answer(browser, line.strip())
                before = imported(errors)
                browser.get(callback, follow_redirects=True)
            if line.startswith("Signed in"):
                return sorted(imported(errors) - before)
    raise AssertionError(errors.read_text()[-2000:])


def imported(errors: Path) -> set[str]:
    """What -X importtime has told so far; what is missing is told each time it is asked for."""
    return set(re.findall(r"^import time: .*\| +(\S+)$", errors.read_text(), re.MULTILINE))
