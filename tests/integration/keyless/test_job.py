"""A CI job and its token: found, verified with its issuer, and refused for what it is."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.adapters.system.ci_identity import CIEnvironment
from app.adapters.system.clock import SystemClock
from app.domain.ci import CISystem
from app.domain.errors import LoopinError, NotSignedIn, TokenRejected
from app.domain.secret import Secret
from tests.support.issuer import (
    DISCOVERY,
    GITHUB_TOKEN_PATH,
    JWKS,
    Issuer,
    github_claims,
    github_job,
    gitlab_job,
    rsa_key,
)


def job(environ: dict[str, str]) -> CIEnvironment:
    """The job with that environment."""
    return CIEnvironment(environ, SystemClock())


async def refusal(environ: dict[str, str]) -> LoopinError:
    """Why its token is refused."""
    with pytest.raises(LoopinError) as caught:
        await job(environ).token()
    return caught.value


async def test_a_gitlab_job_is_who_its_token_says(issuer: Issuer) -> None:
    """Project, ref, workflow file, runner, time left."""
    found = (await job(gitlab_job(issuer)).token()).identity
    assert (found.system, found.issuer, found.project, found.ref) == (
        CISystem.GITLAB,
        issuer.name,
        "acme/web",
        "main",
    )
    assert found.workflow.endswith(".gitlab-ci.yml@refs/heads/main")
    assert found.runner == "self-hosted"
    assert 800 < found.left(datetime.now(UTC)).total_seconds() <= 900


@pytest.mark.parametrize("path", ["", "/acme"])
async def test_a_github_job_asks_for_its_token(issuer: Issuer, path: str) -> None:
    """Audience chainloop, with the job's own bearer; an enterprise may add its name to the issuer's."""
    issuer.path = f"/_services/token{path}"
    token = issuer.token(github_claims(issuer.name))
    found = (await job(github_job(issuer, token)).token()).identity
    assert (found.system, found.project, found.runner) == (CISystem.GITHUB, "acme/shop", "github-hosted")
    assert found.workflow == "acme/shop/.github/workflows/release.yml@refs/heads/main"
    assert issuer.asked[0] == GITHUB_TOKEN_PATH


async def test_a_verified_token_is_kept_for_its_life(issuer: Issuer) -> None:
    """Status, listing and the rest of one run verify once."""
    here = job(gitlab_job(issuer))
    assert (await here.token()) is (await here.token())
    assert issuer.asked == [DISCOVERY, JWKS]
    short = job(gitlab_job(issuer, issuer.gitlab(exp=int(datetime.now(UTC).timestamp()) + 30)))
    assert (await short.token()) is not (await short.token())


@pytest.mark.parametrize(
    ("without", "said", "fix"),
    [
        ("GITLAB_OIDC", "GITLAB_OIDC is not set", "id_tokens"),
        ("CI_SERVER_URL", "CI_SERVER_URL is not set", "GitLab sets it"),
        ("CI_JOB_URL", "CI_JOB_URL is not set", "GitLab sets it"),
        ("GITLAB_CI", "not a GitLab CI or GitHub Actions job", "inside a job"),
    ],
)
async def test_a_variable_that_is_missing_is_named(issuer: Issuer, without: str, said: str, fix: str) -> None:
    """With the way to get it."""
    environ = gitlab_job(issuer)
    del environ[without]
    found = job(environ).availability()
    assert not found.here
    assert said in found.why_not
    assert fix in found.fix
    error = await refusal(environ)
    assert isinstance(error, NotSignedIn)
    assert said in error.message
    assert issuer.asked == []


async def test_a_github_job_without_the_permission_says_how_to_get_it() -> None:
    """`id-token: write`."""
    found = job({"GITHUB_ACTIONS": "true"}).availability()
    assert (found.system, found.here) == (CISystem.GITHUB, False)
    assert "id-token: write" in found.fix


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aud": "elsewhere"}, "wrong_audience"),
        ({"iss": "https://evil.example"}, "wrong_issuer"),
        ({"exp": 1}, "expired"),
        ({"exp": None}, "no_expiry"),
        ({"nbf": 9_999_999_999}, "not_yet_valid"),
        ({"project_path": "acme/other"}, "wrong_job"),
        ({"project_path": None}, "wrong_job"),
        ({"padding": "x" * 20_000}, "too_large"),
    ],
)
async def test_a_bad_token_is_refused_with_its_own_rule(
    issuer: Issuer, changes: dict[str, Any], code: str
) -> None:
    """One at a time, over the real issuer."""
    error = await refusal(gitlab_job(issuer, issuer.gitlab(**changes)))
    assert isinstance(error, TokenRejected)
    assert error.code == code


async def test_a_key_that_the_issuer_does_not_publish_is_refused(issuer: Issuer) -> None:
    """Signed by somebody else, and published by nobody."""
    issuer.key = rsa_key(1)
    error = await refusal(gitlab_job(issuer))
    assert "does not publish the key 'rsa-1'" in error.message


async def test_what_is_no_token_is_refused(issuer: Issuer) -> None:
    """A placeholder that was never replaced."""
    error = await refusal(gitlab_job(issuer, Secret("$GITLAB_OIDC")))
    assert error.message == "this is not a signed JWT"


async def test_white_space_around_the_token_does_not_count(issuer: Issuer) -> None:
    """Shells add line ends."""
    assert await job(gitlab_job(issuer, GITLAB_OIDC=f"{issuer.token().reveal()}\n")).token()


async def test_github_answers_that_are_no_token(issuer: Issuer) -> None:
    """Refused, empty, garbage."""
    environ = github_job(issuer, issuer.token())
    assert "answered 401" in (await refusal(environ | {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "no"})).message
    for body, said in (
        (b"{}", "without a token"),
        (b'{"value": 5}', "without a token"),
        (b"<", "not a JSON"),
    ):
        issuer.answers[GITHUB_TOKEN_PATH] = (200, {}, body)
        assert said in (await refusal(environ)).message
