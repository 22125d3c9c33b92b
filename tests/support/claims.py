"""JWT claims whose times are computed when a token is made.

A table of tests is built at collection, long before its last row runs.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FromNow:
    """A NumericDate (RFC 7519 section 2) so many seconds after the token is made; before it when negative."""

    seconds: int


def with_times(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims with each `FromNow` replaced by its NumericDate."""
    now = int(time.time())
    return {
        name: now + value.seconds if isinstance(value, FromNow) else value for name, value in claims.items()
    }
