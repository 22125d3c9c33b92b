"""Authlib's OAuth client, on httpx."""

import sys
import warnings
from typing import Any


def client_class() -> Any:
    """Authlib's asynchronous client class; loaded on first use.

    Authlib takes httpx2 where that is installed, with exception classes of its own, and warns where it is
    not. Loopin speaks httpx everywhere, so httpx2 is hidden while Authlib looks, and that one warning is
    dropped.
    """
    from authlib.deprecate import AuthlibDeprecationWarning

    missing = object()
    seen = sys.modules.get("httpx2", missing)
    sys.modules["httpx2"] = None  # type: ignore[assignment]  # what makes `import httpx2` an ImportError
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*httpx.*", AuthlibDeprecationWarning)
            from authlib.integrations.httpx_client import AsyncOAuth2Client
    finally:
        if seen is missing:
            del sys.modules["httpx2"]
        else:
            sys.modules["httpx2"] = seen  # type: ignore[assignment]  # put back what was there
    return AsyncOAuth2Client
