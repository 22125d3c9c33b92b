"""Every command of the documents: those in `console` blocks are run from top to bottom, each page on a real
keychain and a real server; of all others the commands and options exist.

Lines without shell syntax run in this process, with a callback port and a browser of their own; a shell and
the real program run the others.
"""

import asyncio
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import httpx
import pytest

from app.bootstrap import Container
from app.cli.root import tree
from app.settings import Settings
from tests.support.callbacks import on_a_free_port
from tests.support.cli import Result, in_process, ran
from tests.support.oauth import person_at
from tests.support.require import tool
from tests.support.server import ROOT, AccountServer, ServerFactory, sign_in, submit_login
from tests.support.terminal import Terminal
from tests.support.vaults import Bus

pytestmark = pytest.mark.slow

DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
ELSEWHERE = re.compile(r"(?:^    |`)(loopin [a-z][^`\n]*)", re.MULTILINE)
PLAIN = re.compile(r"^((?:\w+=\S+ )*)loopin (?!run )([^|;()$<>]*)$")
FULL_SCREEN = re.compile(r"^(\w+=\S+ )*loopin( demo.*)?$")


@dataclass(frozen=True, slots=True)
class Line:
    """A command, and the lines that the document shows below it."""

    command: str
    shown: tuple[str, ...]


def story(page: Path) -> list[Line]:
    """The commands of a page's console blocks."""
    found: list[Line] = []
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Line(line.removeprefix("$ "), ()))
            else:
                found[-1] = Line(found[-1].command, (*found[-1].shown, line))
    return found


PAGES = sorted(page for page in DOCS.glob("*.md") if story(page))
# Signing in is what a page takes for granted when it does not show it.
SIGNED_IN = {"tokens", "auto-revoke", "keychain"}
# What a page changes at the server is seen by others there, so it gets a server of its own.
CHANGES = {"tokens", "auto-revoke"}


class SampleOwner:
    """A browser in which the sample owner signs in on the server's real pages, and allows."""

    def __init__(self, server: AccountServer) -> None:
        self._server = server
        self._visit: asyncio.Task[None] | None = None

    async def open(self, url: str) -> str:
        """Visit the page in the background."""
        self._visit = asyncio.create_task(asyncio.to_thread(self._go, url))
        return "test browser"

    def _go(self, url: str) -> None:
        params = dict(httpx.URL(url).params)
        if "/oauth/" in url:
            with person_at(self._server, self._server.owner) as person:
                answer = person.decide(params, "allow")
        else:
            with httpx.Client(base_url=self._server.http, trust_env=False) as client:
                answer = submit_login(client, *self._server.owner, callback=params["callback"])
        with httpx.Client(trust_env=False, follow_redirects=True) as browser:
            browser.get(answer.headers["location"])


class Desk:
    """A person at a machine: a shell with `loopin` on its path, a browser, a keychain, a server."""

    def __init__(self, folder: Path, server: AccountServer, bus: Bus) -> None:
        self.folder = folder
        self.server = server
        binaries = folder / "bin"
        binaries.mkdir()
        program = binaries / "loopin"
        python = f"PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)}"
        program.write_text(f'#!/bin/sh\n{python} -m app "$@"\n')
        program.chmod(0o755)
        # The addresses that docs/server.md gives its server.
        self.places = {"http://127.0.0.1:8080": server.http, "127.0.0.1:9090": server.grpc}
        gumloop = server.seed["gumloop"]
        (folder / "my-key").write_text(gumloop["api_key"])
        (folder / "my-token").write_text(sign_in(server, *server.owner))
        self.variables = {
            **os.environ,
            **bus.environment,
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "LOOPIN_CONFIG_DIR": str(folder / "config"),
            "LOOPIN_STATE_DIR": str(folder / "state"),
            "CHAINLOOP_CONTROL_PLANE_API": server.grpc,
            "CHAINLOOP_API_INSECURE": "true",
            "GUMLOOP_BASE_URL": f"{server.http}/api/v1",
            "MY_USER_ID": gumloop["user_id"],
        }

    def run(self, command: str) -> Result:
        """Run one line, nobody at the keyboard."""
        for shown, real in self.places.items():
            command = command.replace(shown, real)
        if plain := PLAIN.match(command):
            assigned = dict(word.split("=", 1) for word in shlex.split(plain[1]))
            return in_process(
                shlex.split(plain[2]), self.variables | assigned, cwd=self.folder, containers=self._container
            )
        return ran(["sh", "-c", command], self.variables, cwd=self.folder)

    def _container(self, settings: Settings) -> Container:
        return on_a_free_port(settings, SampleOwner(self.server))

    def knows_no_server(self) -> None:
        """Nothing but a command line says where the server is."""
        for name in ("CHAINLOOP_CONTROL_PLANE_API", "CHAINLOOP_API_INSECURE", "GUMLOOP_BASE_URL"):
            del self.variables[name]

    def signs_in(self) -> None:
        """As the page on signing in says."""
        for line in ("loopin gumloop login --method oauth", "loopin chainloop auth login"):
            self.run(line).works()


