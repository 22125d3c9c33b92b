"""The rooms behind the number keys: auto-revoke and activity; `tokens.py` has the third."""

from typing import Any, ClassVar

from textual.screen import Screen
from textual.widgets import Button, Input, OptionList, Static

from app.tui.screens.activity.screen import ActivityScreen
from app.tui.screens.auto_revoke.save_dialog import ConfirmThreshold
from app.tui.screens.auto_revoke.screen import AutoRevokeScreen
from tests.support.pages.page import DialogPage, Page
from tests.support.pages.token_dialogs import ExportActivityPage
from tests.support.pilot import settle
from widgets.choice_bar import ChoiceBar
from widgets.content_state import ContentState
from widgets.histogram import Histogram
from widgets.threshold_picker import ThresholdPicker
from widgets.virtual_table import VirtualTable


class RoomPage(Page):
    """A room, whatever dialog stands over it."""

    KIND: ClassVar[type[Screen[Any]]]

    @property
    def room(self) -> Screen[Any]:
        """The room under the dialogs."""
        return next(screen for screen in self.app.screen_stack if isinstance(screen, self.KIND))

    async def ready(self) -> None:
        """Wait until it has read what it shows, and knows who is signed in."""
        await super().ready()
        await self.listed()

    async def listed(self) -> None:
        """Wait until the room has read what it shows."""
        await self.until(lambda: self.room.query(ContentState) and self.state() != "loading")

    def state(self) -> str:
        """loading, filled, empty or error."""
        return self.room.query_one(ContentState).state

    async def note_button(self) -> None:
        """Click the button under the sentence that stands where the list would be."""
        await self.click("#state-note Button")

    async def refresh(self) -> None:
        """Read it again."""
        await self.press("r")

    @property
    def table(self) -> "VirtualTable[Any]":
        """The list of the room."""
        return self.room.query_one(VirtualTable)


_FIELD = "ThresholdPicker Input"


class AutoRevokePage(RoomPage):
    """The threshold, and what it would revoke."""

    KIND = AutoRevokeScreen

    async def threshold(self, days: str) -> None:
        """Put a number into the field."""
        await self.fill(_FIELD, days)

    def days(self) -> str:
        """What stands in the field."""
        return self.find(_FIELD, Input).value

    def preset(self) -> int | None:
        """Which preset is chosen, None for none of them."""
        return self.find("#threshold-presets", ChoiceBar).chosen

    def is_on(self) -> bool:
        """What the switch says."""
        return self.find("#threshold-switch", ChoiceBar).chosen == 1

    def marked(self) -> int | None:
        """The threshold in the drawing of idle times."""
        return self.find(Histogram.__name__, Histogram).threshold

    def can_save(self) -> bool:
        """True when the button can be pressed; the key in the footer says the same."""
        return self.enabled("#save")

    def falling(self) -> set[str]:
        """Names of the tokens that the threshold would revoke."""
        return {token.name for token in self.table.rows}

    def fates(self) -> str:
        """The line that counts what happens to whom."""
        return str(self.find("#partition-fates", Static).visual)

    async def lower(self) -> None:
        """One preset down."""
        await self.press("left")

    async def higher(self) -> None:
        """One preset up."""
        await self.press("right")

    async def day_less(self) -> None:
        """One day down."""
        await self.press("minus")

    async def toggle(self) -> None:
        """Turn it off, or on again, from the line of presets."""
        self.find(ThresholdPicker.__name__, ThresholdPicker).focus_presets()
        await self.press("space")

    async def undo(self) -> None:
        """Back to what is saved."""
        await self.press("u")

    async def sweep(self) -> None:
        """Let the demo's sweep run now."""
        await self.press("S")

    async def save(self) -> "ThresholdDialog":
        """Ask to save, and wait for the question."""
        await self.ask_to_save()
        return await self.over(ThresholdDialog)

    async def ask_to_save(self) -> None:
        """Press the key alone."""
        await self.press("ctrl+s")

    async def enter_in_field(self) -> "ThresholdDialog":
        """Press enter in the field, and wait for the question."""
        self.find(_FIELD, Input).focus()
        await self.press("enter")
        return await self.over(ThresholdDialog)

    async def click_switch(self, word: str) -> None:
        """Click `on` or `off`."""
        line = self.find("#threshold-switch", ChoiceBar)
        at = str(line.render()).index(word)
        await self.pilot.click(line, offset=(at, 0))
        await settle(self.pilot)

    async def click_save(self) -> "ThresholdDialog":
        """Click the button, and wait for the question."""
        await self.click("#save")
        return await self.over(ThresholdDialog)

    async def click_undo(self) -> None:
        """Click the button."""
        await self.click("#undo")

    def can_undo(self) -> bool:
        """True when the button can be pressed."""
        return self.enabled("#undo")


class ThresholdDialog(DialogPage):
    """What saving would do; a number must be typed when it revokes."""

    KIND = ConfirmThreshold

    def cancel_has_focus(self) -> bool:
        """What `enter` would press."""
        return self.find("#cancel", Button).has_focus

    async def count(self, number: str) -> None:
        """Type the number of tokens, in place of another."""
        field = self.find("#threshold-input", Input)
        field.focus()
        await self.press(*["backspace"] * len(field.value), *number)

    def can_save(self) -> bool:
        """True when the number is right."""
        return self.enabled("#yes")


class ActivityPage(RoomPage):
    """The trail."""

    KIND = ActivityScreen

    def rows(self) -> list[str]:
        """What the list shows."""
        return [str(option.prompt) for option in self.room.query_one(OptionList).options]

    def count(self) -> str:
        """The line above."""
        return self.says("#activity-count")

    async def filter(self, words: str) -> None:
        """Open the filter line, and type."""
        await self.press("slash")
        await self.write(words)

    def width(self) -> int:
        """Columns that a line has."""
        return self.room.query_one(OptionList).content_size.width

    async def go_away(self) -> None:
        """To the accounts."""
        await self.press("1")

    async def come_back(self) -> None:
        """From wherever one is."""
        await self.press("4")

    async def ask_to_export(self) -> None:
        """Press the key alone."""
        await self.press("ctrl+s")

    async def export(self) -> ExportActivityPage:
        """Ask to write what is shown to a file."""
        await self.ask_to_export()
        return await self.over(ExportActivityPage)

    @property
    def line(self) -> Input:
        """The filter line."""
        return self.room.query_one(Input)
