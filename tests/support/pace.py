"""How fast a run goes: more workers than cores, tests that take turns on one worker, no needless rests.

Loaded before xdist reads its options, so it is named beside `tests.support.scrub` and not in a conftest.
"""

import os
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

# Two of three tests wait for another process or for a screen, half of their time.
WORKERS_A_CORE = 1.5
# A pilot rests until the app used less than a twentieth of a rest. A shorter rest tells the same, and the
# tests of screens are mostly rests. Textual's own is 1/50 s.
REST = 1 / 200
# These hold the one port that Gumloop's own command uses, so only one of them can run.
PORT = "callback port"
ON_THE_CALLBACK_PORT = (
    "tests/docs/test_stories.py",
    "tests/integration/gumloop/",
    "tests/integration/doctor/",
    "tests/faults/",
)


def pytest_configure() -> None:
    """Shorten the rests of every pilot."""
    from textual import _wait

    _wait.SLEEP_GRANULARITY = REST
    _wait.SLEEP_IDLE = REST / 20


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A worker gets a whole file; one gets every file on the callback port, so nobody waits for a turn."""
    made: Any = LoadFileScheduling(config, log)
    file_of = made._split_scope
    made._split_scope = lambda node: PORT if node.startswith(ON_THE_CALLBACK_PORT) else file_of(node)
    return made


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers() -> int:
    """Say what `-n auto` means."""
    return max(2, round(len(os.sched_getaffinity(0)) * WORKERS_A_CORE))
