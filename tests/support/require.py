"""Real tools that a test needs: a missing one skips with its reason, or fails where all are required."""

import os
import shutil
from typing import NoReturn

import pytest

from tests.support.scrub import REQUIRE


def tool(name: str, *alternatives: str) -> str:
    """Return the path of the program, else skip; fail under LOOPIN_TEST_REQUIRE=all."""
    found = next((path for candidate in (name, *alternatives) if (path := shutil.which(candidate))), None)
    return found or missing(f"{name} is not installed")


def missing(reason: str) -> NoReturn:
    """Skip, or fail where everything is required."""
    if os.environ.get(REQUIRE) == "all":
        pytest.fail(f"required: {reason}")
    pytest.skip(reason)
