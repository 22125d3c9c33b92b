"""Creating an API token, and seeing it once."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.credentials import Provider
from app.domain.errors import AlreadyExists, Failed, SessionEnded, VaultLocked
from app.domain.organizations import Role
from app.domain.tokens import Project
from app.services.stored_logins import CHAINLOOP_SERVICE
from tests.support import app as fakes
from tests.support.pages.create import RevealPage
from tests.support.pages.tokens import TokensPage
from tests.support.rooms import at_tokens, story
from tests.support.zones import here
from tests.ui.test_revoke_many import sign_in

SECRET = "not-a-real-token-of-ci-new-0042"


class PaperClipboard:
    """Keeps what was copied; raises `error` when set."""

    def __init__(self) -> None:
        self.copied: list[str] = []
        self.error: Failed | None = None

    async def copy(self, text: str) -> str:
        """Keep it."""
        if self.error:
            raise self.error
        self.copied.append(text)
        return "copied with paper"


def clipped(box: fakes.FakeContainer) -> PaperClipboard:
    """Give the app a clipboard that a test can read."""
    clipboard = PaperClipboard()
    box.clipboard = clipboard
    return clipboard


async def created(tokens: TokensPage) -> RevealPage:
    """Create a token with the defaults."""
    form = await tokens.new()
    await form.write("ci-new")
    return await form.create()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("CI", "capital letters are not allowed"),
        ("-ci", "a hyphen cannot come first or last"),
        ("ci_x", "only a-z, 0-9 and hyphens"),
        ("ci-release", "taken in the organization"),
        ("x" * 64, "64 characters, 63 are allowed"),
    ],
)
async def test_a_bad_name_is_said_while_typing(name: str, said: str) -> None:
    """And the button stays closed."""
    async with at_tokens() as tokens:
        form = await tokens.new()
        await form.write(name)
        assert said in form.text()
        assert not form.can_create()
        await form.enter()
        assert form.is_open()


async def test_a_name_is_unique_in_its_scope_alone() -> None:
    """ci-release belongs to the organization: in a project the name is free, and a revoked one is too."""
    async with at_tokens() as tokens:
        form = await tokens.new()
        await form.write("ci-release")
        await form.scope("right")
        assert form.name_note() == "✓ free"
        await form.named("release-bot")
        await form.scope("left")
        assert form.name_note() == "✓ free"


@pytest.mark.parametrize("name", ["global", "organization", "another project"])
async def test_a_project_may_be_called_like_a_choice(name: str) -> None:
    """The prefix tells it apart on the screen, and its place in the form."""
    box = story()
    for token in box.plane.tokens:
        if token.project is not None:
            box.plane.tokens[box.plane.tokens.index(token)] = replace(token, project=Project("p", name))
    async with at_tokens(box) as tokens:
        form = await tokens.new()
        await form.write("ci-new")
        assert await form.scope("right") == f"project/{name}"
        await form.save()
        made = box.plane.tokens[-1]
        assert made.project is not None
        assert made.project.name == name


async def test_ninety_days_unless_chosen_and_the_end_is_shown() -> None:
    """Never warns; a date is checked while it is typed."""
    box = story()
    async with at_tokens(box) as tokens:
        form = await tokens.new()
        await form.write("ci-new")
        await form.reads(f"ends on {here(fakes.NOW + timedelta(days=90), '%A, %-d %B %Y')}")
        await form.life("right", "right", "right")
        await form.reads("it works until somebody revokes it")
        await form.life("left")
        await form.date("2026-02-30")
        await form.reads("this is not a date")
        assert not form.can_create()
        await form.date("2026-04-01")
        await form.create()
        made = box.plane.tokens[-1]
        assert made.expires_at is not None
        assert here(made.expires_at, "%Y-%m-%d %H:%M:%S") == "2026-04-01 23:59:59"


async def test_a_member_must_name_a_project() -> None:
    """The organization stays visible and cannot be taken; the reason is there."""
    box = story()
    box.plane.role = Role.MEMBER
    async with at_tokens(box) as tokens:
        form = await tokens.new()
        await form.write("ci-new")
        await form.reads("global is not offered")
        assert await form.scope("left", "left") == "project/ml"
        await form.scope("right", "right")
        assert not form.can_create()
        await form.project("data-lake")
        await form.create()
        assert box.plane.tokens[-1].project is not None
        assert box.plane.tokens[-1].project.name == "data-lake"


async def test_a_refusal_keeps_the_form_filled() -> None:
    """Somebody else took the name in between."""
    box = story()
    box.plane.fail["create_token"] = AlreadyExists("the name is taken", hint="choose another name")
    async with at_tokens(box) as tokens:
        form = await tokens.new()
        await form.write("ci-new")
        await form.described("runner 7")
        await form.enter()
        await form.reads("the name is taken")
        assert form.name() == "ci-new"
        assert form.description() == "runner 7"
        box.plane.fail.clear()
        await form.create()
        assert box.plane.tokens[-1].description == "runner 7"


async def test_a_new_token_is_masked_until_it_is_shown() -> None:
    """Then hidden again; the list behind it has the new row under the cursor."""
    box = story()
    async with at_tokens(box) as tokens:
        reveal = await created(tokens)
        parts = [SECRET[at : at + 8] for at in range(len(SECRET) - 7)]
        assert [part for part in parts if part in reveal.shown()] == []
        await reveal.reads("NOT SAVED YET")
        await reveal.show()
        assert SECRET in reveal.text()
        await reveal.show()
        assert SECRET not in reveal.text()
        await tokens.until(lambda: tokens.under_cursor() == "ci-new")


async def test_leaving_unsaved_asks() -> None:
    """Stay has the focus; leaving is a decision."""
    async with at_tokens() as tokens:
        reveal = await created(tokens)
        question = await reveal.ask_to_leave()
        await question.reads("Leave without saving?")
        await question.enter()
        reveal = await tokens.over(RevealPage)
        question = await reveal.ask_to_leave("q")
        await question.yes()
        await tokens.closed()


async def test_a_copy_says_what_is_known_and_does_not_count_as_saved() -> None:
    """A clipboard is not a place to keep a token: leaving still asks."""
    box = story()
    clipboard = clipped(box)
    async with at_tokens(box) as tokens:
        reveal = await created(tokens)
        await reveal.copy()
        await reveal.reads("copied with paper")
        assert clipboard.copied == [SECRET]
        assert "NOT SAVED YET" not in reveal.text()
        question = await reveal.ask_to_leave()
        await question.reads("only on the clipboard")


async def test_saved_as_a_profile_it_can_be_left() -> None:
    """The keychain has it, under the real name of the keychain; a profile that exists is not replaced."""
    box = story()
    async with at_tokens(box) as tokens:
        reveal = await created(tokens)
        await reveal.to_keychain("default")
        await reveal.reads("there is a profile default already")
        await reveal.take("ci-new")
        await reveal.reads("saved to GNOME Keyring as profile ci-new")
        assert SECRET in box.fake_vault.entries[CHAINLOOP_SERVICE, "ci-new"].reveal()
        await reveal.leave()
        await tokens.closed()


async def test_a_locked_keychain_keeps_the_token_on_the_screen() -> None:
    """The dialog tells, and nothing is lost."""
    box = story()
    async with at_tokens(box) as tokens:
        reveal = await created(tokens)
        box.fake_vault.error = VaultLocked("the keychain is locked", hint="unlock it")
        await reveal.to_keychain()
        await reveal.reads("the keychain is locked")
        await reveal.reads("NOT SAVED YET")
        await reveal.unanswered()
        await reveal.show()
        assert SECRET in reveal.text()


async def test_written_to_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    """New, 0600; a file that is there is never replaced."""
    box = story()
    async with at_tokens(box) as tokens:
        reveal = await created(tokens)
        target = tmp_path / "token"
        target.write_text("mine")
        await reveal.to_file(str(target))
        await reveal.reads("exists already")
        assert target.read_text() == "mine"
        target.unlink()
        await reveal.take()
        await reveal.reads("(0600)")
        assert target.read_text() == SECRET
        assert target.stat().st_mode & 0o777 == 0o600


async def test_a_session_that_ends_is_mended_above_the_form_which_stays_filled() -> None:
    """Under a sign-in to another organization it makes nothing there."""
    box = story()
    async with at_tokens(box) as tokens:
        form = await tokens.new()
        await form.write("ci-new")
        await form.described("the new pipeline")
        hint = "sign in again: loopin chainloop auth login"
        box.plane.fail["create_token"] = SessionEnded(
            "Token is invalid", hint=hint, provider=Provider.CHAINLOOP
        )
        await form.enter()
        await form.reads("✗ Token is invalid Press ctrl+l to sign in again")
        box.plane.fail.clear()
        await sign_in(form)
        await form.until(form.is_open)
        assert (form.name(), form.description()) == ("ci-new", "the new pipeline")
        reveal = await form.save()
        await reveal.reads("ci-new was created")


async def test_the_button_is_as_wide_as_what_it_says() -> None:
    box = story()
    async with at_tokens(box) as tokens:
        form = await tokens.new()
        await form.write("ci-new")
        box.plane.hold = asyncio.Event()
        await form.enter()
        await form.until(lambda: "Creating …" in form.text())
        box.plane.hold.set()
        await form.over(RevealPage)


async def test_a_token_needs_no_list() -> None:
    """It is enough to know who somebody is; the list may not come at all."""
    box = story()
    box.plane.fail["list_tokens"] = Failed("the server tried and could not")
    async with at_tokens(box) as tokens:
        await tokens.until(lambda: tokens.app.account_state.identity)
        form = await tokens.new()
        await form.write("ci-new")
        await (await form.create()).reads("ci-new was created")


async def test_signed_out_the_key_says_why_it_does_nothing() -> None:
    async with at_tokens(fakes.container(signed_in=False)) as tokens:
        await tokens.reads("press ctrl+l to sign in")
        await tokens.ask_for_new()
        await tokens.until(lambda: "Who you are is not known yet" in tokens.toasts())
