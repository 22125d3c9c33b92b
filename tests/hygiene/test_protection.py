"""From its first line on the process keeps its files and memory to itself; its children get theirs back."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import Loopin
from tests.support.server import ROOT

pytestmark = pytest.mark.slow

_SHOW = (
    "import os, resource; mask = os.umask(0); print(oct(mask), resource.getrlimit(resource.RLIMIT_CORE)[0], "
    "open('/proc/self/coredump_filter').read().strip())"
)
TOKEN = {"CHAINLOOP_TOKEN": "not-a-real-chainloop-token"}


@pytest.fixture
def loose() -> "tuple[int, str]":
    """What a person's shell may have set: files for everyone, core dumps as large as the system allows."""
    if not Path("/proc/self/coredump_filter").exists():
        pytest.skip("only Linux tells what a core dump contains")
    return resource.getrlimit(resource.RLIMIT_CORE)[1], "00000033"


# A program of its own that turns into the real one: a `preexec_fn` would run in a fork of this process, whose
# other threads (gRPC's, of other tests) it must not meet.
_LOOSELY = """
import os, resource, sys
os.umask(0o022)
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
with open("/proc/self/coredump_filter", "w") as file:
    file.write("0x33")
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def _run(*arguments: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _LOOSELY, *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.usefixtures("loose")
def test_the_command_runs_with_private_files_and_empty_core_dumps(loopin: Loopin) -> None:
    """`app.__main__` itself, asked from within by a command that prints what it runs with."""
    program = (
        "import app.__main__, app.cli.start as start\n"
        f"start.open_app = lambda: exec({_SHOW!r})\n"
        "app.__main__.main([])"
    )
    assert _run("-c", program, environment=loopin.variables()) == "0o77 0 00000000"


@pytest.mark.parametrize("masking", [(), ("--no-masking",)], ids=["piped", "in our place"])
def test_a_persons_own_program_gets_its_own_limits_back(
    loopin: Loopin, loose: tuple[int, str], masking: tuple[str, ...]
) -> None:
    child = ("run", *masking, "--", sys.executable, "-c", _SHOW)
    said = _run("-m", "app", *child, environment=loopin.variables(**TOKEN))
    hard, unfiltered = loose
    assert said == f"0o22 {hard} {unfiltered}"


@pytest.mark.usefixtures("loose")
def test_a_browser_makes_files_as_its_person_wants_them(tmp_path: Path) -> None:
    """What it downloads later is nothing of ours."""
    browser, told = tmp_path / "my-browser", tmp_path / "umask"
    browser.write_text(f"#!/bin/sh\numask > {told}\n")
    browser.chmod(0o755)
    program = (
        "import asyncio\n"
        "from app.adapters.system import browser, hardening as protection\n"
        "protection.protect()\n"
        f"opening = browser.SystemBrowser({{'BROWSER': {str(browser)!r}, 'PATH': '/bin:/usr/bin'}})\n"
        "asyncio.run(opening.open('http://127.0.0.1:1/'))"
    )
    _run("-c", program, environment=dict(os.environ))
    assert told.read_text().strip() == "0022"


@pytest.mark.usefixtures("loose")
def test_a_program_that_cannot_be_started_leaves_the_protection_in_force() -> None:
    program = (
        "from app.adapters.system import hardening as protection\n"
        "protection.protect()\n"
        "try:\n"
        "    with protection.lifted(): raise OSError\n"
        "except OSError: pass\n"
        f"exec({_SHOW!r})"
    )
    assert _run("-c", program, environment=dict(os.environ)) == "0o77 0 00000000"


@pytest.mark.usefixtures("loose")
def test_a_log_is_private_whatever_the_umask(tmp_path: Path) -> None:
    program = (
        f"import pathlib; from app.cli import debug; debug.start(pathlib.Path({str(tmp_path / 'log')!r}))"
    )
    _run("-c", program, environment=dict(os.environ))
    (log,) = (tmp_path / "log").iterdir()
    assert [path.stat().st_mode & 0o777 for path in (log.parent, log)] == [0o700, 0o600]


def test_a_log_and_a_new_folder_are_private_without_a_umask_of_ones_own(loopin: Loopin) -> None:
    """Every file that a run leaves behind, whatever wrote it."""
    loopin("status", "--debug")
    left = [path for path in loopin.folder.rglob("*") if path.parent != loopin.folder]
    assert left
    assert [str(path) for path in loopin.folder.rglob("*") if path.stat().st_mode & 0o077] == []
