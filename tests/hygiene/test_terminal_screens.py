"""The same on the screens: every cell that is drawn, in every room and dialog, with names that attack."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.credentials import Endpoint, Provider
from app.domain.errors import PortBusy, Refused, Unreachable
from app.domain.organizations import Person
from app.domain.tokens import Project
from tests.support import app as fakes
from tests.support import fake_control_plane
from tests.support.hostile import PAYLOADS, names, unsafe
from tests.support.pages.page import Page
from tests.support.pages.tokens import TokensPage

pytestmark = pytest.mark.slow

EVIL = "".join(PAYLOADS)
SIZE = (160, 40)
COUNT = 1000


def box(screen: str = "tokens") -> fakes.FakeContainer:
    """Signed in as somebody with such a name, in such an organization, with such tokens, projects, errors."""
    made = fakes.container()
    plane = made.plane
    plane.current_name = EVIL
    plane.organizations = (EVIL, f"other {EVIL}")
    first = plane.tokens[0]
    plane.tokens = [
        replace(
            first,
            id=f"{number:08d}{EVIL}",
            name=name,
            description=name[::-1],
            organization_name=EVIL,
            project=Project(EVIL, name) if number % 2 else None,
            permissions=(EVIL,),
            created_at=fakes.NOW - timedelta(days=number / 10),
        )
        for number, name in enumerate(names(COUNT))
    ]
    made.fake_vault.label = EVIL
    made.fake_activity.lines = [
        ActivityEntry(fakes.NOW, action, Outcome.DONE, Provider.CHAINLOOP, EVIL, EVIL, EVIL, EVIL, EVIL, EVIL)
        for action in Action
    ]
    return made


@pytest.fixture(autouse=True)
def evil_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that the control plane says of the person."""
    monkeypatch.setattr(fake_control_plane, "ADA", Person(EVIL, EVIL, EVIL, EVIL))
    claims: dict[str, Any] = dict.fromkeys(("jti", "org_name", "token_name", "project_name", "iss"), EVIL)
    monkeypatch.setattr(fakes, "claims_of", lambda token: {"aud": ["user-auth.chainloop"], **claims})


def cells(pilot: Pilot[int]) -> Iterator[tuple[str, str, bool]]:
    """Text, link and whether a click does what a name wants, of everything that is drawn now."""
    for strip in pilot.app.screen._compositor.render_strips():
        for segment in strip:
            style = segment.style
            meta = style.meta if style is not None else {}
            yield segment.text, (style.link or "") if style else "", "quit" in str(meta.get("@click", ""))


def only_text(pilot: Pilot[int]) -> str:
    """Check what is drawn; return it."""
    drawn = list(cells(pilot))
    text = "".join(text for text, _, _ in drawn)
    assert unsafe(text, allowed="") == []
    assert [link for _, link, _ in drawn if link] == []
    assert [text for text, _, clicks in drawn if clicks] == []
    return text


async def settle(pilot: Pilot[int]) -> None:
    """Let workers and repaints end."""
    for _ in range(6):
        await pilot.pause()


async def walk(pilot: Pilot[int], *keys: str) -> str:
    """Press each key and look at every screen on the way."""
    seen = only_text(pilot)
    for key in keys:
        await pilot.press(key)
        await settle(pilot)
        seen += only_text(pilot)
    return seen


async def test_a_thousand_hostile_names_in_the_list_are_only_text() -> None:
    async with fakes.app(box(), screen="tokens").run_test(size=SIZE) as pilot:
        tokens = TokensPage(pilot)
        await tokens.ready()
        seen, shown = "", 0
        assert len(tokens.names()) == COUNT
        while shown < COUNT:
            seen += await walk(pilot, "pagedown")
            shown += SIZE[1] // 2
        # The markup is there, as characters: nobody took it out and nobody obeyed it.
        assert "[bold red]x[/]" in seen
        assert "[@click=app.quit]" in seen


TOKENS = [
    ("enter", "j", "j", "escape"),
    ("s", "escape"),
    ("n", *"abc", "enter", "s", "k", "enter", "escape"),
    ("ctrl+d", "escape"),
    ("space", "space", "space", "ctrl+d", "tab", "tab", "escape"),
    ("R", "enter", "escape", "escape"),
    ("ctrl+s", "escape"),
    ("slash", *"[/]", "escape"),
    ("y", "Y"),
    ("left", "left", "left"),
    ("question_mark", "escape"),
    ("ctrl+p", "escape"),
]


@pytest.mark.parametrize("keys", TOKENS, ids=lambda keys: "-".join(keys)[:30])
async def test_every_dialog_of_the_tokens_shows_only_text(keys: tuple[str, ...]) -> None:
    made = box()
    made.plane.tokens = made.plane.tokens[:30]
    async with fakes.app(made, screen="tokens").run_test(size=SIZE) as pilot:
        await TokensPage(pilot).ready()
        await walk(pilot, *keys)


ROOMS = [
    ("accounts", ("w", "escape", "o", "escape", "L", "escape")),
    ("accounts", ("l", "down", "down", "down", "enter", "escape")),
    ("auto_revoke", ("left", "left", "ctrl+s", "escape", "r")),
    ("activity", ("slash", *"x", "escape", "down")),
]


@pytest.mark.parametrize(("room", "keys"), ROOMS, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("fails", [False, True], ids=["works", "fails"])
async def test_every_other_room_shows_only_text(room: str, keys: tuple[str, ...], fails: bool) -> None:
    """Also where the server, the browser and the port answer with such a sentence."""
    made = box()
    if fails:
        error = Refused(EVIL, hint=EVIL)
        made.plane.fail = dict.fromkeys(
            ("current", "memberships", "list_tokens", "set_threshold", "sign_out", "server_info"), error
        )
        made.fake_vault.error = None
        made.fake_listeners.busy = {8765: PortBusy(EVIL, hint=EVIL, port=8765, holder=EVIL)}
    async with fakes.app(made, screen=room).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await walk(pilot, *keys)


async def test_a_hostile_error_in_a_toast_is_only_text() -> None:
    async with fakes.app(box(), screen="accounts").run_test(size=SIZE, notifications=True) as pilot:
        await settle(pilot)
        pilot.app.show_error(Unreachable(EVIL, hint=EVIL), EVIL)  # type: ignore[attr-defined]  # Pilot does not know the subclass
        await Page(pilot).until(lambda: pilot.app.screen.query("Toast"))
        only_text(pilot)
        assert "[bold red]x[/]" in str(pilot.app.screen.query_one("Toast").render())


async def test_a_hostile_address_of_a_server_is_only_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it may stand in a configuration file or in the keychain."""
    monkeypatch.setattr(fakes, "ENDPOINT", Endpoint(Provider.CHAINLOOP, EVIL))
    async with fakes.app(box(), screen="accounts").run_test(size=SIZE) as pilot:
        await settle(pilot)
        await walk(pilot, "w", "escape", "2", "3", "4", "1")


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
async def test_a_small_terminal_cuts_text_and_not_its_neutralisation(size: tuple[int, int]) -> None:
    async with fakes.app(box(), screen="tokens").run_test(size=size) as pilot:
        await settle(pilot)
        await walk(pilot, "pagedown", "enter", "escape", "1", "3", "4")
