"""The dialog that creates an API token."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, SelectionList, Static

from app.domain import expiry, names
from app.domain import permissions as allowed
from app.domain.errors import LoopinError, UsageError
from app.domain.organizations import Identity
from app.domain.ports import Clock
from app.domain.times import local, shift
from app.domain.token_index import TokenIndex
from app.domain.tokens import GLOBAL, CreatedToken, TokenDraft, scope_of
from app.tui.screens.dialogs.dialog import Dialog
from app.tui.screens.workers import change
from widgets.button_label import relabel
from widgets.choice_bar import ChoiceBar
from widgets.presenter import clean

_OTHER = "another project"
_MAY = ("default", "read-only", "custom")
_CUSTOM = 2
_OFFERED = 6
"""Projects offered by name; the others are typed."""


class CreateTokenDialog(Dialog[CreatedToken]):
    """A form that is checked while it is filled in and keeps its values when the server refuses."""

    CSS_PATH = "create_token.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "create", "Create", show=False)]

    def __init__(
        self,
        create: Callable[[TokenDraft], Awaitable[CreatedToken]],
        identity: Identity,
        index: TokenIndex,
        clock: Clock,
        current_identity: Callable[[], Identity | None],
        *,
        permissions: bool = False,
    ) -> None:
        """`create` is bound to the organization shown; `current_identity` returns who is signed in now.

        `permissions`: the server can limit what a token may do.
        """
        super().__init__()
        self._permissions, self._clock = permissions, clock
        self._current_identity = current_identity
        self._create, self._identity, self._index = create, identity, index
        known = (identity.project,) if identity.project else index.projects()[:_OFFERED]
        self._projects = ("", *known)
        self._other_offered = not identity.project
        self._lives = expiry.choices(clock.now(), identity.latest_end)
        own = next((token for token in index.tokens if token.id == identity.token_id), None)
        self._grantable = (own.permissions if own else ()) or allowed.EVERY
        self._creating = False
        must_name_project = identity.needs_project()
        self._name_input = Input(placeholder="ci-release", id="create-name", max_length=80, compact=True)
        self._name_note = _note("create-name-note")
        self._description = Input(
            placeholder="GitLab, release pipeline of acme/shop", id="create-description", compact=True
        )
        scopes = [clean(scope_of(project), 40) for project in self._projects]
        scopes += [_OTHER] if self._other_offered else []
        barred = frozenset({0}) if must_name_project else frozenset[int]()
        self._scope = ChoiceBar(scopes, 1 if barred else 0, barred=barred, id="create-scope")
        self._project_input = Input(placeholder="name of the project", id="create-project", compact=True)
        self._scope_note = _note("create-scope-note")
        self._life_bar = ChoiceBar([life.title for life in self._lives], self._default_life, id="create-life")
        self._date = Input(placeholder="2026-12-31", id="create-date", max_length=10, compact=True)
        self._life_note = _note("create-life-note")
        beyond = self._beyond((), in_project=must_name_project)
        self._permission_bar = ChoiceBar(_MAY, _CUSTOM if beyond else 0, id="create-may")
        self._permission_list = SelectionList[str](
            *((name, name, name in allowed.READ_ONLY) for name in self._grantable),
            id="create-permissions",
            compact=True,
        )
        self._permission_note = _note("create-may-note")
        self._submit = Button("Create", id="create", variant="primary", disabled=True)
        self.error_line.id = "create-error"

    def heading(self) -> str:
        """Where the token will belong."""
        return f"New API token in {clean(self._identity.organization, 80)}"

    def compose_dialog(self) -> ComposeResult:
        with VerticalScroll(classes="dialog-body", can_focus=False):
            yield _label("Name")
            yield self._name_input
            yield self._name_note
            yield _label("Where will it live?")
            yield self._description
            yield _label("Scope")
            yield self._scope
            yield self._project_input
            yield self._scope_note
            yield _label("Expires")
            yield self._life_bar
            yield self._date
            if (latest := self._identity.latest_end) is not None:
                limit = f"at the latest on {_day(latest)}: the API token that you use ends then"
                yield Static(limit, id="create-latest", classes="note", markup=False)
            yield self._life_note
            if self._permissions:
                yield _label("May")
                yield self._permission_bar
                yield self._permission_list
                yield self._permission_note
            yield self.error_line
        with Horizontal(classes="dialog-buttons"):
            yield Button("Cancel", id="cancel")
            yield self._submit

    def on_mount(self) -> None:
        self._check()
        # Its label stands above it: nothing is scrolled.
        self._name_input.focus(scroll_visible=False)

    # ── what is typed ──

    @on(Input.Changed)
    @on(ChoiceBar.Changed)
    @on(SelectionList.SelectedChanged)
    def _check(self) -> None:
        """Check everything again, and say under each field what is wrong or what follows."""
        dated = self._life.dated
        self._date.display = dated
        self._project_input.display = self._is_other
        # On a low screen, an extra line takes the place of the blank ones.
        self.set_class(dated or self._is_other or self.error_line.display, "-full")
        name_problem, scope_problem = self._name_problem(), self._scope_problem()
        self._show_name(name_problem)
        _set_note(self._scope_note, scope_problem or self._scope_words(), wrong=bool(scope_problem))
        life_problem, may_problem = self._check_life(), self._check_may()
        ready = not (name_problem or scope_problem or life_problem or may_problem or self._creating)
        self._submit.disabled = not ready

    def _show_name(self, problem: str) -> None:
        typed = bool(self._name_input.value.strip())
        if problem:
            _set_note(self._name_note, problem if typed else "a-z, 0-9 and hyphens", wrong=typed)
        else:
            _set_note(self._name_note, "free", good=True)

    def _check_life(self) -> str:
        try:
            span = self._span()
            expiry.check_end(span, self._now(), self._identity.latest_end)
        except UsageError as error:
            typed = not self._life.dated or bool(self._date.value.strip())
            _set_note(self._life_note, error.message if typed else error.hint, wrong=typed)
            return error.message
        if span is None:
            _set_note(self._life_note, "! it works until somebody revokes it", wrong=True)
        else:
            _set_note(self._life_note, f"ends on {_day(shift(self._now(), span))}")
        return ""

    def _check_may(self) -> str:
        if not self._permissions:
            return ""
        custom, selected = self._permission_choice == _CUSTOM, self._selected_permissions()
        self._permission_list.display = custom
        problem = "choose at least one" if custom and not selected else ""
        if not problem and (beyond := self._beyond(selected, in_project=bool(self._project()))):
            problem = f"the API token that you use may not: {', '.join(beyond)}"
        shown = selected or allowed.default(bool(self._project()))
        _set_note(self._permission_note, problem or ", ".join(shown), wrong=bool(problem))
        return problem

    def _beyond(self, permissions: tuple[str, ...], *, in_project: bool) -> tuple[str, ...]:
        """Which of `permissions`, or of the default set, the API token in use does not have itself."""
        granted = permissions or allowed.default(in_project)
        return tuple(name for name in granted if name not in self._grantable)

    def _name_problem(self) -> str:
        name = self._name_input.value.strip()
        if why := names.problem(name):
            return why
        project = self._project()
        taken = any(
            token.name == name
            and token.revoked_at is None
            and (token.project.name if token.project else "") == project
            for token in self._index.tokens
        )
        where = f"project {project}" if project else "the organization"
        return f"taken in {where}: names are unique among unrevoked tokens" if taken else ""

    def _scope_problem(self) -> str:
        if not self._is_other:
            return ""
        return names.problem(self._project_input.value.strip()) and "type the name of a project"

    def _scope_words(self) -> str:
        if self._identity.needs_project():
            role = self._identity.role.value if self._identity.role else "an API token"
            return f"{GLOBAL} is not offered: {role} must name a project"
        return "may work in every project" if not self._project() else "may work in this project alone"

    # ── the draft ──

    @property
    def _default_life(self) -> int:
        """Where the usual choice would be too long, as late as allowed, which is the last one."""
        usual = expiry.CHOICES[expiry.DEFAULT]
        return self._lives.index(usual) if usual in self._lives else len(self._lives) - 1

    @property
    def _life(self) -> expiry.Life:
        chosen = self._life_bar.chosen
        return self._lives[self._default_life if chosen is None else chosen]

    @property
    def _permission_choice(self) -> int:
        return (self._permission_bar.chosen or 0) if self._permissions else 0

    def _selected_permissions(self) -> tuple[str, ...]:
        """The permissions to ask for; none = the server's default."""
        if self._permission_choice == _CUSTOM:
            return allowed.check(self._permission_list.selected)
        return allowed.READ_ONLY if self._permission_choice else ()

    @property
    def _is_other(self) -> bool:
        # By its place, not by its words: a project may be called like any of them.
        return (self._scope.chosen or 0) == len(self._projects)

    def _project(self) -> str:
        return (
            self._project_input.value.strip() if self._is_other else self._projects[self._scope.chosen or 0]
        )

    def _now(self) -> datetime:
        return self._clock.now()

    def _span(self) -> timedelta | None:
        life, latest = self._life, self._identity.latest_end
        if life.latest and latest is not None:
            return expiry.longest(self._now(), latest)
        if not life.dated:
            return life.span
        return expiry.until_date(self._date.value.strip(), self._now())

    # ── creating ──

    @on(Input.Submitted)
    @on(Button.Pressed, "#create")
    def action_create(self) -> None:
        """Create it, when everything is right."""
        if not self._submit.disabled and not self._is_elsewhere():
            name, description = self._name_input.value.strip(), self._description.value.strip()
            permissions = self._selected_permissions()
            self._create_token(TokenDraft(name, description, self._span(), self._project(), permissions))

    def _is_elsewhere(self) -> bool:
        """Say so when a sign-in above this form was one to another organization."""
        now, organization = self._current_identity(), self._identity.organization
        if now is None or now.organization == organization:
            return False
        here, there = clean(now.organization, 60), clean(organization, 60)
        self.show_error(UsageError(f"you are in {here} now, and the form is of {there}", hint="close it"))
        return True

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.action_leave()

    def action_leave(self) -> None:
        """Cancel; not while the server is at it, for its answer is told only once."""
        if self._creating:
            words = "the server is creating it: its answer is waited for, for the token is told only once"
            self.notify(words, severity="warning", timeout=4, markup=False)
        else:
            self.dismiss(None)

    @change("create the token")
    async def _create_token(self, draft: TokenDraft) -> None:
        self._set_creating(True)
        try:
            created = await self._create(draft)
        except LoopinError:
            self._set_creating(False)
            raise
        # Still busy, so nothing else can close the form first.
        self.conclude(created)

    def _set_creating(self, creating: bool) -> None:
        self._creating = creating
        relabel(self._submit, "Creating …" if creating else "Create")
        if creating:
            self.error_line.display = False
        self._check()

    def show_error(self, error: LoopinError) -> None:
        """Show an error in the form, and scroll to it."""
        super().show_error(error)
        self._check()
        self.call_after_refresh(self.error_line.scroll_visible, animate=False)


def _note(id: str) -> Static:
    return Static("", id=id, classes="note", markup=False)


def _set_note(note: Static, text: str, *, wrong: bool = False, good: bool = False) -> None:
    note.set_class(wrong, "-wrong")
    note.set_class(good, "-good")
    note.update(Content(f"✓ {text}" if good else f"✗ {text}" if wrong and text[:1] != "!" else text))


def _day(moment: datetime) -> str:
    return f"{local(moment):%A, %-d %B %Y at %H:%M %Z}"


def _label(text: str) -> Static:
    return Static(text, classes="label", markup=False)
