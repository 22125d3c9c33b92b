"""Building very many values without the garbage collector in between.

Asked for by the longest stop of the event loop at 100,000 tokens (docs/performance.md): a full collection
looks at every value, which takes a tenth of a second.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 5000
"""From so many values on, a collection would be felt."""


@contextmanager
def pause_gc(count: int) -> Iterator[None]:
    """Collect no garbage while `count` values are built, nor look at them afterwards.

    They must not be part of a cycle: they are freed by their reference counts. Garbage that is there before
    is collected first, since what is frozen is never looked at again.
    """
    if count < MANY or not gc.isenabled():
        yield
        return
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
