"""The vendor's published `gumloop` command, in a virtual environment of its own."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cli import Result, ran
from tests.support.require import foreign

_PINS = ("gumloop", "typer<0.26")
Vendor = Callable[..., Result]


@pytest.fixture(scope="session")
def gumloop_command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its path: from .venv-gumloop, else installed from the wheels that pip was pointed to."""
    return foreign("gumloop", tmp_path_factory.mktemp("vendor"), *_PINS)


@pytest.fixture
def vendor(gumloop_command: Path) -> Vendor:
    """Run the command; variables are laid over this process's environment."""

    def run(*arguments: str, stdin: str | None = None, **environment: str) -> Result:
        return ran([str(gumloop_command), *arguments], {**os.environ, **environment}, stdin=stdin)

    return run
