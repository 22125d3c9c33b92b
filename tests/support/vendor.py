"""The vendor's published `gumloop` command, in a virtual environment of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cli import Result
from tests.support.require import missing
from tests.support.server import ROOT

PATIENCE = 60.0
_PINS = ("gumloop", "typer<0.26")
Vendor = Callable[..., Result]


@pytest.fixture(scope="session")
def gumloop_command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its path: from .venv-gumloop, else installed from the wheels that pip was pointed to."""
    prepared = ROOT / ".venv-gumloop" / "bin" / "gumloop"
    if prepared.exists():
        return prepared
    if not os.environ.get("PIP_FIND_LINKS"):
        missing(f"there is no .venv-gumloop with {' '.join(_PINS)}")
    folder = tmp_path_factory.mktemp("vendor")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=PATIENCE)
    # Never from the network: only from the folder that was filled before.
    install = [str(folder / "bin" / "pip"), "install", "-q", "--no-index", *_PINS]
    if subprocess.run(install, capture_output=True, timeout=2 * PATIENCE, check=False).returncode:
        missing(f"no .venv-gumloop, and pip finds no {' '.join(_PINS)} in PIP_FIND_LINKS")
    return folder / "bin" / "gumloop"


@pytest.fixture
def vendor(gumloop_command: Path) -> Vendor:
    """Run the command; variables are laid over this process's environment."""

    def run(*arguments: str, stdin: str | None = None, **environment: str) -> Result:
        done = subprocess.run(
            [str(gumloop_command), *arguments],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL if stdin is None else None,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run
