"""The organization on the web, in the person's browser."""

from app.domain.errors import UsageError
from app.domain.ports import Browser
from app.domain.server_info import is_page
from app.services.ask_server import AskServer


class OpenDashboard:
    """Opens the web pages that the control plane says it has."""

    def __init__(self, ask: AskServer, browser: Browser) -> None:
        self._ask = ask
        self._browser = browser

    async def do(self) -> str:
        """Open them and return the browser's name; raise UsageError when there are none to open."""
        address = (await self._ask.do()).dashboard_url
        if not address:
            raise UsageError("this control plane names no dashboard", hint="everything can be done here")
        if not is_page(address):
            raise UsageError(
                "what this control plane names as its dashboard is no page", hint="it was not opened"
            )
        return await self._browser.open(address)
