"""Creating an API token, and seeing it once."""

from pathlib import Path

import pytest
from textual.widgets import Input

from app.domain.errors import AlreadyExists, Failed, VaultLocked
from app.domain.organizations import Role
from app.screens.create_token import CreateTokenDialog
from app.screens.dialog import Confirm
from app.screens.reveal import RevealDialog
from app.services.chainloop_vault import SERVICE
from tests.support import app as fakes
from tests.support.rooms import SIZE, Room, stage, story
from widgets.choice_bar import ChoiceBar

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
    box.__dict__["clipboard"] = clipboard
    return clipboard


async def opened(room: Room) -> None:
    """Open the form."""
    await room.until(room.names)
    await room.press("n")
    await room.dialog(CreateTokenDialog)


async def created(room: Room, name: str = "ci-new") -> None:
    """Create a token with the defaults."""
    await opened(room)
    await room.write(name)
    await room.press("enter")
    await room.dialog(RevealDialog)


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
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await opened(room)
        await room.write(name)
        assert said in room.text()
        assert not room.enabled("#create")
        await room.press("enter")
        assert isinstance(room.screen, CreateTokenDialog)


async def test_a_name_is_unique_in_its_scope_alone() -> None:
    """ci-release belongs to the organization: in a project the name is free, and a revoked one is too."""
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await opened(room)
        await room.write("ci-release")
        room.find("#create-scope", ChoiceBar).focus()
        await room.press("right")
        assert room.says("#create-name-note") == "✓ free"
        room.find("#create-name", Input).value = "release-bot"
        await room.press("left")
        assert room.says("#create-name-note") == "✓ free"


async def test_ninety_days_unless_chosen_and_the_end_is_shown() -> None:
    """Never warns; a date is checked while it is typed."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await opened(room)
        await room.write("ci-new")
        await room.reads("ends on Friday, 12 June 2026")
        room.find("#create-life", ChoiceBar).focus()
        await room.press("right", "right", "right")
        await room.reads("it works until somebody revokes it")
        await room.press("left")
        room.find("#create-date", Input).focus()
        await room.write("2026-02-30")
        await room.reads("this is not a date")
        assert not room.enabled("#create")
        room.find("#create-date", Input).value = "2026-04-01"
        await room.press("enter")
        await room.dialog(RevealDialog)
        made = box.plane.tokens[-1]
        assert made.expires_at is not None
        assert made.expires_at.date().isoformat() == "2026-04-01"


async def test_a_member_must_name_a_project() -> None:
    """The organization stays visible and cannot be taken; the reason is there."""
    box = story()
    box.plane.role = Role.MEMBER
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await opened(room)
        await room.write("ci-new")
        await room.reads("organization is not offered")
        scope = room.find("#create-scope", ChoiceBar)
        scope.focus()
        await room.press("left", "left")
        assert scope.choices[scope.chosen or 0] == "ml"
        await room.press("right", "right")
        assert not room.enabled("#create")
        room.find("#create-project", Input).focus()
        await room.write("data-lake")
        await room.press("enter")
        await room.dialog(RevealDialog)
        assert box.plane.tokens[-1].project is not None
        assert box.plane.tokens[-1].project.name == "data-lake"


async def test_a_refusal_keeps_the_form_filled() -> None:
    """Somebody else took the name in between."""
    box = story()
    box.plane.fail["create_token"] = AlreadyExists("the name is taken", hint="choose another name")
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await opened(room)
        await room.write("ci-new")
        room.find("#create-description", Input).value = "runner 7"
        await room.press("enter")
        await room.until(lambda: "the name is taken" in room.text())
        assert room.find("#create-name", Input).value == "ci-new"
        assert room.find("#create-description", Input).value == "runner 7"
        box.plane.fail.clear()
        await room.press("enter")
        await room.dialog(RevealDialog)
        assert box.plane.tokens[-1].description == "runner 7"


async def test_a_new_token_is_masked_until_it_is_shown() -> None:
    """Then hidden again; the list behind it has the new row under the cursor."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await created(room)
        assert SECRET not in room.text()
        await room.reads("NOT SAVED YET")
        await room.press("s")
        assert SECRET in room.text()
        await room.press("s")
        assert SECRET not in room.text()
        await room.until(lambda: room.under_cursor() == "ci-new")


async def test_leaving_unsaved_asks() -> None:
    """Stay has the focus; leaving is a decision."""
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await created(room)
        await room.press("escape")
        await room.dialog(Confirm)
        await room.reads("Leave without saving?")
        await room.press("enter")
        await room.dialog(RevealDialog)
        await room.press("q")
        await room.dialog(Confirm)
        await room.press("tab", "enter")
        await room.closed()


async def test_a_copy_says_what_is_known_and_does_not_count_as_saved() -> None:
    """A clipboard is not a place to keep a token: leaving still asks."""
    box = story()
    clipboard = clipped(box)
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await created(room)
        await room.press("y")
        await room.until(lambda: "copied with paper" in room.text())
        assert clipboard.copied == [SECRET]
        assert "NOT SAVED YET" not in room.text()
        await room.press("escape")
        await room.dialog(Confirm)
        await room.reads("only on the clipboard")


async def test_saved_as_a_profile_it_can_be_left() -> None:
    """The keychain has it, under the real name of the keychain; a profile that exists is not replaced."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await created(room)
        await room.press("k")
        room.find("#reveal-input", Input).value = "default"
        await room.press("enter")
        await room.until(lambda: "there is a profile default already" in room.text())
        room.find("#reveal-input", Input).value = "ci-new"
        await room.press("enter")
        await room.until(lambda: "saved to GNOME Keyring as profile ci-new" in room.text())
        assert SECRET in box.fake_vault.entries[SERVICE, "ci-new"].reveal()
        await room.press("escape")
        await room.closed()


async def test_a_locked_keychain_keeps_the_token_on_the_screen() -> None:
    """The dialog tells, and nothing is lost."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await created(room)
        box.fake_vault.error = VaultLocked("the keychain is locked", hint="unlock it")
        await room.press("k", "enter")
        await room.until(lambda: "the keychain is locked" in room.text())
        await room.reads("NOT SAVED YET")
        await room.press("escape", "s")
        assert SECRET in room.text()


async def test_written_to_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    """New, 0600; a file that is there is never replaced."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await created(room)
        target = tmp_path / "token"
        target.write_text("mine")
        await room.press("f")
        room.find("#reveal-input", Input).value = str(target)
        await room.press("enter")
        await room.until(lambda: "exists already" in room.text())
        assert target.read_text() == "mine"
        target.unlink()
        await room.press("enter")
        await room.until(lambda: "(0600)" in room.text())
        assert target.read_text() == SECRET
        assert target.stat().st_mode & 0o777 == 0o600
