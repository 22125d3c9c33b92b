"""Shared fixtures live in tests/support, one file a subject."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from tests.support import passwords
from tests.support.pace import ON_THE_CALLBACK_PORT

# How long one example takes says more about the machine than about the rule.
settings.register_profile("loopin", deadline=None)
settings.load_profile("loopin")

passwords.make_cheap()

pytest_plugins = [
    "tests.support.chromium",
    "tests.support.gumloop_stub",
    "tests.support.network",
    "tests.support.postgres",
    "tests.support.databases",
    "tests.support.server",
    "tests.support.terminal",
    "tests.support.vaults",
    # After the ones that they import themselves.
    "tests.support.cli",
    "tests.support.gumloop",
    "tests.support.vendor",
    "tests.support.chainloop",
    "tests.support.organizations",
]

LOCK = Path(tempfile.gettempdir()) / f"loopin-tests-{os.getuid()}.lock"


@pytest.fixture(autouse=True)
def callback_port(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where two runs share a machine, the tests on the callback port take turns."""
    if not request.node.nodeid.startswith(ON_THE_CALLBACK_PORT):
        yield
        return
    with FileLock(LOCK):
        yield