@pytest.fixture
def desk(request: pytest.FixtureRequest, tmp_path: Path, secret_service: Bus) -> Desk:
    """A machine on which nobody is signed in."""
    page = request.node.callspec.params.get("page")
    if page is not None and page.stem in CHANGES:
        make: ServerFactory = request.getfixturevalue("fresh_server")
        return Desk(tmp_path, make(), secret_service)
    return Desk(tmp_path, request.getfixturevalue("account_server"), secret_service)


def ends(page: Path, line: Line) -> set[int]:
    """The exit codes that are fine: here nobody may be signed in, and doctor may find something."""
    if line.command == "loopin doctor":
        return {0, 7}
    signed_out = "not signed in" in line.shown or page.stem == "configuration"
    return {0, 3} if signed_out else {0}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_story_of_a_page_can_be_lived(page: Path, desk: Desk) -> None:
    if "secret-tool" in page.read_text(encoding="utf-8"):
        tool("secret-tool")
    if page.stem in SIGNED_IN:
        desk.signs_in()
    if page.stem == "server":
        desk.knows_no_server()
    for line in story(page):
        if FULL_SCREEN.match(line.command):
            continue
        done = desk.run(line.command)
        said = done.out + done.err
        assert done.code in ends(page, line), (line.command, said)
        assert "Traceback" not in said
        assert [words for words in line.shown if words not in said] == [], (line.command, said)


TOLD = ("PATH", "DBUS_", "XDG_", "PYTHON_KEYRING", "LOOPIN_", "CHAINLOOP_", "GUMLOOP_")
FULL = sorted({line.command for page in PAGES for line in story(page) if FULL_SCREEN.match(line.command)})


@pytest.mark.parametrize("command", [line for line in FULL if "--web" not in line])
def test_a_full_screen_command_opens_the_app(command: str, desk: Desk, terminal: Terminal) -> None:
    names = [name for name in desk.variables if name.startswith(TOLD)]
    script = desk.folder / "variables"
    script.write_text("".join(f"export {name}={shlex.quote(desk.variables[name])}\n" for name in names))
    terminal.type(f". {script}; clear")
    terminal.type(f"{command}; echo left=$?")
    terminal.see("Gumloop", "Chainloop", "help")
    terminal.press("C-c")
    terminal.press("C-c")
    terminal.see("left=0")


def commands_elsewhere() -> list[tuple[str, str]]:
    """(page, command line) of everything that is printed but not run."""
    pages = [*ROOT.glob("*.md"), *DOCS.glob("*.md")]
    return sorted(
        {
            (page.name, " ".join(found.split()))
            for page in pages
            if page.name != "CHANGELOG.md"
            for found in ELSEWHERE.findall(page.read_text(encoding="utf-8"))
        }
    )


@pytest.mark.parametrize(("page", "line"), commands_elsewhere())
def test_a_command_that_is_named_exists_with_its_options(page: str, line: str) -> None:
    command: click.Command = tree
    words = re.sub(r"[\[\]…]", " ", line.split(" -- ")[0]).split()[1:]
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0].rstrip(",.|"))
        assert found is not None, f"{page}: {line}"
        command = found
        words.pop(0)
    known = {
        name for param in [*command.params, *tree.params] for name in (*param.opts, *param.secondary_opts)
    }
    given = {word.partition("=")[0].rstrip(",.") for word in words if word.startswith("-") and len(word) > 1}
    assert given - known - {"-h", "--help"} == set(), f"{page}: {line}"


def test_generated_pages_are_current() -> None:
    """The man page and the settings table; run scripts/man.py."""
    run = subprocess.run(
        [sys.executable, "scripts/man.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_man_page_is_read_without_a_warning() -> None:
    groff = tool("groff")
    run = subprocess.run(
        [groff, "-man", "-Tutf8", "-ww", str(DOCS / "loopin.1")], capture_output=True, text=True, check=True
    )
    assert run.stderr == ""
    plain = re.sub(r".\x08", "", run.stdout)
    assert "loopin chainloop organization api-token revoke" in plain
