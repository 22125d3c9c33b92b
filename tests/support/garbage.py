"""Fewer passes of the garbage collector: an app is a cycle of some 10,000 objects; pytest keeps many more.

With Python's thresholds a sixth of the CPU time of the tests of screens goes into looking for garbage.
"""

import gc

import pytest

THRESHOLDS = (20_000, 10, 10)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: never look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
