"""The footer never lies: it names what the keys do now, in an input, in an empty room, without a right."""

from textual.widgets import Input

from app.domain.organizations import Role
from app.tui.app import LoopinApp
from tests.support import app as fakes
from tests.support.pages.frame import FramePage
from tests.support.pages.login import GUMLOOP_KEY, at_the_choice, signed_out
from tests.support.pages.page import SMALL, opened
from tests.support.pages.tokens import TokensPage
from tests.support.rooms import at_threshold, at_tokens, stage, story
from widgets.footer import Footer
from widgets.token_table import TokenTable


async def test_while_a_filter_is_typed_the_footer_names_the_keys_of_the_input() -> None:
    """Escape first clears, then goes back; a click does what the key does."""
    async with at_tokens() as tokens:
        await tokens.filter("")
        await tokens.until(lambda: tokens.foot().strip().startswith("enter to the list  esc back  F1 help"))
        await tokens.write("web")
        await tokens.until(lambda: "esc clear" in tokens.foot())
        await tokens.click_word(Footer, "clear")
        await tokens.until(lambda: not tokens.filtered() and "esc back" in tokens.foot())
        await tokens.click_word(Footer, "to the list")
        await tokens.until(lambda: "ctrl+d revoke" in tokens.foot())
        assert isinstance(tokens.screen.focused, TokenTable)


async def test_the_filter_of_the_activity_names_its_keys_too() -> None:
    """Enter keeps what is typed and goes to the list."""
    async with opened(FramePage, fakes.app(screen="activity")) as frame:
        await frame.filter("l")
        await frame.until(lambda: "enter to the list  esc clear" in frame.foot())
        await frame.click_word(Footer, "to the list")
        await frame.until(lambda: "/ filter" in frame.foot())
        assert frame.typed() == "l"


async def test_a_bad_term_is_named_under_its_place_and_moves_nothing() -> None:
    """In the narrow terminal the longest message takes one line that was empty before."""
    async with opened(TokensPage, stage(story()), SMALL) as tokens:
        table = tokens.find("#tokens-table", TokenTable)
        before = table.region
        await tokens.filter("status:gone")
        await tokens.reads("✗ status:gone: status is one of")
        assert table.region == before
        line = tokens.text().splitlines()[before.y - 1]
        assert line.strip().startswith("✗ status:gone: status is one of")
        await tokens.press("ctrl+u", *"web idle>")
        await tokens.reads("✗ idle>: a duration must follow")
        typed, said = tokens.text().splitlines()[before.y - 2 : before.y]
        assert said.index("✗") == typed.index("idle>")
        await tokens.write("3d")
        await tokens.until(lambda: "✗" not in tokens.text())


async def test_a_room_without_tokens_offers_no_filter_and_no_order() -> None:
    box = story()
    box.plane.tokens.clear()
    async with opened(TokensPage, stage(box)) as tokens:
        footer = tokens.footer()
        assert footer["new"]
        assert (footer["filter"], footer["sort"]) == (False, False)


async def test_who_may_neither_change_nor_see_moves_no_threshold() -> None:
    box = story()
    box.plane.role = Role.VIEWER
    async with at_threshold(box) as room:
        await room.reads("Saved: 90 days.")
        await room.press("plus")
        await room.until(lambda: any("owners and admins" in note for note in room.notes()))
        assert room.footer()["more"] is False
        await room.reads("Saved: 90 days.")


def title_colour(app: LoopinApp) -> str:
    """The colour of the words in place of a list."""
    return app.screen.query_one(".state-title").styles.color.hex


async def test_not_signed_in_is_no_error_and_not_red() -> None:
    app = fakes.app(fakes.container(signed_in=False), screen="tokens")
    async with opened(FramePage, app) as frame:
        await frame.until(lambda: "not signed in" in frame.text())
        muted = app.theme_variables["text-muted"]
        assert title_colour(app).lower() == muted.lower()


async def test_enter_in_a_form_is_named_for_what_it_does() -> None:
    """The next field while one is empty, else the verification."""
    async with at_the_choice(signed_out()) as login:
        await login.choose(GUMLOOP_KEY)
        await login.until(lambda: "enter next field" in login.screen.query_one(Footer).render().plain)
        last = list(login.screen.query(Input))[-1]
        last.value = "user-0001"
        await login.until(lambda: "enter verify and sign in" in login.screen.query_one(Footer).render().plain)
