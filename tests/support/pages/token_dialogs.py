"""Small dialogs: all of one token, the order, saved filters, the keyless way, a file of what is listed."""

from typing import Any, ClassVar

from textual.screen import Screen
from textual.widgets import Input

from app.tui.screens.dialogs.export_file import ExportDialog
from app.tui.screens.tokens.ci_job_dialog import CIJobDialog
from app.tui.screens.tokens.dialogs import SortDialog, TokenDialog
from app.tui.screens.tokens.saved_filters import SavedFiltersDialog
from tests.support.pages.page import DialogPage


class DetailPage(DialogPage):
    """All that is known of one token."""

    KIND = TokenDialog


class SortPage(DialogPage):
    """The orders; the one in force is highlighted."""

    KIND = SortDialog

    async def take(self, *keys: str) -> None:
        """Move with `keys`, and take the order."""
        await self.press(*keys, "enter")


class SavedFiltersPage(DialogPage):
    """Filters that have a name."""

    KIND = SavedFiltersDialog

    async def save_as(self, name: str) -> None:
        """Give the filter in force a name."""
        await self.fill("#saved-name", name)
        await self.press("enter")

    async def forget(self) -> None:
        """Forget the one that is highlighted."""
        await self.press("delete")


class KeylessWayPage(DialogPage):
    """A job that needs no token."""

    KIND = CIJobDialog


class ExportPage(DialogPage):
    """A format and a path."""

    KIND: ClassVar[type[Screen[Any]]] = ExportDialog

    def path(self) -> str:
        """What stands in the field."""
        return self.find("#export-path", Input).value

    async def next_format(self) -> None:
        """The format after this one."""
        await self.press("right")

    async def previous_format(self) -> None:
        """The format before this one."""
        await self.press("left")

    async def write_to(self, path: str) -> None:
        """Paste a path, and write there."""
        field = self.find("#export-path", Input)
        field.value = path
        field.focus()
        await self.press("enter")

    async def click_write(self, path: str) -> None:
        """Paste a path, and click the button."""
        await self.fill("#export-path", path)
        await self.click("#yes")


class ExportActivityPage(ExportPage):
    """The same for the trail."""

    KIND = ExportDialog
