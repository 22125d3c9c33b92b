"""Choose the organization to work in."""

from collections.abc import Sequence

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import Worker

from app.domain.errors import LoopinError
from app.domain.organizations import Membership
from app.domain.text import clean
from app.screens.dialog import Dialog
from app.screens.words import reason
from app.services.organizations import ListOrganizations, SwitchOrganization
from widgets.state_view import StateView


class OrganizationDialog(Dialog[str]):
    """Lists the person's organizations; the result is the name that was switched to, None = none."""

    TITLE = "Work in another organization"
    CSS_PATH = "organization.tcss"
    AUTO_FOCUS = "OptionList"

    class Listed(Message):
        """The organizations arrived."""

        def __init__(self, memberships: Sequence[Membership]) -> None:
            super().__init__()
            self.memberships = memberships

    class Switched(Message):
        """The server took the choice."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, listing: ListOrganizations, switch: SwitchOrganization) -> None:
        super().__init__()
        self._listing = listing
        self._switch = switch
        self._memberships: tuple[Membership, ...] = ()

    def compose_dialog(self) -> ComposeResult:
        with StateView():
            yield OptionList(markup=False)
        yield Static("", classes="dialog-error", markup=False)
        with Horizontal(classes="dialog-buttons"):
            yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        self.query_one(StateView).show_loading("asking for your organizations …")
        self._list()

    @work(exclusive=True, group="list", description="list your organizations", exit_on_error=False)
    async def _list(self) -> None:
        self.post_message(self.Listed(await self._listing.do()))

    @work(exclusive=True, group="switch", description="switch the organization", exit_on_error=False)
    async def _choose(self, name: str) -> None:
        chosen = await self._switch.do(name)
        self.post_message(self.Switched(chosen.organization.name))

    @on(Listed)
    def _show(self, event: Listed) -> None:
        self._memberships = tuple(event.memberships)
        view = self.query_one(StateView)
        if not self._memberships:
            view.show_empty("you belong to no organization yet", "ask an owner to invite you")
            return
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(_line(membership)) for membership in self._memberships])
        options.highlighted = next((i for i, m in enumerate(self._memberships) if m.current), 0)
        view.show_filled()
        options.focus()

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        membership = self._memberships[event.option_index]
        if membership.current:
            self.dismiss(None)
        else:
            self.query_one(".dialog-error", Static).update("")
            self._choose(membership.organization.name)

    @on(Switched)
    def _done(self, event: Switched) -> None:
        self.dismiss(event.name)

    @on(StateView.Chosen)
    def _again(self) -> None:
        self.on_mount()

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)

    def show_failure(self, error: BaseException, worker: Worker[object]) -> bool:
        """In the list's place, or under it when a switch failed."""
        if not isinstance(error, LoopinError):
            return False
        if worker.group == "list":
            self.query_one(StateView).show_error(error)
        else:
            self.query_one(".dialog-error", Static).update(reason(error))
        return True


def _line(membership: Membership) -> str:
    mark = "●" if membership.current else " "
    here = "  you are here" if membership.current else ""
    return f"{mark} {clean(membership.organization.name, 40)}  ·  {membership.role.value}{here}"
