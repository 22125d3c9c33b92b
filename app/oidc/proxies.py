"""The proxy on the way to a server: one decision for HTTP and for gRPC.

httpx and gRPC read the environment differently: gRPC's C core knows neither ALL_PROXY nor names in capitals,
and goes without a word past a proxy that it cannot use. So both are told what is decided here.
"""

import os
import re
import sys
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from app.domain.errors import LoopinError, Unreachable
from app.domain.loopback import is_loopback_host
from app.domain.text import clean

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_SYSTEM = "the system's settings"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy and the variable that names it. `url` may hold a password, so it never shows in a repr."""

    url: str = field(repr=False)
    scheme: str
    address: str
    source: str

    def __str__(self) -> str:
        """As a person may see it."""
        return f"{self.scheme}://{self.address} ({self.source})"


def proxy_for(url: str, *, grpc: bool = False) -> Proxy | None:
    """The proxy to `url`, None for the direct way; raise Unreachable where it cannot be used.

    HTTPS_PROXY or HTTP_PROXY counts by the scheme of `url`, then ALL_PROXY, and before them for gRPC its own
    grpc_proxy; a name in small letters before the one in capitals. A proxy without a scheme is http. NO_PROXY
    holds names, with everything below them, addresses and networks, each with or without a port, or `*`. This
    machine is never reached through a proxy.
    """
    try:
        target = urlsplit(url)
        host, port = (target.hostname or "").rstrip("."), target.port
    except ValueError:
        return None
    if not host or is_loopback_host(host):
        return None
    named = {kind: value.strip() for kind, value in _named_proxies().items()}
    kinds = (*(["grpc"] if grpc else []), target.scheme, "all")
    kind = next((kind for kind in kinds if named.get(kind)), "")
    if not kind or _bypassed(host, port or _PORTS.get(target.scheme), named.get("no", "")):
        return None
    return _read(named[kind], _source(kind), grpc)


def _named_proxies() -> dict[str, str]:
    """Proxies by kind, as the environment names them, else the system's settings on macOS and Windows."""
    if sys.platform not in {"darwin", "win32"} and not any(
        name.lower().endswith("_proxy") for name in os.environ
    ):
        return {}
    # Importing it takes longer than to connect; without a proxy nobody needs it.
    from urllib.request import getproxies

    return getproxies()


def unusable(source: str, why: str = "cannot be used") -> Unreachable:
    """The error for a proxy that is none, or of a kind that the library cannot use."""
    return Unreachable(
        f"the proxy that {source} names {why}",
        hint="write HTTPS_PROXY and ALL_PROXY as http://host:port, or unset them",
    )


def name_proxy(error: LoopinError, proxy: Proxy | None) -> LoopinError:
    """`error`, whose next step names the proxy where that may be the cause."""
    if proxy is not None and isinstance(error, Unreachable):
        error.hint = f"{error.hint}; the way leads through the proxy {proxy}".removeprefix("; ")
    return error


def _read(value: str, source: str, grpc: bool) -> Proxy:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise unusable(source) from None
    if parts.scheme not in _PORTS or not host or not value.isprintable() or " " in value:
        raise unusable(source)
    if grpc and parts.scheme != "http":
        raise unusable(source, f"is one for {parts.scheme}; gRPC goes through http proxies only")
    shown = f"[{host}]" if ":" in host else host
    address = f"{shown}:{port or _PORTS[parts.scheme]}"
    return Proxy(_url(parts, address), parts.scheme, clean(address, 100), source)


def _url(parts: SplitResult, address: str) -> str:
    person, at, _ = parts.netloc.rpartition("@")
    return f"{parts.scheme}://{person}{at}{address}"


def _source(kind: str) -> str:
    names = (f"{kind}_proxy", f"{kind.upper()}_PROXY")
    return next((name for name in names if os.environ.get(name, "").strip()), _SYSTEM)


def _bypassed(host: str, port: int | None, exceptions: str) -> bool:
    if any(_covers(entry, host, port) for entry in re.split(r"[,\s]+", exceptions) if entry):
        return True
    from urllib.request import proxy_bypass

    # What the settings of macOS and Windows leave out.
    return bool(proxy_bypass(host))


def _covers(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    name = entry.partition("://")[2] or entry
    try:
        return ip_address(host) in ip_network(name.strip("[]"), strict=False)
    except ValueError:
        pass
    if parsed := re.fullmatch(r"(.+?):(\d+)", name):
        name, only = parsed[1], int(parsed[2])
        if only != port:
            return False
    name = name.strip("[]").removeprefix("*").strip(".").lower()
    return bool(name) and (host.lower() == name or host.lower().endswith(f".{name}"))
