"""The address a request came from, through trusted proxies only."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


def client_address(peer: str, forwarded: str, trusted: Iterable[Network]) -> str:
    """`peer` is who connected, `forwarded` the X-Forwarded-For header.

    The header is read from its end, for as long as the address before was a trusted proxy; what a client
    wrote itself is further left and never reached.
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


def _parse(value: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(value)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
