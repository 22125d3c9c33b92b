"""The row of the CI identity: opened in a job, grey with the reason elsewhere."""

from datetime import timedelta

from textual.widgets import OptionList

from app.domain.errors import LoopinError, TokenRejected
from app.domain.keyless import Availability, CIIdentity, CISystem, CIToken
from app.domain.secret import Secret
from app.screens.keyless import KeylessDialog
from tests.support import app as fakes
from tests.ui.pilots import until
from tests.ui.test_login import SIZE, choose, shown
from widgets.lines import Rows
from widgets.state_view import StateView

JOB = CIIdentity(
    CISystem.GITLAB,
    "https://gitlab.acme.example",
    "project_path:acme/web:ref:main",
    "acme/web",
    "main",
    "gitlab.acme.example/acme/web//.gitlab-ci.yml@refs/heads/main",
    "self-hosted",
    fakes.NOW + timedelta(minutes=42),
)


class Job:
    """A GitLab job; `error` is what its token does not pass with."""

    def __init__(self, error: LoopinError | None = None) -> None:
        self.error = error

    def look(self) -> Availability:
        """Here."""
        return Availability(CISystem.GITLAB, "GITLAB_OIDC")

    async def token(self) -> CIToken:
        """Verified."""
        if self.error is not None:
            raise self.error
        return CIToken(Secret("not-a-real-job-token"), JOB)


def in_job(error: LoopinError | None = None) -> fakes.FakeContainer:
    """A Loopin inside the job."""
    box = fakes.container(signed_in=False)
    box.__dict__["ci_identity"] = Job(error)
    return box


async def test_in_a_job_the_row_shows_who_it_says_we_are() -> None:
    app = fakes.app(in_job())
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot)
        ways = app.screen.query_one(OptionList)
        assert "GitLab CI: used by itself" in str(ways.get_option_at_index(ways.option_count - 1).prompt)
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(app.screen, KeylessDialog))
        await until(pilot, lambda: app.screen.query_one(StateView).state == "filled")
        told = "\n".join(line.plain for line in app.screen.query_one(Rows).lines(80))
        for words in ("acme/web", "main", "self-hosted", "42 m", "never stored", "✗ list, create or revoke"):
            assert words in told


async def test_a_token_that_does_not_pass_says_why() -> None:
    app = fakes.app(in_job(TokenRejected("the token is for another audience", hint="set aud: chainloop")))
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, "end", "enter")
        await until(pilot, lambda: isinstance(app.screen, KeylessDialog))
        await until(pilot, lambda: app.screen.query_one(StateView).state == "error")
        assert "another audience" in shown(app)


async def test_outside_a_job_the_row_cannot_be_chosen() -> None:
    app = fakes.app(fakes.container(signed_in=False))
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot)
        ways = app.screen.query_one(OptionList)
        assert ways.get_option_at_index(ways.option_count - 1).disabled
