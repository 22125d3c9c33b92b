"""The CI job around us: GitLab CI and GitHub Actions, their ID tokens, verified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app.adapters.http.retry import retry_read
from app.domain.ci import CISystem, ci_system
from app.domain.errors import BadReply, NotSignedIn, TokenRejected
from app.domain.inputs import read_secret
from app.domain.keyless import AUDIENCE, Availability, CIIdentities, CIToken, identity_of
from app.domain.secret import Secret
from app.domain.text import clean

if TYPE_CHECKING:
    # At run time they are imported when a token is verified: a run outside CI pays nothing for them.
    from app.domain.ports import Clock
    from app.oidc.http import Fetcher
    from app.oidc.verifier import Verifier

GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
_ENTERPRISE_PATH = "/_services/token"
_SPARE = timedelta(seconds=60)
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class _Job:
    """A job whose token is to be verified: its expected issuer, and the claim that must name this job."""

    secret: Secret
    issuer: str
    claim: str
    expected: str


class CIEnvironment(CIIdentities):
    """Reads the variables that a CI system sets for its jobs; `environ` is the environment.

    | system         | variables                                                             |
    |----------------|-----------------------------------------------------------------------|
    | GitLab CI      | GITLAB_CI, CI_JOB_URL, CI_SERVER_URL, GITLAB_OIDC; CI_PROJECT_PATH and |
    |                | CI_SERVER_TLS_CA_FILE where set                                       |
    | GitHub Actions | ACTIONS_ID_TOKEN_REQUEST_URL, ACTIONS_ID_TOKEN_REQUEST_TOKEN;         |
    |                | GITHUB_SERVER_URL and GITHUB_REPOSITORY where set                     |

    A verified token is kept in memory until a minute before its end.
    """

    def __init__(self, environ: Mapping[str, str], clock: Clock) -> None:
        self._environ = environ
        self._clock = clock
        self._kept: CIToken | None = None
        self._verifier: Verifier | None = None

    def availability(self) -> Availability:
        """Say whether there is one; nothing is sent."""
        match ci_system(self._environ):
            case CISystem.GITLAB:
                return self._gitlab()
            case CISystem.GITHUB:
                return self._github()
            case None:
                why_not = "this is not a GitLab CI or GitHub Actions job"
                return Availability(None, "", why_not, "run it inside a job of one of them")

    async def token(self) -> CIToken:
        """Get the token and verify it with its issuer."""
        if self._kept is not None and self._kept.identity.left(self._clock.now()) > _SPARE:
            return self._kept
        found = self.availability()
        if found.system is None or found.why_not:
            raise NotSignedIn(f"there is no CI identity: {found.why_not}", hint=found.fix)
        job = self._gitlab_job() if found.system is CISystem.GITLAB else await self._github_job()
        claims = await self._verify(job)
        self._kept = CIToken(job.secret, identity_of(found.system, claims))
        return self._kept

    def _gitlab(self) -> Availability:
        lacking = [name for name in ("CI_SERVER_URL", "CI_JOB_URL") if not self._environ.get(name)]
        if lacking:
            fix = "GitLab sets it in every job; do not unset it"
            return Availability(CISystem.GITLAB, "GITLAB_OIDC", f"{lacking[0]} is not set", fix)
        if not self._environ.get("GITLAB_OIDC", "").strip():
            fix = f"add to the job: id_tokens: GITLAB_OIDC: aud: {AUDIENCE}"
            return Availability(CISystem.GITLAB, "GITLAB_OIDC", "GITLAB_OIDC is not set", fix)
        return Availability(CISystem.GITLAB, "GITLAB_OIDC")

    def _github(self) -> Availability:
        label = "ACTIONS_ID_TOKEN_REQUEST_URL"
        for name in (label, "ACTIONS_ID_TOKEN_REQUEST_TOKEN"):
            if not self._environ.get(name):
                fix = "add to the job: permissions: id-token: write"
                return Availability(CISystem.GITHUB, label, f"{name} is not set", fix)
        return Availability(CISystem.GITHUB, label)

    def _gitlab_job(self) -> _Job:
        environ = self._environ
        secret = read_secret(environ["GITLAB_OIDC"], "GITLAB_OIDC")
        if secret is None:
            raise NotSignedIn("GITLAB_OIDC is empty", hint="look at id_tokens: in the job")
        return _Job(secret, environ["CI_SERVER_URL"], "project_path", environ.get("CI_PROJECT_PATH", ""))

    async def _github_job(self) -> _Job:
        environ = self._environ
        url = environ["ACTIONS_ID_TOKEN_REQUEST_URL"]
        ask = f"{url}{'&' if '?' in url else '?'}audience={AUDIENCE}"
        headers = {"Authorization": f"bearer {environ['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"}
        value = (await self._fetcher().document(ask, headers)).get("value")
        if not isinstance(value, str) or not value:
            raise BadReply("GitHub Actions answered without a token", hint="start the job again")
        secret = Secret(value)
        return _Job(secret, self._github_issuer(secret), "repository", environ.get("GITHUB_REPOSITORY", ""))

    def _github_issuer(self, secret: Secret) -> str:
        from app.oidc.verifier import inspect_token

        server = self._environ.get("GITHUB_SERVER_URL", "").rstrip("/")
        base = GITHUB_ISSUER if server in {"", "https://github.com"} else server + _ENTERPRISE_PATH
        # An enterprise may have its own name after the issuer's (…/acme); the host stays GitHub's.
        named = inspect_token(secret).issuer
        return named if named.startswith(f"{base}/") else base

    async def _verify(self, job: _Job) -> Mapping[str, object]:
        if self._verifier is None:
            from app.oidc.verifier import Verifier

            self._verifier = Verifier(self._fetcher())
        claims = await self._verifier.verify(job.secret, job.issuer, (AUDIENCE,), now=self._clock.now())
        said = claims.get(job.claim)
        if job.expected and said != job.expected:
            theirs, ours = clean(str(said), 120), clean(job.expected, 120)
            raise TokenRejected(
                f"the token is for {theirs}, and this job belongs to {ours}",
                hint="use the token of this job itself",
                code="wrong_job",
            )
        return claims

    def _fetcher(self) -> _Patient:
        from app.oidc.http import Fetcher
        from app.oidc.url_policy import CLIENT_POLICY

        return _Patient(Fetcher(CLIENT_POLICY, _PATIENCE, self._environ.get("CI_SERVER_TLS_CA_FILE", "")))


class _Patient:
    """Reads a document again when it fails in a way that may pass. Satisfies `Fetch`."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self.policy = fetcher.policy

    async def document(self, url: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """The JSON object at `url`."""
        return await retry_read(lambda: self._fetcher.document(url, headers), _PATIENCE)
