"""`loopin demo --web`: the demo in a browser, on loopback, through textual-serve.

Each page is a demo of its own: a sample server and an app, which end with the page. Nothing is fetched
from anywhere else: textual-serve's page pulls a font from the web, so it is replaced, and a policy forbids
the rest.
"""

import os
import shlex
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.domain.errors import PortBusy, UsageError

if TYPE_CHECKING:
    from aiohttp import web

HOST = "127.0.0.1"
TITLE = "Loopin demo"
TEMPLATES = Path(__file__).parent


def need_web() -> None:
    """Raise UsageError where the extra is not installed."""
    if find_spec("textual_serve") is None:
        raise UsageError(
            "the demo in a browser needs textual-serve, which is not installed",
            hint="install it with: pip install 'loopin[server,web]'",
        )


def serve(port: int, arguments: tuple[str, ...] = ()) -> int:
    """Serve `loopin demo ARGUMENTS` on `port` (0 = any) until ctrl+c; return the exit code."""
    need_web()
    from app.demo.browser.pages import Pages

    port = _free(port)
    # The children find the package where this process did.
    os.environ["PYTHONPATH"] = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    command = shlex.join([sys.executable, "-m", "app", "demo", *arguments])
    pages = Pages(command, host=HOST, port=port, title=TITLE, templates_path=TEMPLATES)
    pages.serve()
    return 0


def _free(port: int) -> int:
    """The port itself, or a free one for 0; raise PortBusy where somebody has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise PortBusy(f"port {port} is taken", hint="choose another with --port, or 0 for any") from None
        return int(probe.getsockname()[1])


def policy(address: str) -> str:
    """The Content-Security-Policy of the page: this server only (CSP level 3)."""
    socket_address = address.replace("http:", "ws:", 1)
    rules: dict[str, Any] = {
        "default-src": "'none'",
        "script-src": "'self'",
        # xterm.js writes styles of its own.
        "style-src": "'self' 'unsafe-inline'",
        "font-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": f"'self' {socket_address}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def is_ours(request: "web.Request", address: str) -> bool:
    """Only this page may drive the app: another site's script could reach a port on loopback, too."""
    host = address.removeprefix("http://")
    origin = request.headers.get("Origin", address)
    return request.headers.get("Host") == host and origin == address
