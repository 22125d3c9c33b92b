"""Every action of the app that changes something, against everything that may come between.

The other side has done its part and has not answered yet; then a key is pressed, or a signal comes, and then
the answer comes, or never does. In each cell: the change is made once, its end is stored and told.

| column              | where                                                                              |
|---------------------|------------------------------------------------------------------------------------|
| second press        | here; of several providers at once: test_sign_out.py                               |
| esc, q              | here                                                                               |
| ctrl+c              | here, twice: once it only says how to quit                                         |
| SIGTERM, SIGHUP     | here                                                                               |
| SIGKILL             | nothing runs any more: the trail has what "answer lost", for ever, leaves in it;   |
|                     | processes are killed in tests/integration and tests/faults                         |
| answer lost         | here: for ever. With an error in its place: test_create_cut.py, test_revoke_many.py |
| organization switch | here: the account changes while the answer is awaited                              |

What is only local and cannot be half done is not in the table: a profile is chosen in memory, an export and a
saved filter are one atomic write each.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from app.domain.activity import Action, Outcome
from app.domain.credentials import Provider
from app.domain.secret import Secret
from app.services.changes import End
from tests.support import app as fakes
from tests.support.fake_gumloop import ACCESS, RENEWED
from tests.support.pages.accounts import AccountsPage
from tests.support.pages.create import RevealPage
from tests.support.pages.login import GUMLOOP_OAUTH, LoginPage
from tests.support.pages.page import Page
from tests.support.pages.rooms import AutoRevokePage
from tests.support.pages.tokens import TokensPage
from tests.support.rooms import stage, story

pytestmark = pytest.mark.slow

Box = fakes.FakeContainer
STORED = 1
"""How often the story has stored the organization of the profile before a test begins."""


@dataclass(frozen=True)
class Change:
    """One action. `begin` goes from the screen to where the answer is awaited; `again` presses once more."""

    screen: str
    held: str
    begin: Callable[[Page, Box], Awaitable[None]]
    doing: str
    done: Callable[[Box], bool]
    calls: Callable[[Box], int]
    again: tuple[str, ...] = ()
    prepare: Callable[[Box], None] = field(default=lambda box: None)
    journal: Action | None = None
    """What the trail has as begun as long as no answer came."""


def entry(box: Box, name: str) -> Secret | None:
    """What the keychain holds of the Gumloop login."""
    return box.fake_vault.entries.get(("gumloop-cli", f"default:{name}"))


def lives(box: Box, name: str) -> bool:
    """True while a token of this name works."""
    return any(token.name == name and token.revoked_at is None for token in box.plane.tokens)


def works_in(box: Box, organization: str) -> bool:
    """True when the profile is in it."""
    return box.fake_accounts.known["chainloop", "default"]["organization"] == organization


def ends(box: Box, action: Action) -> int:
    """How many of these the trail has as done."""
    return sum(e.action is action and e.outcome is Outcome.DONE for e in box.fake_activity.lines)


def plane(method: str) -> Callable[[Box], int]:
    """How often this was called at Chainloop."""
    return lambda box: box.plane.calls.count(method)


def gumloop(method: str) -> Callable[[Box], int]:
    """How often this was called at Gumloop."""
    return lambda box: box.gumloop.calls.count(method)


async def renew(page: Page, box: Box) -> None:
    """The app asks Gumloop when it starts."""


async def sign_out(page: Page, provider: Provider) -> None:
    """From the card of the provider."""
    accounts = AccountsPage(page.pilot)
    await accounts.ready()
    accounts.focus_card(provider)
    await (await accounts.sign_out()).yes()


async def sign_in(page: Page, box: Box) -> None:
    """In the browser."""
    login = LoginPage(page.pilot)
    await login.ready()
    await login.choose(GUMLOOP_OAUTH)
    await login.waits()
    await login.allowed()


async def listed(page: Page) -> TokensPage:
    """The Tokens screen with its list."""
    tokens = TokensPage(page.pilot)
    await tokens.ready()
    return tokens


async def create(page: Page, box: Box) -> None:
    """Up to the request."""
    form = await (await listed(page)).new()
    await form.write("ci-new")
    await form.enter()


async def rotate(page: Page, box: Box) -> None:
    """Up to the request for the successor."""
    tokens = await listed(page)
    await tokens.to_last()
    await (await tokens.rotate()).yes()


async def end_rotation(page: Page, box: Box) -> None:
    """Up to the revocation of the old token."""
    await rotate(page, box)
    tokens = TokensPage(page.pilot)
    reveal = await tokens.over(RevealPage)
    await reveal.to_keychain()
    await reveal.reads("saved to GNOME Keyring")
    question = await reveal.ask_to_leave()
    await question.reads("Revoke the old ci-release in acme now?")
    await question.yes()


async def revoke(page: Page, box: Box) -> None:
    """The token under the cursor."""
    tokens = await listed(page)
    await tokens.to_last()
    await (await tokens.revoke()).yes()


async def revoke_many(page: Page, box: Box) -> None:
    """The first six."""
    tokens = await listed(page)
    await (await tokens.count_down(6)).now()


async def threshold(page: Page, box: Box) -> None:
    """Off, by which nothing is revoked."""
    room = AutoRevokePage(page.pilot)
    await room.ready()
    await room.threshold("0")
    await (await room.save()).yes()


async def switch(page: Page, box: Box) -> None:
    """To globex."""
    accounts = AccountsPage(page.pilot)
    await accounts.ready()
    await accounts.organizations()
    await accounts.can_choose()
    await accounts.take("down")


async def save_token(page: Page, box: Box) -> None:
    """To the keychain, from the dialog that shows a new token once."""
    held, box.fake_vault.held = box.fake_vault.held, None
    await create(page, box)
    reveal = await TokensPage(page.pilot).over(RevealPage)
    box.fake_vault.held = held
    await reveal.to_keychain()


CHANGES = {
    "renew": Change(
        "accounts",
        "gumloop refresh",
        renew,
        "renewing the Gumloop session",
        lambda box: entry(box, "access_token") == RENEWED,
        gumloop("refresh"),
        ("r",),
        lambda box: box.store_gumloop(lives=timedelta(seconds=10)),
    ),
    "sign out of Gumloop": Change(
        "accounts",
        "gumloop revoke",
        lambda page, box: sign_out(page, Provider.GUMLOOP),
        "signing out of Gumloop",
        lambda box: entry(box, "access_token") is None,
        gumloop("revoke"),
        ("L",),
        lambda box: box.store_gumloop(),
    ),
    "sign out of Chainloop": Change(
        "accounts",
        "plane sign_out",
        lambda page, box: sign_out(page, Provider.CHAINLOOP),
        "signing out of Chainloop",
        lambda box: ("loopin-chainloop", "default") not in box.fake_vault.entries,
        plane("sign_out"),
        ("L",),
    ),
    "sign in": Change(
        "accounts",
        "gumloop exchange",
        sign_in,
        "signing in to Gumloop",
        lambda box: entry(box, "access_token") == ACCESS,
        gumloop("exchange"),
        ("enter", "r"),
    ),
    "create": Change(
        "tokens",
        "plane create_token",
        create,
        "creating the API token ci-new",
        lambda box: lives(box, "ci-new"),
        plane("create_token"),
        ("enter", "ctrl+s"),
        journal=Action.CREATE,
    ),
    "rotate": Change(
        "tokens",
        "plane create_token",
        rotate,
        "creating the API token ci-release-2026-03",
        lambda box: lives(box, "ci-release-2026-03") and lives(box, "ci-release"),
        plane("create_token"),
        ("R",),
        journal=Action.ROTATE,
    ),
    "end a rotation": Change(
        "tokens",
        "plane revoke_token",
        end_rotation,
        "rotating the API token ci-release",
        lambda box: not lives(box, "ci-release") and ends(box, Action.ROTATE) == 1,
        plane("revoke_token"),
        ("R",),
        journal=Action.ROTATE,
    ),
    "revoke": Change(
        "tokens",
        "plane revoke_token",
        revoke,
        "revoking the API token ci-release",
        lambda box: not lives(box, "ci-release") and ends(box, Action.REVOKE) == 1,
        plane("revoke_token"),
        ("ctrl+d",),
        journal=Action.REVOKE,
    ),
    "revoke several": Change(
        "tokens",
        "plane revoke_token",
        revoke_many,
        "revoking 6 API tokens",
        lambda box: ends(box, Action.REVOKE) >= 4,
        lambda box: min(plane("revoke_token")(box), 1),
        ("enter", "r"),
        journal=Action.REVOKE,
    ),
    "threshold": Change(
        "auto_revoke",
        "plane set_threshold",
        threshold,
        "saving the threshold of acme",
        lambda box: box.plane.threshold == 0 and ends(box, Action.THRESHOLD) == 1,
        plane("set_threshold"),
        ("ctrl+s",),
        journal=Action.THRESHOLD,
    ),
    "switch": Change(
        "accounts",
        "accounts",
        switch,
        "switching to globex",
        lambda box: works_in(box, "globex") and ends(box, Action.SWITCH) == 1,
        lambda box: box.fake_accounts.updates - STORED,
        ("enter",),
    ),
    "save a new token": Change(
        "tokens",
        "vault",
        save_token,
        "saving to the keychain: the API token ci-new",
        lambda box: (
            ("loopin-chainloop", "ci-new") in box.fake_vault.entries and ends(box, Action.CREATE) == 1
        ),
        lambda box: 1,
        ("enter",),
    ),
}


def prepared(change: Change) -> tuple[Box, asyncio.Event]:
    """A box whose answer is held, and what lets it go."""
    box, answer = story(), asyncio.Event()
    change.prepare(box)
    where, _, method = change.held.partition(" ")
    if where == "vault":
        box.fake_vault.held = answer
    elif where == "accounts":
        box.fake_accounts.held = answer
    else:
        {"plane": box.plane.held, "gumloop": box.gumloop.held}[where][method] = answer
    return box, answer


async def begin(change: Change, page: Page, box: Box) -> None:
    """Up to where the answer is awaited."""
    await change.begin(page, box)
    await page.until(lambda: change.doing in box.changes.under_way())


async def by_ctrl_c(page: Page) -> None:
    """Twice, as often as it takes: a first one may stop something smaller, or copy a selection."""
    for _ in range(4):
        if not page.app.closing and not page.app._exit:
            await page.press("ctrl+c")


async def by_sigterm(page: Page) -> None:
    """kill."""
    page.app.end_by_signal(signal.SIGTERM)


async def by_sighup(page: Page) -> None:
    """The window is closed."""
    page.app.end_by_signal(signal.SIGHUP)


@pytest.mark.parametrize("name", CHANGES)
async def test_a_second_press_escape_and_q_change_nothing(name: str) -> None:
    """`q` goes back, or waits for the end of the change and then ends the app."""
    change = CHANGES[name]
    box, answer = prepared(change)
    async with stage(box, screen=change.screen).run_test() as pilot:
        page = Page(pilot)
        await begin(change, page, box)
        await page.press(*change.again)
        await page.press("escape")
        await page.rest(2)
        assert change.doing in box.changes.under_way()
        assert change.calls(box) == 1
        await page.press("q", "q")
        await page.rest(2)
        assert not page.app._exit
        assert change.doing in box.changes.under_way()
        answer.set()
        await page.until(lambda: change.done(box))
    assert change.calls(box) == 1


@pytest.mark.parametrize("by", [by_ctrl_c, by_sigterm, by_sighup])
@pytest.mark.parametrize("name", CHANGES)
async def test_the_end_of_the_app_waits_for_the_end_of_the_change(
    name: str, by: Callable[[Page], Awaitable[None]]
) -> None:
    change = CHANGES[name]
    box, answer = prepared(change)
    async with stage(box, screen=change.screen).run_test() as pilot:
        page = Page(pilot)
        await begin(change, page, box)
        await by(page)
        if by is not by_ctrl_c or page.app.closing:
            await page.until(lambda: f"finish: {change.doing}" in page.toasts())
        await page.rest(2)
        assert not page.app._exit
        answer.set()
        await page.until(lambda: change.done(box))
    assert change.calls(box) == 1


@pytest.mark.parametrize("name", CHANGES)
async def test_an_answer_that_never_comes_is_told_as_unknown(name: str) -> None:
    change = CHANGES[name]
    box, _ = prepared(change)
    box.changes.grace = 0
    async with stage(box, screen=change.screen).run_test() as pilot:
        page = Page(pilot)
        await begin(change, page, box)
        page.app.end_by_signal(signal.SIGTERM)
        await page.until(lambda: page.app._exit)
    unknown = [orphan for orphan in box.changes.orphans() if orphan.end is End.UNKNOWN]
    assert [orphan.doing for orphan in unknown] == [change.doing]
    if change.journal is not None:
        assert change.journal in [entry.action for entry in await box.activity_log.interrupted()]


@pytest.mark.parametrize("name", CHANGES)
async def test_an_account_that_changes_meanwhile_cuts_nothing(name: str) -> None:
    change = CHANGES[name]
    box, answer = prepared(change)
    async with stage(box, screen=change.screen).run_test() as pilot:
        page = Page(pilot)
        await begin(change, page, box)
        page.app.app_context.account_changed.publish(None)
        await page.rest(2)
        assert change.doing in box.changes.under_way()
        answer.set()
        await page.until(lambda: change.done(box))
