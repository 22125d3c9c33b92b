"""What a job says of itself, which API tokens it could replace, and what is offered to copy."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.ci import CISystem
from app.domain.keyless import (
    CIIdentity,
    identity_of,
    job_snippet,
    likely_system,
    looks_like_ci_token,
    repository_of,
)
from app.domain.organizations import Identity, Role
from app.domain.tokens import APIToken
from tests.support.issuer import github_claims, gitlab_claims
from tests.support.sample_tokens import NOW

URL = "https://gitlab.example"


def token(name: str, description: str = "") -> APIToken:
    """A token with that name."""
    return APIToken("id", name, description, "o", "acme", NOW)


@pytest.mark.parametrize(
    ("name", "description", "system"),
    [
        ("ci-web", "GitHub Actions, acme/web, repository secret", CISystem.GITHUB),
        ("ci-ml", "GitLab, acme/ml, protected variable", CISystem.GITLAB),
        ("release", "gitlab pipeline", CISystem.GITLAB),
        ("ci-release", "", None),
        ("web-pipeline", "", None),
    ],
)
def test_tokens_of_jobs_are_recognised(name: str, description: str, system: CISystem | None) -> None:
    """By whole words of name and description."""
    assert looks_like_ci_token(token(name, description))
    assert likely_system(token(name, description)) is system


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("ci-legacy", "Jenkins, job web-old"),
        ("ci-mobile", "Bitrise, app mobile"),
        ("grafana", "Dashboard of the platform team"),
        ("precious", "social media"),
        ("terraform", "Terraform Cloud, workspace platform"),
    ],
)
def test_other_tokens_are_left_alone(name: str, description: str) -> None:
    """A CI system that cannot do it, a word that only contains one."""
    assert not looks_like_ci_token(token(name, description))


def test_claims_of_both_systems_are_read() -> None:
    """Each has its own names for the same things."""
    gitlab = identity_of(CISystem.GITLAB, gitlab_claims(URL))
    github = identity_of(CISystem.GITHUB, github_claims(URL))
    assert (gitlab.project, gitlab.ref, gitlab.runner) == ("acme/web", "main", "self-hosted")
    assert (github.project, github.ref, github.runner) == ("acme/shop", "refs/heads/main", "github-hosted")
    assert github.workflow.endswith("release.yml@refs/heads/main")


@pytest.mark.parametrize("exp", [10**400, 10**18, -(10**18), 1e308])
def test_an_end_that_no_calendar_has_is_no_crash(exp: Any) -> None:
    """Issuers may sign anything."""
    assert identity_of(CISystem.GITLAB, gitlab_claims(URL, exp=exp)).expires_at.tzinfo is UTC


def test_claims_of_the_wrong_type_count_as_not_said() -> None:
    """Nothing but text is shown."""
    assert repository_of({"project_path": 5, "repository": ["x"], "sub": "job"}) == "job"
    assert repository_of({}) == ""


def test_time_left_is_never_negative() -> None:
    """A token may end while it is looked at."""
    now = datetime(2026, 3, 10, tzinfo=UTC)
    identity = CIIdentity(CISystem.GITLAB, URL, "", "", "", "", "", now + timedelta(minutes=5))
    assert identity.left(now) == timedelta(minutes=5)
    assert identity.left(now + timedelta(hours=1)) == timedelta(0)


def one_line(snippet: str) -> str:
    """As YAML folds what stands under `>-`."""
    return " ".join(snippet.split())


@pytest.mark.parametrize("system", list(CISystem))
def test_a_snippet_fits_into_a_dialog_of_a_small_terminal(system: CISystem) -> None:
    assert max(map(len, job_snippet(system).splitlines())) <= 68


@pytest.mark.parametrize("system", list(CISystem))
def test_a_snippet_names_the_organization_and_nothing_that_a_shell_would_run(system: CISystem) -> None:
    """A name that is none becomes a placeholder."""
    assert "--org acme --project web" in one_line(job_snippet(system, "acme", "web"))
    hostile = one_line(job_snippet(system, "a; rm -rf /", "$(id)"))
    assert "--org ORGANIZATION --project PROJECT" in hostile
    assert "rm -rf" not in hostile
    assert "\t" not in hostile


def test_a_ci_identity_manages_nothing() -> None:
    """Whatever role somebody else might have there."""
    identity = Identity("acme/web", "acme", Role.OWNER, "CI identity", is_ci=True)
    assert "CI identity may not" in identity.why_no_settings()
    assert "CI identity may not" in identity.why_no_tokens()
