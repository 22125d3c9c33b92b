"""Makes httpx clients, with the proxy that is on the way."""

from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from app.oidc.proxies import proxy_for, unusable

T = TypeVar("T")


def made(make: Callable[..., T], url: str, *, direct: bool = False, **options: Any) -> T:
    """Return `make(**options)`, an httpx client of any kind for the server of `url`, and no other.

    Raise Unreachable where the proxy on the way cannot be used. `direct` goes past all proxies.
    """
    proxy = None if direct else proxy_for(url)
    try:
        # httpx would read the variables while it is made, and fail over those that are not on the way.
        return make(proxy=proxy.url if proxy else None, trust_env=False, **options)
    except (ImportError, ValueError, httpx.InvalidURL):
        raise unusable(proxy.source if proxy else "the environment") from None
