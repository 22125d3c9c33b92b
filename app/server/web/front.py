"""The front page, the metrics and the OpenAPI document; and this server's public addresses."""

import shlex
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, render_template
from flask.typing import ResponseReturnValue

from app.domain.loopback import is_loopback_host
from app.server.core.monitoring import CONTENT_TYPE
from app.server.settings import ServerSettings
from app.server.web import openapi
from app.server.web.browser_session import find_browser, services

pages = Blueprint("front", __name__)


@dataclass(frozen=True, slots=True)
class PublicAddresses:
    """Where people reach this server: `http` is a base URL, `grpc` host and port; empty when unknown."""

    http: str
    grpc: str = ""

    @property
    def _is_plain(self) -> bool:
        return self.http.startswith("http://")

    @property
    def gumloop_login(self) -> str:
        """The command that signs in to Gumloop."""
        return f"loopin gumloop login --method oauth --base-url {shlex.quote(self.http)}/api/v1"

    @property
    def chainloop_login(self) -> str:
        """The command that signs in to Chainloop; empty without `grpc`."""
        insecure = " --insecure" if self._is_plain else ""
        return f"loopin chainloop auth login --control-plane {self.grpc}{insecure}" if self.grpc else ""

    @property
    def variables(self) -> tuple[str, ...]:
        """The same as NAME=value, for a shell or a service."""
        gumloop = f"GUMLOOP_BASE_URL={shlex.quote(self.http)}/api/v1"
        if not self.grpc:
            return (gumloop,)
        insecure = ("CHAINLOOP_API_INSECURE=true",) if self._is_plain else ()
        return (gumloop, f"CHAINLOOP_CONTROL_PLANE_API={self.grpc}", *insecure)


def public_addresses(settings: ServerSettings, http: str, grpc: str) -> PublicAddresses:
    """The addresses of a server that listens at `http` (a base URL) and `grpc` (host and port).

    Behind a proxy only the setting `public_grpc` says where gRPC is.
    """
    public = settings.public_url.rstrip("/")
    if settings.public_grpc or not public:
        return PublicAddresses(public or http, settings.public_grpc or grpc)
    if settings.trusted_proxies or is_loopback_host(settings.host):
        return PublicAddresses(public)
    host = urlsplit(public).hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return PublicAddresses(public, f"{shown}:{grpc.rpartition(':')[2]}")


@pages.get("/")
def index() -> ResponseReturnValue:
    """What this server is, and how to sign in to it."""
    addresses: PublicAddresses = current_app.extensions["loopin.addresses"]
    place = urlsplit(addresses.http).netloc
    return render_template("front.html", place=place, addresses=addresses, browser=find_browser())


@pages.get("/metrics")
def metrics() -> Response:
    """Metrics for Prometheus."""
    return Response(services().metrics.text(), content_type=CONTENT_TYPE)


@pages.get("/openapi.json")
def openapi_document() -> ResponseReturnValue:
    """The HTTP endpoints as OpenAPI."""
    addresses: PublicAddresses = current_app.extensions["loopin.addresses"]
    return openapi.describe(addresses.http, services().settings.provider is not None)
