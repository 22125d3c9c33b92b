"""The HTTP client of tests."""

import ssl
from functools import cache
from typing import Any

import httpx

PATIENCE = 60.0


def http_client(base_url: str = "", **more: Any) -> httpx.Client:
    """Return a client that uses no proxy and is patient with a busy machine.

    All of them share one TLS context: httpx would load the system's authorities for each, and that takes
    longer than most requests.
    """
    usual: dict[str, Any] = {"trust_env": False, "timeout": PATIENCE, "verify": _authorities()}
    return httpx.Client(base_url=base_url, **(usual | more))


@cache
def _authorities() -> ssl.SSLContext:
    return ssl.create_default_context()
