"""The row of the sign-in screen: where a CI identity can work, and why not where it cannot."""

import pytest

from app.adapters.system.ci_identity import CIEnvironment
from app.adapters.system.clock import SystemClock
from app.bootstrap import Container
from app.domain.ci import MARKS
from app.domain.credentials import Method
from app.settings import load
from app.tui.screens.login.methods import chainloop_methods

GITLAB = {
    "GITLAB_CI": "true",
    "CI_SERVER_URL": "https://gitlab.example",
    "CI_JOB_URL": "https://gitlab.example/j",
}


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "not here: GITLAB_OIDC is not set"),
        (GITLAB, "not here: GITLAB_OIDC is not set"),
        (GITLAB | {"GITLAB_OIDC": "x"}, "GitLab CI: used by itself, enter shows it"),
        ({"GITHUB_ACTIONS": "true"}, "not here: ACTIONS_ID_TOKEN_REQUEST_URL is not set"),
    ],
)
def test_the_row_says_whether_this_is_a_job_that_can_prove_itself(environ: dict[str, str], said: str) -> None:
    """It is never a step that somebody has to take."""
    box = Container(load({}))
    ci = CIEnvironment(environ, SystemClock()).availability()
    rows = chainloop_methods(
        box.chainloop_browser_sign_in, box.chainloop_login_store, box.claims, ci=ci, inspect=box.keyless
    )
    assert [row.why_not or row.note for row in rows if row.method is Method.KEYLESS] == [said]


@pytest.mark.parametrize("variable", MARKS)
def test_whoever_is_in_a_job_looks_for_its_identity(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere nobody does, and nothing of it is imported."""
    assert Container(load({})).outside_ci
    monkeypatch.setenv(variable, "true")
    box = Container(load({}))
    assert not box.outside_ci
    assert box.chainloop_session.in_ci_job()
    assert box.ci_identity.availability().system is MARKS[variable]
