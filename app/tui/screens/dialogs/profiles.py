"""Choose the profile to work with."""

from collections.abc import Sequence
from typing import Protocol

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from app.domain.credentials import Provider
from app.domain.errors import LoopinError
from app.services.profiles import Profile
from app.tui.screens.dialogs.dialog import Dialog
from app.tui.screens.workers import read
from widgets.presenter import clean

_HOW = "For this run. Sign in under a new name to store a login there; in a shell it is --profile NAME."


class ProfileWork(Protocol):
    """Lists the profiles, and changes the one in use."""

    async def list_profiles(self) -> Sequence[Profile]: ...
    def use_profile(self, provider: Provider, name: str) -> str: ...


class ProfileDialog(Dialog[Profile]):
    """Both providers' profiles, and an input for another name; the result is the one that is in use now."""

    TITLE = "Work with another profile"
    CSS_PATH = "profiles.tcss"
    AUTO_FOCUS = "OptionList"

    def __init__(self, work: ProfileWork, first: Provider | None = None) -> None:
        super().__init__()
        self._profiles = work
        self._first = first
        self._rows: list[Profile | None] = []
        self._naming: Provider | None = None
        self._options = OptionList(markup=False, id="profile-list")
        self._name_input = Input(id="profile-name", max_length=63)
        self._name_input.display = False
        self.error_line.id = "profile-error"

    def compose_dialog(self) -> ComposeResult:
        yield self._options
        yield self._name_input
        yield self.error_line
        yield Static(_HOW, classes="muted", markup=False)
        with Horizontal(classes="dialog-buttons"):
            yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        self._list()

    @read("list the profiles", group="list")
    async def _list(self) -> None:
        profiles = await self._profiles.list_profiles()
        self._options.clear_options()
        self._rows = []
        for provider in dict.fromkeys(profile.provider for profile in profiles):
            self._add_row(None, Content.styled(provider.title, "bold $primary"))
            for profile in profiles:
                if profile.provider is provider:
                    self._add_row(profile, _line(profile))
            self._add_row(Profile(provider, "", False), Content("    another name …"))
        in_use = [i for i, row in enumerate(self._rows) if row and row.in_use]
        first = [i for i in in_use if (row := self._rows[i]) and row.provider is self._first]
        self._options.highlighted = next(iter(first or in_use), None)
        self._options.focus()

    def _add_row(self, row: Profile | None, text: Content) -> None:
        self._rows.append(row)
        self._options.add_option(Option(text, disabled=row is None))

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        row = self._rows[event.option_index]
        if row is None:
            return
        if row.name:
            self._use(row.provider, row.name)
            return
        self._naming = row.provider
        self._name_input.placeholder = f"name of the {row.provider.title} profile, then enter"
        self._name_input.display = True
        self._name_input.focus()

    @on(Input.Submitted)
    def _submit_name(self, event: Input.Submitted) -> None:
        if self._naming is not None:
            self._use(self._naming, event.value.strip())

    def _use(self, provider: Provider, name: str) -> None:
        try:
            self.dismiss(Profile(provider, self._profiles.use_profile(provider, name), in_use=True))
        except LoopinError as error:
            self.show_error(error)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)


def _line(profile: Profile) -> Content:
    mark = ("  ● ", "$text-success") if profile.in_use else "    "
    here = "  in use" if profile.in_use else ""
    about = f"  {clean(profile.about, 120)}" if profile.about else ""
    return Content.assemble(mark, clean(profile.name, 63), (f"{here}{about}", "$text-muted"))
