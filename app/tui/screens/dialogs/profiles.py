"""Choose the profile to work with."""

from collections.abc import Sequence
from typing import Protocol

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from app.domain.credentials import Provider
from app.domain.errors import LoopinError
from app.services.profiles import Profile
from app.tui.screens.dialogs.dialog import Dialog
from app.tui.screens.messages import reason, sign_in_key
from widgets.presenter import clean

_HOW = "For this run. Sign in under a new name to store a login there; in a shell it is --profile NAME."


class ProfileWork(Protocol):
    """Lists the profiles, and changes the one in use."""

    async def list_profiles(self) -> Sequence[Profile]: ...
    def use_profile(self, provider: Provider, name: str) -> str: ...


class ProfileDialog(Dialog[Profile]):
    """Both providers' profiles, and room for another name; the result is the one that is in use now."""

    TITLE = "Work with another profile"
    CSS_PATH = "profiles.tcss"
    AUTO_FOCUS = "OptionList"

    class Listed(Message):
        """The profiles are known."""

        def __init__(self, profiles: Sequence[Profile]) -> None:
            super().__init__()
            self.profiles = tuple(profiles)

    def __init__(self, work: ProfileWork, first: Provider | None = None) -> None:
        super().__init__()
        self._profiles = work
        self._first = first
        self._rows: list[Profile | None] = []
        self._naming: Provider | None = None

    def compose_dialog(self) -> ComposeResult:
        yield OptionList(markup=False, id="profile-list")
        yield Input(id="profile-name", max_length=63)
        yield Static("", id="profile-error", markup=False)
        yield Static(_HOW, classes="muted", markup=False)
        with Horizontal(classes="dialog-buttons"):
            yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        self.query_one(Input).display = False
        self._list()

    @work(exclusive=True, group="list", description="list the profiles", exit_on_error=False)
    async def _list(self) -> None:
        self.post_message(self.Listed(await self._profiles.list_profiles()))

    @on(Listed)
    def _show(self, event: Listed) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        self._rows = []
        for provider in dict.fromkeys(profile.provider for profile in event.profiles):
            self._add(options, None, Content.styled(provider.title, "bold $primary"))
            for profile in event.profiles:
                if profile.provider is provider:
                    self._add(options, profile, _line(profile))
            self._add(options, Profile(provider, "", False), Content("    another name …"))
        wanted = [i for i, row in enumerate(self._rows) if row and row.in_use]
        first = [i for i in wanted if (row := self._rows[i]) and row.provider is self._first]
        options.highlighted = next(iter(first or wanted), None)
        options.focus()

    def _add(self, options: OptionList, row: Profile | None, text: Content) -> None:
        self._rows.append(row)
        options.add_option(Option(text, disabled=row is None))

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        row = self._rows[event.option_index]
        if row is None:
            return
        if row.name:
            self._use(row.provider, row.name)
            return
        self._naming = row.provider
        box = self.query_one(Input)
        box.placeholder = f"name of the {row.provider.title} profile, then enter"
        box.display = True
        box.focus()

    @on(Input.Submitted)
    def _named(self, event: Input.Submitted) -> None:
        if self._naming is not None:
            self._use(self._naming, event.value.strip())

    def _use(self, provider: Provider, name: str) -> None:
        try:
            self.dismiss(Profile(provider, self._profiles.use_profile(provider, name), in_use=True))
        except LoopinError as error:
            self.query_one("#profile-error", Static).update(reason(error, sign_in_key(self)))

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)


def _line(profile: Profile) -> Content:
    mark = ("  ● ", "$text-success") if profile.in_use else "    "
    here = "  in use" if profile.in_use else ""
    about = f"  {clean(profile.about, 120)}" if profile.about else ""
    return Content.assemble(mark, clean(profile.name, 63), (f"{here}{about}", "$text-muted"))
