"""The world outside, one package each: what implements the ports of the domain."""

import sys
from importlib.util import find_spec

# httpx brings a command line, and loads it with rich and pygments whenever click is installed. That takes
# longer than the rest of httpx, and nobody here uses it. None is how Python is told that a module is missing;
# httpx then goes without.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None is allowed, typeshed does not know
# httpcore and anyio ask for sniffio a dozen times in each request, and do without it where it is missing.
# Python would look through all folders each time.
if "sniffio" not in sys.modules and find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # as above
