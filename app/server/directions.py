"""What a person's Loopin is told to reach this server."""

import shlex
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.domain.loopback import is_loopback_host
from app.server.settings import ServerSettings


@dataclass(frozen=True, slots=True)
class Directions:
    """The server as its people name it: `http` a base URL, `grpc` host and port, empty when nobody said."""

    http: str
    grpc: str = ""

    @property
    def _plain(self) -> bool:
        return self.http.startswith("http://")

    @property
    def gumloop(self) -> str:
        """The command that signs in to the Gumloop half."""
        return f"loopin gumloop login --method oauth --base-url {shlex.quote(self.http)}/api/v1"

    @property
    def chainloop(self) -> str:
        """The command that signs in to the Chainloop half; empty without `grpc`."""
        plain = " --insecure" if self._plain else ""
        return f"loopin chainloop auth login --control-plane {self.grpc}{plain}" if self.grpc else ""

    @property
    def variables(self) -> tuple[str, ...]:
        """The same as NAME=value, for a shell or a service."""
        gumloop = f"GUMLOOP_BASE_URL={shlex.quote(self.http)}/api/v1"
        if not self.grpc:
            return (gumloop,)
        plain = ("CHAINLOOP_API_INSECURE=true",) if self._plain else ()
        return (gumloop, f"CHAINLOOP_CONTROL_PLANE_API={self.grpc}", *plain)


def directions(settings: ServerSettings, http: str, grpc: str) -> Directions:
    """To a server that listens at `http` (a base URL) and `grpc` (host and port).

    Behind a proxy only `public_grpc` tells where its gRPC side is.
    """
    public = settings.public_url.rstrip("/")
    if settings.public_grpc or not public:
        return Directions(public or http, settings.public_grpc or grpc)
    if settings.trusted_proxies or is_loopback_host(settings.host):
        return Directions(public)
    host = urlsplit(public).hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return Directions(public, f"{shown}:{grpc.rpartition(':')[2]}")
