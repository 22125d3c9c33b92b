"""Real tools that a test needs: a missing one skips with its reason, or fails where all are required."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.scrub import REQUIRE

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


def tool(name: str, *alternatives: str) -> str:
    """Return the path of the program, else skip; fail under LOOPIN_TEST_REQUIRE=all."""
    found = next((path for candidate in (name, *alternatives) if (path := shutil.which(candidate))), None)
    return found or missing(f"{name} is not installed")


def foreign(program: str, folder: Path, *pins: str) -> Path:
    """Return the path of somebody else's Python program, which shares no environment with Loopin.

    From `.venv-PROGRAM`, else installed into `folder` from the wheels that pip was pointed to; else skip.
    """
    prepared = ROOT / f".venv-{program}" / "bin" / program
    if prepared.exists():
        return prepared
    wanted = " ".join(pins)
    if not os.environ.get("PIP_FIND_LINKS"):
        missing(f"there is no .venv-{program} with {wanted}")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=PATIENCE)
    # Never from the network: only from the folder that was filled before.
    install = [str(folder / "bin" / "pip"), "install", "-q", "--no-index", *pins]
    if subprocess.run(install, capture_output=True, timeout=2 * PATIENCE, check=False).returncode:
        missing(f"no .venv-{program}, and pip finds no {wanted} in PIP_FIND_LINKS")
    return folder / "bin" / program


def missing(reason: str) -> NoReturn:
    """Skip, or fail where everything is required."""
    if os.environ.get(REQUIRE) == "all":
        pytest.fail(f"required: {reason}")
    pytest.skip(reason)
