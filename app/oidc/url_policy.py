"""Which addresses an issuer may live at: none in the inner network (CWE-918)."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from app.domain.errors import UsageError
from app.domain.loopback import is_loopback_host
from app.domain.text import clean

AGAIN = "check the issuer's address; if it is right, the issuer is out of order: try again later"
"""The next step after an answer that is none."""

MAX_URL = 2000
_Address = IPv4Address | IPv6Address
# Translates to IPv4 on the way (RFC 6052 §2.1).
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class URLPolicy:
    """Where a document may be read from.

    `loopback` allows this machine, and plain http on it; `private` allows private networks (RFC 1918,
    RFC 4193). `pinned` resolves the name first, checks every address and connects to one of those, so that
    a name cannot point elsewhere a moment later; without it the system connects, through a proxy if one is
    configured. Link-local addresses, where clouds keep their credentials, are never reached when pinned.
    """

    loopback: bool
    private: bool
    pinned: bool


# A CI job asks its own CI system, wherever that lives.
CLIENT_POLICY = URLPolicy(loopback=True, private=True, pinned=False)


def server_policy(*, development: bool, private: bool = False) -> URLPolicy:
    """What the account server may connect to: this machine only in `development`."""
    return URLPolicy(loopback=development, private=private, pinned=True)


def check_url(url: str, policy: URLPolicy) -> SplitResult:
    """Split `url`, or raise UsageError saying why it is not asked: https, or http on loopback."""
    shown = clean(url, 120)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError(f"{shown} is not an address", hint="write it like https://gitlab.example") from None
    if (
        not host
        or port == 0
        or len(url) > MAX_URL
        or not url.isascii()
        or not url.isprintable()
        or " " in url
    ):
        raise UsageError(f"{shown} is not an address", hint="write it like https://gitlab.example")
    if parts.username or parts.password or parts.fragment:
        raise UsageError("an issuer's address carries neither a login nor a fragment", hint="leave them out")
    if parts.scheme == "https" or (parts.scheme == "http" and policy.loopback and is_loopback_host(host)):
        return parts
    where = "https, or http on this machine" if policy.loopback else "https"
    raise UsageError(f"{shown} is not asked: the address must begin with https", hint=f"use {where}")


def explain_refusal(address: str, policy: URLPolicy) -> str:
    """Say in one clause why a resolved address is not connected to; empty when it may be."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return "it is not an address"
    for each in _embedded_addresses(found):
        if why := _explain(each, policy):
            return why
    return ""


def _explain(address: _Address, policy: URLPolicy) -> str:
    if address.is_loopback:
        return "" if policy.loopback else "it is this machine itself"
    if address.is_link_local:
        return "it is link-local"
    if address.is_multicast or address.is_unspecified:
        return "no server can have it"
    if address.is_private:
        return "" if policy.private else "it is in a private network"
    return "" if address.is_global else "it is not public"


def _embedded_addresses(address: _Address) -> list[_Address]:
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    inner: list[_Address] = [address]
    if address.sixtofour:
        inner.append(address.sixtofour)
    if address in _NAT64:
        inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return inner
