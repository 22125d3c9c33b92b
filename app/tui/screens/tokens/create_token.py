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
from textual.worker import Worker

from app.domain import expiry, names
from app.domain import permissions as allowed
from app.domain.errors import LoopinError, UsageError
from app.domain.organizations import Identity
from app.domain.times import local, shift
from app.domain.token_index import Book
from app.domain.tokens import GLOBAL, CreatedToken, TokenDraft, scope_of
from app.tui.screens.account_state import Frame
from app.tui.screens.dialogs.dialog import Dialog
from app.tui.screens.messages import reason, sign_in_key
from app.tui.screens.workers import change
from widgets.button_label import relabel
from widgets.choice_bar import ChoiceBar
from widgets.presenter import clean

_OTHER = "another project"
_MAY = ("default", "read-only", "custom")
_CUSTOM = 2
_OFFERED = 6
"""Projects offered by name; more would be a wall of words: the others are typed."""


class CreateTokenDialog(Dialog[CreatedToken]):
    """A form that checks while one types, and that a refusal leaves as it was."""

    CSS_PATH = "create_token.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "create", "Create", show=False)]

    def __init__(
        self,
        create: Callable[[TokenDraft], Awaitable[CreatedToken]],
        identity: Identity,
        book: Book,
        frame: Frame,
        *,
        permissions: bool = False,
    ) -> None:
        """`create` is bound to the organization shown; `permissions`: the server can limit what
        a token may do."""
        super().__init__()
        self._permissions, self._frame = permissions, frame
        self._create, self._identity, self._book = create, identity, book
        known = (identity.project,) if identity.project else book.projects()[:_OFFERED]
        self._projects = ("", *known)
        self._other_offered = not identity.project
        self._lives = expiry.choices(frame.clock.now(), identity.latest_end)
        own = next((token for token in book.tokens if token.id == identity.token_id), None)
        self._grantable = (own.permissions if own else ()) or allowed.EVERY
        self._creating = False

    def heading(self) -> str:
        """Where the token will belong."""
        return f"New API token in {clean(self._identity.organization, 80)}"

    def compose_dialog(self) -> ComposeResult:
        barred = frozenset({0}) if self._identity.needs_project() else frozenset[int]()
        with VerticalScroll(classes="dialog-body", can_focus=False):
            yield _label("Name")
            yield Input(placeholder="ci-release", id="create-name", max_length=80, compact=True)
            yield Static("", id="create-name-note", classes="note", markup=False)
            yield _label("Where will it live?")
            yield Input(
                placeholder="GitLab, release pipeline of acme/shop", id="create-description", compact=True
            )
            yield _label("Scope")
            words = [clean(scope_of(project), 40) for project in self._projects]
            words += [_OTHER] if self._other_offered else []
            yield ChoiceBar(words, 1 if barred else 0, barred=barred, id="create-scope")
            yield Input(placeholder="name of the project", id="create-project", compact=True)
            yield Static("", id="create-scope-note", classes="note", markup=False)
            yield _label("Expires")
            yield ChoiceBar([life.title for life in self._lives], self._default_life, id="create-life")
            yield Input(placeholder="2026-12-31", id="create-date", max_length=10, compact=True)
            if (latest := self._identity.latest_end) is not None:
                limit = f"at the latest on {_day(latest)}: the API token that you use ends then"
                yield Static(limit, id="create-latest", classes="note", markup=False)
            yield Static("", id="create-life-note", classes="note", markup=False)
            if self._permissions:
                yield _label("May")
                beyond = self._beyond((), in_project=bool(barred))
                yield ChoiceBar(_MAY, _CUSTOM if beyond else 0, id="create-may")
                yield SelectionList[str](
                    *((name, name, name in allowed.READ_ONLY) for name in self._grantable),
                    id="create-permissions",
                    compact=True,
                )
                yield Static("", id="create-may-note", classes="note", markup=False)
            yield Static("", id="create-error", markup=False)
        with Horizontal(classes="dialog-buttons"):
            yield Button("Cancel", id="cancel")
            yield Button("Create", id="create", variant="primary", disabled=True)

    def on_mount(self) -> None:
        self._check()
        # Its label stands above it: nothing is scrolled.
        self.query_one("#create-name").focus(scroll_visible=False)

    # ── what is typed ──

    @on(Input.Changed)
    @on(ChoiceBar.Changed)
    @on(SelectionList.SelectedChanged)
    def _check(self) -> None:
        """Check everything again, and say under each field what is wrong or what follows."""
        dated = self._life.dated
        self.query_one("#create-date").display = dated
        self.query_one("#create-project").display = self._is_other
        self._tighten(dated or self._is_other)
        name_problem, scope_problem = self._name_problem(), self._scope_problem()
        self._say_name(name_problem)
        self._say("create-scope-note", scope_problem or self._scope_words(), wrong=bool(scope_problem))
        life_problem, may_problem = self._check_life(), self._check_may()
        ready = not (name_problem or scope_problem or life_problem or may_problem or self._creating)
        self.query_one("#create", Button).disabled = not ready

    def _tighten(self, more: bool) -> None:
        """On a low screen, an extra line takes the place of the blank ones."""
        failed = self.query_one("#create-error").display
        self.set_class(more or failed, "-full")

    def _say_name(self, problem: str) -> None:
        typed = bool(self._value("create-name"))
        if problem:
            self._say("create-name-note", problem if typed else "a-z, 0-9 and hyphens", wrong=typed)
        else:
            self._say("create-name-note", "free", good=True)

    def _check_life(self) -> str:
        try:
            span = self._span()
            expiry.check_end(span, self._now(), self._identity.latest_end)
        except UsageError as error:
            typed = not self._life.dated or bool(self._value("create-date"))
            self._say("create-life-note", error.message if typed else error.hint, wrong=typed)
            return error.message
        if span is None:
            self._say("create-life-note", "! it works until somebody revokes it", wrong=True)
        else:
            self._say("create-life-note", f"ends on {_day(shift(self._now(), span))}")
        return ""

    def _check_may(self) -> str:
        if not self._permissions:
            return ""
        custom, wanted = self._may == _CUSTOM, self._wanted()
        self.query_one("#create-permissions").display = custom
        problem = "choose at least one" if custom and not wanted else ""
        if not problem and (beyond := self._beyond(wanted, in_project=bool(self._project()))):
            problem = f"the API token that you use may not: {', '.join(beyond)}"
        shown = wanted or allowed.default(bool(self._project()))
        self._say("create-may-note", problem or ", ".join(shown), wrong=bool(problem))
        return problem

    def _beyond(self, permissions: tuple[str, ...], *, in_project: bool) -> tuple[str, ...]:
        """Which of `permissions`, or of the default set, the API token in use does not have itself."""
        granted = permissions or allowed.default(in_project)
        return tuple(name for name in granted if name not in self._grantable)

    def _name_problem(self) -> str:
        name = self._value("create-name")
        if why := names.problem(name):
            return why
        project = self._project()
        taken = any(
            token.name == name
            and token.revoked_at is None
            and (token.project.name if token.project else "") == project
            for token in self._book.tokens
        )
        where = f"project {project}" if project else "the organization"
        return f"taken in {where}: names are unique among unrevoked tokens" if taken else ""

    def _scope_problem(self) -> str:
        if not self._is_other:
            return ""
        return names.problem(self._value("create-project")) and "type the name of a project"

    def _scope_words(self) -> str:
        if self._identity.needs_project():
            role = self._identity.role.value if self._identity.role else "an API token"
            return f"{GLOBAL} is not offered: {role} must name a project"
        return "may work in every project" if not self._project() else "may work in this project alone"

    def _say(self, note: str, text: str, *, wrong: bool = False, good: bool = False) -> None:
        line = self.query_one(f"#{note}", Static)
        line.set_class(wrong, "-wrong")
        line.set_class(good, "-good")
        line.update(Content(f"✓ {text}" if good else f"✗ {text}" if wrong and text[:1] != "!" else text))

    # ── the draft ──

    def _value(self, field: str) -> str:
        return self.query_one(f"#{field}", Input).value.strip()

    @property
    def _default_life(self) -> int:
        """Where the usual choice would be too long, as late as allowed, which is the last one."""
        usual = expiry.CHOICES[expiry.DEFAULT]
        return self._lives.index(usual) if usual in self._lives else len(self._lives) - 1

    @property
    def _life(self) -> expiry.Life:
        chosen = self.query_one("#create-life", ChoiceBar).chosen
        return self._lives[self._default_life if chosen is None else chosen]

    @property
    def _may(self) -> int:
        return (self.query_one("#create-may", ChoiceBar).chosen or 0) if self._permissions else 0

    def _wanted(self) -> tuple[str, ...]:
        """The permissions to ask for; none = the server's default."""
        if self._may == _CUSTOM:
            return allowed.check(self.query_one(SelectionList).selected)
        return allowed.READ_ONLY if self._may else ()

    @property
    def _scope(self) -> int:
        return self.query_one("#create-scope", ChoiceBar).chosen or 0

    @property
    def _is_other(self) -> bool:
        # By its place, not by its words: a project may be called like any of them.
        return self._scope == len(self._projects)

    def _project(self) -> str:
        return self._value("create-project") if self._is_other else self._projects[self._scope]

    def _now(self) -> datetime:
        return self._frame.clock.now()

    def _span(self) -> timedelta | None:
        life, latest = self._life, self._identity.latest_end
        if life.latest and latest is not None:
            return expiry.longest(self._now(), latest)
        if not life.dated:
            return life.span
        return expiry.until_date(self._value("create-date"), self._now())

    # ── creating ──

    @on(Input.Submitted)
    @on(Button.Pressed, "#create")
    def action_create(self) -> None:
        """Create it, when everything is right."""
        if not self.query_one("#create", Button).disabled and not self._is_elsewhere():
            name, description = self._value("create-name"), self._value("create-description")
            self._send(TokenDraft(name, description, self._span(), self._project(), self._wanted()))

    def _is_elsewhere(self) -> bool:
        """Say so when a sign-in above this form was one to another organization."""
        now, wanted = self._frame.presence.identity, self._identity.organization
        if now is None or now.organization == wanted:
            return False
        here, there = clean(now.organization, 60), clean(wanted, 60)
        self._say_failure(UsageError(f"you are in {here} now, and the form is of {there}", hint="close it"))
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
    async def _send(self, draft: TokenDraft) -> None:
        self._busy(True)
        try:
            created = await self._create(draft)
        except LoopinError:
            self._busy(False)
            raise
        # Still busy, so nothing else can close the form first.
        self.conclude(created)

    def _busy(self, busy: bool) -> None:
        self._creating = busy
        relabel(self.query_one("#create", Button), "Creating …" if busy else "Create")
        if busy:
            self.query_one("#create-error", Static).display = False
        self._check()

    def show_failure(self, error: BaseException, worker: Worker[object]) -> bool:
        """Say it in the form, which keeps what was typed."""
        if not isinstance(error, LoopinError):
            return False
        self._say_failure(error)
        return True

    def _say_failure(self, error: LoopinError) -> None:
        line = self.query_one("#create-error", Static)
        line.update(reason(error, sign_in_key(self)))
        line.display = True
        self._check()
        self.call_after_refresh(line.scroll_visible, animate=False)


def _day(moment: datetime) -> str:
    return f"{local(moment):%A, %-d %B %Y at %H:%M %Z}"


def _label(text: str) -> Static:
    return Static(text, classes="label", markup=False)
