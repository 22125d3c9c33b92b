"""Request headers that HTTP and gRPC share: `Authorization` (RFC 6750) and `X-Forwarded-For`."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
_CHALLENGE = 'Bearer realm="loopin"'
# The least that one customer gets (RFC 6177 §2): within it addresses can be chosen freely.
_IPV6_PREFIX = 64
# An entry of a proxy that adds the port; an IPv6 address without brackets has none.
_WITH_PORT = re.compile(r"\[(?P<v6>[^\[\]]+)\](?::[0-9]{1,5})?|(?P<v4>[0-9.]+):[0-9]{1,5}")


def read_bearer(authorization: str) -> str:
    """The bearer token in an Authorization header (RFC 6750 §2.1); empty without one."""
    scheme, _, value = authorization.partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def bearer_challenge(authorization: str) -> str:
    """The WWW-Authenticate header of a 401: an error only where a token was sent (RFC 6750 §3, §3.1)."""
    return f'{_CHALLENGE}, error="invalid_token"' if read_bearer(authorization) else _CHALLENGE


def equal_secrets(given: str, expected: str) -> bool:
    """Compare in constant time. Hashed first, so that the time does not depend on the length either."""
    first, second = (hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in (given, expected))
    return secrets.compare_digest(first, second)


def client_address(peer: str, forwarded: str, trusted: Iterable[Network]) -> str:
    """The client's address, from the connection's `peer` and an X-Forwarded-For header of trusted proxies.

    The header is read from its end, as long as the address before was a trusted proxy: entries that a client
    wrote are further left. An entry may have a port, which is left out.
    """
    networks = tuple(trusted)
    address = _parse(peer)
    for hop in reversed(forwarded.split(",")):
        if address is None or not any(address in network for network in networks):
            break
        previous = _parse(hop.strip())
        if previous is None:
            break
        address = previous
    return str(address) if address is not None else peer[:64]


def counted_network(address: str) -> str:
    """What rate limits count: an IPv4 address, or the /64 network of an IPv6 address."""
    parsed = _parse(address)
    if not isinstance(parsed, IPv6Address):
        return str(parsed) if parsed is not None else address[:64]
    return str(IPv6Network((parsed, _IPV6_PREFIX), strict=False))


# The same clients come back: most addresses have been read before.
@lru_cache(maxsize=4096)
def _parse(value: str) -> IPv4Address | IPv6Address | None:
    if match := _WITH_PORT.fullmatch(value):
        value = match["v6"] or match["v4"]
    try:
        address = ip_address(value)
    except ValueError:
        return None
    if not isinstance(address, IPv6Address):
        return address
    # Without the zone: a name on the proxy's machine, which can be any text.
    return address.ipv4_mapped or IPv6Address(int(address))
