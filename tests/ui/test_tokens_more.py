"""The Tokens room: saved filters, permissions, the keyless way, the web pages, polling."""

from dataclasses import replace
from pathlib import Path

from textual.widgets import Input

from app.domain.activity import Action
from app.domain.permissions import READ_ONLY
from app.domain.server_info import TOKEN_PERMISSIONS
from app.screens.create_token import CreateTokenDialog
from app.screens.keyless_way import KeylessWayDialog
from app.screens.reveal import RevealDialog
from app.screens.saved_filters import SavedFiltersDialog
from app.screens.tokens import TokensScreen
from app.store.saved_filters import TomlFilters
from tests.support import app as fakes
from tests.support.rooms import SIZE, Room, stage, story
from widgets.choice_bar import ChoiceBar
from widgets.filter_bar import FilterBar


def filed(folder: Path) -> fakes.FakeContainer:
    """The story, with a configuration file."""
    box = story()
    box.__dict__["filters"] = TomlFilters(folder / "config.toml")
    return box


async def test_a_filter_is_saved_used_and_forgotten_by_its_name(tmp_path: Path) -> None:
    box = filed(tmp_path)
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("slash", *"project:web never", "down", "F")
        await room.dialog(SavedFiltersDialog)
        await room.reads("Nothing is saved yet.")
        await room.press(*"web never", "enter")
        await room.reads("this cannot be a filter's name")
        room.find("#saved-name", Input).value = "unused-web"
        await room.press("enter")
        await room.reads("unused-web project:web never")
        await room.press("escape")
        await room.closed()
        await room.press("escape")
        bar = room.room.query_one(FilterBar)
        await room.until(lambda: not bar.text)
        await room.press("F")
        await room.dialog(SavedFiltersDialog)
        await room.reads("unused-web")
        await room.press("enter")
        await room.closed()
        assert bar.text == "project:web never"
        await room.press("F")
        await room.dialog(SavedFiltersDialog)
        await room.reads("unused-web")
        await room.press("delete")
        await room.reads("Nothing is saved yet.")
    assert "unused-web" not in (tmp_path / "config.toml").read_text(encoding="utf-8")


async def test_permissions_are_chosen_where_the_server_has_them() -> None:
    box = story()
    box.plane.capabilities |= {TOKEN_PERMISSIONS}
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("n", *"ci-look")
        await room.dialog(CreateTokenDialog)
        room.find("#create-may", ChoiceBar).focus()
        await room.press("right")
        await room.reads("organization:read, api_token:list")
        await room.press("ctrl+s")
        await room.dialog(RevealDialog)
        assert box.plane.tokens[-1].permissions == READ_ONLY


async def test_custom_permissions_need_at_least_one() -> None:
    box = story()
    box.plane.capabilities |= {TOKEN_PERMISSIONS}
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("n", *"ci-look")
        await room.dialog(CreateTokenDialog)
        room.find("#create-may", ChoiceBar).focus()
        await room.press("right", "right", "tab", "space", "down", "space")
        await room.reads("choose at least one")
        assert not room.enabled("#create")
        await room.press("down", "down", "space", "ctrl+s")
        await room.dialog(RevealDialog)
        assert box.plane.tokens[-1].permissions == ("api_token:revoke",)


async def test_a_stock_control_plane_offers_none_and_the_pane_says_so() -> None:
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.reads("set by the server, not")
        await room.press("n")
        await room.dialog(CreateTokenDialog)
        assert not room.screen.query("#create-may")


async def test_a_token_of_a_ci_job_points_to_the_job_that_needs_none() -> None:
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("G")
        await room.until(lambda: room.under_cursor() == "ci-release")
        await room.reads("CI token?")
        await room.press("K")
        await room.dialog(KeylessWayDialog)
        await room.reads("GITLAB_OIDC:")
        await room.press("enter")
        await room.reads("copied with wl-copy")
        assert box.fake_clipboard.copied[-1].startswith("# .gitlab-ci.yml")
        assert "--org acme" in box.fake_clipboard.copied[-1]


async def test_the_web_pages_open_or_it_says_why_not() -> None:
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("o")
        await room.until(lambda: "names no dashboard" in room.toasts())
        box.plane.dashboard = "javascript:alert(1)"
        await room.press("o")
        await room.until(lambda: "is no page" in room.toasts())
        assert box.fake_browser.opened == []
        box.plane.dashboard = "https://app.acme.example"
        await room.press("o")
        await room.until(lambda: "opened in firefox" in room.toasts())
        assert box.fake_browser.opened == ["https://app.acme.example"]


async def test_polling_lists_again_but_never_under_an_api_token() -> None:
    """A token that is asked with by the clock would never be idle."""
    for box, more in ((story(), 1), (fakes.container(environment=fakes.CI_TOKEN), 0)):
        box.settings = replace(box.settings, refresh_minutes=5)
        async with stage(box).run_test(size=SIZE) as pilot:
            room = Room(pilot)
            await room.until(room.names)
            screen = room.room
            assert isinstance(screen, TokensScreen)
            assert [t._interval for t in screen._timers if t._interval == 300]
            before = box.plane.calls.count("list_tokens")
            screen.poll()
            for _ in range(10):
                await pilot.pause()
            assert box.plane.calls.count("list_tokens") == before + more


async def test_what_was_revoked_outside_is_told_and_written_down() -> None:
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.until(lambda: box.known_tokens.ids)  # type: ignore[attr-defined]  # the fake's
        at = next(n for n, token in enumerate(box.plane.tokens) if token.name == "ci-legacy")
        box.plane.tokens[at] = replace(box.plane.tokens[at], revoked_at=fakes.NOW)
        await room.press("r")
        await room.until(lambda: "ci-legacy: see Activity" in room.toasts())
    assert [e.action for e in box.fake_activity.lines] == [Action.VANISHED]
