"""textual-serve's server with our page, our policy, and nobody else's scripts."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from textual_serve.server import Server

from app.demo.browser import is_ours, policy

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Pages(Server):
    """Says where it serves, in one line."""

    def initialize_logging(self) -> None:
        """The terminal stays quiet."""

    async def on_startup(self, app: web.Application) -> None:
        """Tell the person where to look."""
        print(f"The demo is at {self.public_url}\nctrl+c ends it.", flush=True)  # noqa: T201 - a command's output

    async def _make_app(self) -> web.Application:
        app: web.Application = await super()._make_app()
        address, rules = self.public_url, policy(self.public_url)

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not is_ours(request, address):
                raise web.HTTPForbidden(text="This address is for the demo's own page.")
            return await handler(request)

        async def sign(request: web.Request, response: web.StreamResponse) -> None:
            response.headers["Content-Security-Policy"] = rules
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Referrer-Policy"] = "no-referrer"

        app.middlewares.append(guard)
        app.on_response_prepare.append(sign)
        return app
