"""Help and palette come from the registry."""

from app.tui.commands.registry import COMMANDS
from tests.support import app as fakes
from tests.support.pages.frame import FramePage
from tests.support.pages.page import SMALL, opened

TALL = (120, 60)


async def test_help_begins_with_this_screen_and_has_every_command() -> None:
    async with opened(FramePage, fakes.app(screen="activity"), TALL) as frame:
        help = await frame.help()
        assert help.words().startswith("Activity (here)")
        assert [c.title for c in COMMANDS if c.keys and c.title not in help.words()] == []


async def test_help_finds_by_word_and_by_key() -> None:
    async with opened(FramePage, fakes.app(), TALL) as frame:
        help = await frame.help("f1")
        await help.search("quits")
        await help.until(lambda: "ctrl+c" in help.words() and "Activity" not in help.words())
        await help.search("nonsense")
        await help.until(lambda: help.words() == "nothing is called that")
        await help.leave()
        await frame.closed()


async def test_help_shows_the_keys_that_a_person_chose() -> None:
    async with opened(FramePage, fakes.app(fakes.container(keys={"accounts.why": "x"})), TALL) as frame:
        help = await frame.help()
        line = next(line for line in help.words().splitlines() if "Why this credential" in line)
        assert line.split()[0] == "x"


async def test_the_arrows_scroll_while_the_search_has_the_focus() -> None:
    async with opened(FramePage, fakes.app(), SMALL) as frame:
        help = await frame.help()
        await help.press("down", "pagedown")
        await help.until(lambda: help.scrolled() == 11)
