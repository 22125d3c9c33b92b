"""Makes httpx clients; a proxy setting that none can be made with is told as such."""

from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from app.domain.errors import Unreachable

T = TypeVar("T")


def made(make: Callable[..., T], **options: Any) -> T:
    """Return `make(**options)`, an httpx client of any kind; raise Unreachable when httpx refuses.

    It reads HTTPS_PROXY and its like while a client is made, and raises what its parsers raise.
    """
    try:
        return make(**options)
    except (ImportError, ValueError, httpx.InvalidURL):
        raise Unreachable(
            "the proxy that the environment names cannot be used",
            hint="write HTTPS_PROXY and ALL_PROXY as http://host:port, or unset them",
        ) from None
