"""The Tokens room: saved filters, permissions, the keyless way, the web pages, polling."""

from dataclasses import replace
from pathlib import Path

from app.adapters.storage.preferences import ConfigFile
from app.domain.activity import Action
from app.domain.errors import Failed
from app.domain.organizations import Role
from app.domain.permissions import READ_ONLY
from app.domain.server_info import TOKEN_PERMISSIONS
from app.tui.screens.tokens.screen import TokensScreen
from tests.support import app as fakes
from tests.support.rooms import at_tokens, story


def filed(folder: Path) -> fakes.FakeContainer:
    """The story, with a configuration file."""
    box = story()
    box.filters = ConfigFile(folder / "config.toml")
    return box


async def test_a_filter_is_saved_used_and_forgotten_by_its_name(tmp_path: Path) -> None:
    box = filed(tmp_path)
    async with at_tokens(box) as tokens:
        await tokens.filter("project:web never")
        await tokens.to_list()
        saved = await tokens.saved()
        await saved.reads("Nothing is saved yet.")
        await saved.write("web never")
        await saved.enter()
        await saved.reads("this cannot be a filter's name")
        await saved.save_as("unused-web")
        await saved.reads("unused-web project:web never")
        await saved.leave()
        await tokens.closed()
        await tokens.clear()
        await tokens.until(lambda: not tokens.filtered())
        saved = await tokens.saved()
        await saved.reads("unused-web")
        await saved.enter()
        await tokens.closed()
        assert tokens.filtered() == "project:web never"
        saved = await tokens.saved()
        await saved.reads("unused-web")
        await saved.forget()
        await saved.reads("Nothing is saved yet.")
    assert "unused-web" not in (tmp_path / "config.toml").read_text(encoding="utf-8")


def with_permissions() -> fakes.FakeContainer:
    """The story, at a server that has permissions."""
    box = story()
    box.plane.capabilities |= {TOKEN_PERMISSIONS}
    return box


async def test_permissions_are_chosen_where_the_server_has_them() -> None:
    box = with_permissions()
    async with at_tokens(box) as tokens:
        form = await tokens.new()
        await form.write("ci-look")
        await form.may("right")
        await form.reads("organization:read, api_token:list")
        await form.save()
        assert box.plane.tokens[-1].permissions == READ_ONLY


async def test_custom_permissions_need_at_least_one() -> None:
    box = with_permissions()
    async with at_tokens(box) as tokens:
        form = await tokens.new()
        await form.write("ci-look")
        await form.may("right", "right")
        await form.press("tab", "space", "down", "space")
        await form.reads("choose at least one")
        assert not form.can_create()
        await form.press("down", "down", "space")
        await form.save()
        assert box.plane.tokens[-1].permissions == ("api_token:revoke",)


async def test_a_token_cannot_give_what_it_does_not_have_itself() -> None:
    """The form offers what the token in use has, and says what is too much before anything is sent."""
    box = fakes.container(environment=fakes.CI_TOKEN)
    box.plane.capabilities |= {TOKEN_PERMISSIONS}
    box.plane.tokens[1] = replace(box.plane.tokens[1], permissions=("api_token:list", "api_token:create"))
    async with at_tokens(box) as tokens:
        form = await tokens.new()
        await form.write("ci-look")
        assert "api_token:revoke" not in form.text()
        assert form.can_create()
        assert await form.may("left", "left") == "default"
        await form.reads("the API token that you use may not: organization:read")
        assert not form.can_create()
        assert await form.may("right", "right") == "custom"
        await form.save()
        assert box.plane.tokens[-1].permissions == ("api_token:list",)


async def test_a_form_opens_before_any_project_is_known() -> None:
    """A new member must name a project, and sees no token of one yet."""
    box = with_permissions()
    box.plane.role = Role.MEMBER
    box.plane.tokens[:] = [token for token in box.plane.tokens if token.project is None]
    async with at_tokens(box) as tokens:
        form = await tokens.new()
        await form.write("ci-look")
        await form.reads("type the name of a project")
        await form.project("data-lake")
        await form.reads("organization:read")
        assert form.can_create()


async def test_a_token_that_reads_nothing_is_asked_to_choose() -> None:
    box = fakes.container(environment=fakes.CI_TOKEN)
    box.plane.capabilities |= {TOKEN_PERMISSIONS}
    box.plane.tokens[1] = replace(box.plane.tokens[1], permissions=("api_token:create",))
    async with at_tokens(box) as tokens:
        form = await tokens.new()
        await form.write("ci-look")
        await form.reads("choose at least one")
        assert not form.can_create()


