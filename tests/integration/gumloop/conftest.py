"""Commands beside the stub server, and browser sign-ins by them."""

import asyncio
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO

import httpx
import pytest

from tests.support.callbacks import on_a_free_port
from tests.support.cli import Loopin, Result
from tests.support.gumloop_stub import Gumloop
from tests.support.server import ROOT

Signer = Callable[..., Result]


@pytest.fixture(autouse=True)
def _no_pauses(no_pauses: list[float]) -> None:
    """Nothing here is about the pauses before something is asked again."""


@pytest.fixture
def command(tmp_path: Path, gumloop: Gumloop) -> Loopin:
    """`loopin` whose Gumloop is the stub, with a callback port of its own."""
    return Loopin(tmp_path, {"GUMLOOP_BASE_URL": gumloop.base_url}, on_a_free_port)


class ThreadBrowser:
    """Allows, on a thread, which the end of the command's event loop waits for."""

    def __init__(self) -> None:
        self._visit: asyncio.Task[None] | None = None

    async def open(self, url: str) -> str:
        """Open the page in the background, and follow it to the callback."""
        self._visit = asyncio.create_task(asyncio.to_thread(self._go, url))
        return "test browser"

    def _go(self, url: str) -> None:
        with httpx.Client(follow_redirects=True, trust_env=False) as browser:
            browser.get(url)


@pytest.fixture
def sign_in(command: Loopin) -> Signer:
    """Run a browser sign-in to its end, with a browser that allows."""

    def run(*arguments: str) -> Result:
        browsing = replace(command, containers=lambda settings: on_a_free_port(settings, ThreadBrowser()))
        return browsing("gumloop", "login", "--method", "oauth", *arguments)

    return run


@pytest.fixture
def printed_sign_in(command: Loopin, default_callback_port: int) -> Signer:
    """Run a browser sign-in in a child process on the default port: read the address it prints, and allow."""

    def run(*program: str) -> Result:
        with subprocess.Popen(
            [*program, "login", "--method", "oauth", "--no-browser"],
            cwd=ROOT,
            env={**command.variables(), "PYTHONUNBUFFERED": "1", "COLUMNS": "2000"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as child:
            assert child.stdout is not None
            seen = _follow(child.stdout)
            return Result(child.wait(60), seen, "")

    return run


def _follow(output: IO[str]) -> str:
    """Read to the end; open the address on the way."""
    seen = ""
    for line in output:
        seen += line
        if found := re.match(r"https?://\S+/oauth/authorize\S+", line):
            with httpx.Client(follow_redirects=True, trust_env=False) as browser:
                _visit(browser, found[0])
    return seen


def _visit(browser: httpx.Client, url: str) -> None:
    """The vendor's command prints its address before it listens: knock until the callback is open."""
    callback = httpx.URL(url).params["redirect_uri"]
    for _ in range(2000):
        try:
            browser.get(callback.replace("/callback", "/favicon.ico"))
            break
        except httpx.ConnectError:
            os.sched_yield()
    browser.get(url)
