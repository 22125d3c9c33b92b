"""A CI job around us, without a CI system."""

from datetime import timedelta

from app.domain.ci import CISystem
from app.domain.errors import LoopinError
from app.domain.keyless import Availability, CIIdentity, CIToken
from app.domain.secret import Secret
from tests.support.app import NOW


class Job:
    """A GitLab job; `error` is what its token does not pass with."""

    identity = CIIdentity(
        CISystem.GITLAB,
        "https://gitlab.acme.example",
        "project_path:acme/web:ref:main",
        "acme/web",
        "main",
        "gitlab.acme.example/acme/web//.gitlab-ci.yml@refs/heads/main",
        "self-hosted",
        NOW + timedelta(minutes=42),
    )

    def __init__(self, error: LoopinError | None = None) -> None:
        self.error = error

    def availability(self) -> Availability:
        """Here."""
        return Availability(CISystem.GITLAB, "GITLAB_OIDC")

    async def token(self) -> CIToken:
        """Verified."""
        if self.error is not None:
            raise self.error
        return CIToken(Secret("not-a-real-job-token"), self.identity)