async def test_a_stock_control_plane_offers_none_and_the_pane_says_so() -> None:
    async with at_tokens() as tokens:
        await tokens.reads("set by the server, not")
        form = await tokens.new()
        assert not form.offers_permissions()


async def test_a_token_of_a_ci_job_points_to_the_job_that_needs_none() -> None:
    box = story()
    async with at_tokens(box) as tokens:
        await tokens.to_last()
        await tokens.until(lambda: tokens.under_cursor() == "ci-release")
        await tokens.reads("CI token?")
        way = await tokens.keyless()
        await way.reads("GITLAB_OIDC:")
        await way.enter()
        await way.reads("copied with wl-copy")
        assert box.fake_clipboard.copied[-1].startswith("# .gitlab-ci.yml")
        assert "--org acme" in box.fake_clipboard.copied[-1]


async def test_the_web_pages_open_or_it_says_why_not() -> None:
    box = story()
    async with at_tokens(box) as tokens:
        await tokens.open_page()
        await tokens.until(lambda: "names no dashboard" in tokens.toasts())
        box.plane.dashboard = "javascript:alert(1)"
        await tokens.open_page()
        await tokens.until(lambda: "is no page" in tokens.toasts())
        assert box.fake_browser.opened == []
        box.plane.dashboard = "https://app.acme.example"
        await tokens.open_page()
        await tokens.until(lambda: "opened in firefox" in tokens.toasts())
        assert box.fake_browser.opened == ["https://app.acme.example"]


async def test_polling_lists_again_but_never_under_an_api_token() -> None:
    """A token that is asked with by the clock would never be idle."""
    for box, more in ((story(), 1), (fakes.container(environment=fakes.CI_TOKEN), 0)):
        box.settings = replace(box.settings, refresh_minutes=5)
        async with at_tokens(box) as tokens:
            screen = tokens.room
            assert isinstance(screen, TokensScreen)
            assert [t._interval for t in screen._timers if t._interval == 300]
            before = box.plane.calls.count("list_tokens")
            screen.poll()
            await tokens.rest()
            assert box.plane.calls.count("list_tokens") == before + more


async def test_what_was_revoked_outside_is_told_and_written_down() -> None:
    box = story()
    async with at_tokens(box) as tokens:
        await tokens.until(lambda: box.known_tokens.ids)  # type: ignore[attr-defined]  # the fake's
        at = next(n for n, token in enumerate(box.plane.tokens) if token.name == "ci-legacy")
        box.plane.tokens[at] = replace(box.plane.tokens[at], revoked_at=fakes.NOW)
        await tokens.refresh()
        await tokens.until(lambda: "ci-legacy: see Activity" in tokens.toasts())
    assert [e.action for e in box.fake_activity.lines] == [Action.VANISHED]


async def test_what_a_server_sent_as_an_id_cannot_end_a_line_in_a_shell() -> None:
    """A line break in the clipboard would run what stands before it."""
    box = fakes.container()
    box.plane.tokens = [replace(box.plane.tokens[0], id="x; touch /tmp/owned\n\x1b]52;c;aGk=\x07")]
    async with at_tokens(box) as tokens:
        await tokens.press("y")
        await tokens.until(lambda: box.fake_clipboard.copied)
        (copied,) = box.fake_clipboard.copied
        assert copied.isprintable()


async def test_an_activity_that_cannot_be_written_is_told_and_claims_nothing() -> None:
    """What Loopin did itself is not reported as done by somebody else, and this run still shows it."""
    box = fakes.container()
    async with at_tokens(box) as tokens:
        box.fake_activity.full = Failed("activity.jsonl cannot be written: no space left", hint="make room")
        question = await tokens.revoke()
        await question.yes()
        await tokens.until(lambda: "This could not be written into the activity" in tokens.toasts())
        assert tokens.toasts().count("could not be written") == 1
        box.fake_activity.full = None
        await tokens.refresh()
        await tokens.until(lambda: box.plane.calls.count("list_tokens") >= 4)
        await tokens.rest()
        assert "outside Loopin" not in tokens.toasts()
        assert [entry.subject for entry in await box.activity_log.entries()] == ["ci-legacy"]


async def test_a_hint_that_is_longer_than_its_input_stays_readable() -> None:
    """Beside the count of marks the input is short; once it held something it knows how long the hint is."""
    async with at_tokens(story(), size=(80, 24)) as tokens:
        await tokens.filter("ci")
        await tokens.press("escape", "escape")
        await tokens.until(lambda: not tokens.filtered())
        await tokens.mark(1)
        await tokens.until(lambda: "1 marked" in tokens.text())
        assert "/ filter: words, name:ci-*" in tokens.text()
