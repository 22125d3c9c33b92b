"""What implements the ports of the domain: providers, keychain, HTTP, files, this machine."""

import sys

# httpx has a command line, which imports rich and pygments whenever click is installed: 42 of the 215 ms of a
# command with five requests. None tells Python that the module is missing, and httpx goes without.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None is allowed, typeshed does not know
