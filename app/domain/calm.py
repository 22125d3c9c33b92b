"""Making very many values at once without the garbage collector in between."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 5000
"""From so many values on, a pass of the garbage collector over them would be felt."""


@contextmanager
def calm(count: int) -> Iterator[None]:
    """No garbage collection while `count` values are made, nor over them afterwards.

    None of them is part of a cycle: they go when nobody needs them. A full collection looks at each all the
    same, and takes a tenth of a second for 100,000 of them.
    """
    if count < MANY or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
