"""How a job of a CI system is recognised. Every run asks, so it takes next to nothing to find out."""

from collections.abc import Mapping
from enum import Enum


class CISystem(Enum):
    """The CI systems whose jobs can be recognised."""

    GITLAB = "gitlab"
    GITHUB = "github"

    @property
    def title(self) -> str:
        """The name as written."""
        return "GitLab CI" if self is CISystem.GITLAB else "GitHub Actions"


MARKS = {
    "GITLAB_CI": CISystem.GITLAB,
    "GITHUB_ACTIONS": CISystem.GITHUB,
    "ACTIONS_ID_TOKEN_REQUEST_URL": CISystem.GITHUB,
}
"""Variables of which a system sets one in each of its jobs; the first that is set decides."""


def ci_system(environ: Mapping[str, str]) -> CISystem | None:
    """The CI system in one of whose jobs `environ` is the environment; None outside of one."""
    return next((system for mark, system in MARKS.items() if environ.get(mark)), None)
