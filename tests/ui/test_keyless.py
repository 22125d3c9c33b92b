"""The row of the CI identity: opened in a job, grey with the reason elsewhere."""

from textual.widgets import OptionList

from app.domain.errors import LoopinError, TokenRejected
from app.screens.keyless import KeylessDialog
from tests.support import app as fakes
from tests.support.job import Job
from tests.support.pages.login import at_the_choice, signed_out
from widgets.lines import Rows
from widgets.state_view import StateView


def in_job(error: LoopinError | None = None) -> fakes.FakeContainer:
    """A Loopin inside the job."""
    box = fakes.container(signed_in=False)
    box.__dict__["ci_identity"] = Job(error)
    return box


async def test_in_a_job_the_row_shows_who_it_says_we_are() -> None:
    async with at_the_choice(in_job()) as login:
        assert "GitLab CI: used by itself" in login.options()[-1]
        await login.press("end", "enter")
        await login.dialog(KeylessDialog)
        await login.until(lambda: login.screen.query_one(StateView).state == "filled")
        told = "\n".join(line.plain for line in login.screen.query_one(Rows).lines(80))
        for words in ("acme/web", "main", "self-hosted", "42 m", "never stored", "✗ list, create or revoke"):
            assert words in told


async def test_a_token_that_does_not_pass_says_why() -> None:
    error = TokenRejected("the token is for another audience", hint="set aud: chainloop")
    async with at_the_choice(in_job(error)) as login:
        await login.press("end", "enter")
        await login.dialog(KeylessDialog)
        await login.until(lambda: login.screen.query_one(StateView).state == "error")
        assert "another audience" in login.shown()


async def test_outside_a_job_the_row_cannot_be_chosen() -> None:
    async with at_the_choice(signed_out()) as login:
        ways = login.screen.query_one(OptionList)
        assert ways.get_option_at_index(ways.option_count - 1).disabled
