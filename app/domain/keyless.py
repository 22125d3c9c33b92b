"""Keyless CI identity: a job proves who it is with a token that its CI system signed.

Nothing is stored: the token lives as long as the job, and the control plane trusts the CI system.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from app.domain.ci import CISystem
from app.domain.claims import CI_AUDIENCE
from app.domain.secret import Secret

if TYPE_CHECKING:
    # A sign-in in a job needs none.
    from app.domain.tokens import APIToken

AUDIENCE = CI_AUDIENCE
MAY = (
    "make attestations with the vendor's command, through loopin run",
    "read its own context: which organization trusts this job",
)
MAY_NOT = ("list, create or revoke API tokens", "change settings of the organization")
NOT_STORED = "never stored: it ends with the job"


@dataclass(frozen=True, slots=True)
class CIIdentity:
    """Which job this is, by a verified token. Texts come from the CI system uncleaned, empty = not said."""

    system: CISystem
    issuer: str
    subject: str
    project: str
    ref: str
    workflow: str
    runner: str
    expires_at: datetime

    def left(self, now: datetime) -> timedelta:
        """How long the token lives on, never negative."""
        return max(self.expires_at - now, timedelta(0))


@dataclass(frozen=True, slots=True)
class CIToken:
    """A verified token and what it says. It is never written anywhere."""

    secret: Secret
    identity: CIIdentity


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether this is a job that can prove who it is.

    `system` None: not a job of a known CI system. `label` names the variable that brings the token;
    `why_not` says what is missing and `fix` how to add it; both empty when the token can be had.
    """

    system: CISystem | None
    label: str = ""
    why_not: str = ""
    fix: str = ""

    @property
    def here(self) -> bool:
        """True when a token can be had."""
        return self.system is not None and not self.why_not


class CIIdentities(Protocol):
    """The CI job around us."""

    def availability(self) -> Availability:
        """Say whether there is one; nothing is sent."""

    async def token(self) -> CIToken:
        """Get the token and verify it with its issuer.

        Raise NotSignedIn when there is none, TokenRejected, or what asking the issuer raises.
        """


def identity_of(system: CISystem, claims: Mapping[str, Any]) -> CIIdentity:
    """Read the verified claims of a GitLab or GitHub ID token."""
    workflow = "ci_config_ref_uri" if system is CISystem.GITLAB else "workflow_ref"
    return CIIdentity(
        system=system,
        issuer=_text(claims, "iss"),
        subject=_text(claims, "sub"),
        project=repository_of(claims),
        ref=_text(claims, "ref"),
        workflow=_text(claims, workflow),
        runner=_text(claims, "runner_environment"),
        expires_at=_moment(claims["exp"]),
    )


def repository_of(claims: Mapping[str, Any]) -> str:
    """The project that a job belongs to: GitLab's project path, GitHub's repository, else the subject."""
    return _text(claims, "project_path") or _text(claims, "repository") or _text(claims, "sub")


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _moment(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC)


_CI_WORDS = frozenset(
    {"ci", "cd", "cicd", "pipeline", "runner", "workflow", "job", "build", "deploy", "release"}
)
_OTHER_CI = frozenset({"jenkins", "bitrise", "circleci", "travis", "buildkite", "teamcity", "drone", "azure"})


def looks_like_ci_token(token: APIToken) -> bool:
    """True when an API token seems to serve a CI job that could do without one."""
    words = _words(token)
    if words & _OTHER_CI:
        return False
    return likely_system(token) is not None or bool(words & _CI_WORDS)


def likely_system(token: APIToken) -> CISystem | None:
    """The CI system that an API token names in its name or description, if it does."""
    words = _words(token)
    if "gitlab" in words:
        return CISystem.GITLAB
    return CISystem.GITHUB if words & {"github", "actions"} else None


def _words(token: APIToken) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z0-9]+", f"{token.name} {token.description}".lower()))


def job_snippet(system: CISystem, organization: str = "", project: str = "") -> str:
    """A job that needs no API token, ready to paste into the CI file."""
    organization, project = _name(organization, "ORGANIZATION"), _name(project, "PROJECT")
    inspect = f"loopin chainloop keyless inspect --org {organization}"
    attest = (
        "loopin run --provider chainloop --",
        f"chainloop attestation init --org {organization}",
        f"--project {project} --workflow build",
    )
    template, step = (_GITLAB, "    - ") if system is CISystem.GITLAB else (_GITHUB, "      - run: ")
    # Folded by YAML into one line of a shell: as one it would be wider than a terminal.
    folded = "".join(f"\n{' ' * step.index('-')}    {part}" for part in attest)
    return f"{template}{step}{inspect}\n{step}>-{folded}\n"


def _name(value: str, placeholder: str) -> str:
    # What a server calls itself goes into a shell line: only a name may.
    return value if re.fullmatch(r"[a-z0-9-]{1,63}", value) else placeholder


_GITLAB = f"""\
# .gitlab-ci.yml
# GitLab signs a token for this job; no secret is stored.
attest:
  id_tokens:
    GITLAB_OIDC:
      aud: {AUDIENCE}
  script:
"""
_GITHUB = """\
# .github/workflows/attest.yml
# GitHub signs a token for this job; no secret is stored.
on: push
jobs:
  attest:
    runs-on: ubuntu-latest
    permissions:
      contents: read
      id-token: write
    steps:
"""
