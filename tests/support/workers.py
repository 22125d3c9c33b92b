"""How many processes run the tests, and in which order they get them.

Loaded before xdist reads its options, so it is named beside `tests.support.scrub` and not in a conftest.
"""

import os

import pytest

WORKERS_PER_CORE = 1.5
"""Many tests wait for another process or for a screen, so a core can serve more than one worker."""


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers() -> int:
    """Say what `-n auto` means."""
    return max(2, round(len(os.sched_getaffinity(0)) * WORKERS_PER_CORE))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no worker is left with it; start a browser once a file."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    for item in items:
        in_browser = "chromium" in getattr(item, "fixturenames", ())
        if in_browser and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(f"chromium in {item.path.name}"))
