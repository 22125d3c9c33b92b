"""Help and palette come from the registry."""

from app.commands.registry import COMMANDS
from app.main import LoopinApp
from app.screens.help import HelpScreen
from tests.support import app as fakes
from tests.ui.pilots import settled, until
from widgets.lines import Rows

SIZE = (120, 60)


def page(app: LoopinApp) -> str:
    """The text of the help."""
    return app.screen.query_one(Rows).render().plain


async def test_help_begins_with_this_screen_and_has_every_command() -> None:
    app = fakes.app(screen="activity")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        assert page(app).startswith("Activity (here)")
        assert [c.title for c in COMMANDS if c.keys and c.title not in page(app)] == []


async def test_help_finds_by_word_and_by_key() -> None:
    app = fakes.app()
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("f1", *"quits")
        await until(pilot, lambda: "ctrl+c" in page(app) and "Activity" not in page(app))
        await pilot.press("ctrl+u", *"nonsense")
        await until(pilot, lambda: page(app) == "nothing is called that")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, HelpScreen))


async def test_help_shows_the_keys_that_a_person_chose() -> None:
    app = fakes.app(fakes.container(keys={"accounts.why": "x"}))
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        line = next(line for line in page(app).splitlines() if "Why this credential" in line)
        assert line.split()[0] == "x"


async def test_the_arrows_scroll_while_the_search_has_the_focus() -> None:
    app = fakes.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("down", "pagedown")
        await until(pilot, lambda: app.screen.query_one("VerticalScroll").scroll_offset.y == 11)
