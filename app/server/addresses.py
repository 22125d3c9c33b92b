"""The address a request came from, through trusted proxies only, and what a limit counts of it."""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
# Of an IPv6 address: what one customer has at least, and may choose freely in (RFC 6177 §2).
_PREFIX = 64
# As proxies write an entry that has a port; without brackets an IPv6 address has none.
_WITH_PORT = re.compile(r"\[(?P<v6>[^\[\]]+)\](?::[0-9]{1,5})?|(?P<v4>[0-9.]+):[0-9]{1,5}")


def client_address(peer: str, forwarded: str, trusted: Iterable[Network]) -> str:
    """`peer` is who connected, `forwarded` the X-Forwarded-For header.

    The header is read from its end, for as long as the address before was a trusted proxy; what a client
    wrote itself is further left and never reached. An entry may have a port, which is left out.
    """
    networks = tuple(trusted)
    current = _parse(peer)
    for hop in reversed(forwarded.split(",")):
        if current is None or not any(current in network for network in networks):
            break
        before = _parse(hop.strip())
        if before is None:
            break
        current = before
    return str(current) if current is not None else peer[:64]


def counted_network(address: str) -> str:
    """What a limit per address counts: an IPv4 address, or the /64 network of an IPv6 address."""
    parsed = _parse(address)
    if not isinstance(parsed, IPv6Address):
        return str(parsed) if parsed is not None else address[:64]
    return str(IPv6Network((parsed, _PREFIX), strict=False))


# A client comes back: most addresses have been read before.
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
    # A zone is a name on the proxy's machine, and any text.
    return address.ipv4_mapped or IPv6Address(int(address))
