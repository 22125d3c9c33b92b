"""The row of the CI identity: opened in a job, grey with the reason elsewhere."""

from app.domain.errors import LoopinError, TokenRejected
from tests.support import app as fakes
from tests.support.job import Job
from tests.support.pages.login import IdentityPage, at_the_choice, signed_out


def in_job(error: LoopinError | None = None) -> fakes.FakeContainer:
    """A Loopin inside the job."""
    box = fakes.container(signed_in=False)
    box.ci_identity = Job(error)
    return box


async def test_in_a_job_the_row_shows_who_it_says_we_are() -> None:
    async with at_the_choice(in_job()) as login:
        assert "GitLab CI: used by itself" in login.options()[-1]
        await login.last_way()
        identity = await login.over(IdentityPage)
        await identity.until(lambda: identity.state() == "filled")
        told = identity.words()
        for words in ("acme/web", "main", "self-hosted", "42 m", "never stored", "✗ list, create or revoke"):
            assert words in told


async def test_a_token_that_does_not_pass_says_why() -> None:
    error = TokenRejected("the token is for another audience", hint="set aud: chainloop")
    async with at_the_choice(in_job(error)) as login:
        await login.last_way()
        identity = await login.over(IdentityPage)
        await identity.until(lambda: identity.state() == "error")
        assert "another audience" in identity.shown()


async def test_outside_a_job_the_row_cannot_be_chosen() -> None:
    async with at_the_choice(signed_out()) as login:
        assert not login.can_take_last()
