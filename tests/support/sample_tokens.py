"""About two dozen API tokens that tell a story, at a fixed moment."""

from datetime import UTC, datetime, timedelta

from app.domain.tokens import APIToken, Project

NOW = datetime(2026, 3, 14, 12, 4, 31, tzinfo=UTC)
WEB, ML = Project("p-web", "web"), Project("p-ml", "ml")

# name, description, project, created, last used, expires (days from now; None = never), revoked
_STORY: tuple[tuple[str, str, Project | None, float, float | None, float | None, float | None], ...] = (
    ("ci-release", "GitLab, release pipeline of acme/shop", None, 210, 0.0022, 90, None),
    ("ci-web", "GitHub Actions, acme/web", WEB, 120, 0.13, 60, None),
    ("ci-web-staging", "GitHub Actions, acme/web, staging", WEB, 118, 2.5, 6.2, None),
    ("ci-web-preview", "preview environments", WEB, 115, 9, 6.4, None),
    ("ci-ml-train", "training cluster, nightly", ML, 88, 0.8, 6.9, None),
    ("ci-ml-eval", "evaluation jobs", ML, 87, 31, None, None),
    ("ci-legacy", "the old Jenkins", None, 512, None, None, None),
    ("poc-2025", "", None, 240, None, None, None),
    ("grafana-datasource", "never wired up", None, 60, None, None, None),
    ("ml-notebook", "notebook of the data team", ML, 44, None, 46, None),
    ("terraform-trial", "try-out, remove", None, 12, None, 18, None),
    ("ops-backup", "backup host, weekly", None, 400, 94, None, None),
    ("web-smoke", "smoke tests", WEB, 300, 101, None, None),
    ("audit-export", "quarterly export", None, 380, 118, 200, None),
    ("ml-migration", "one-off migration", ML, 330, 187, None, None),
    ("terraform", "infrastructure pipeline", None, 150, 0.3, 215, None),
    ("renovate", "dependency updates", None, 95, 0.05, 270, None),
    ("sbom-scanner", "scans every image after the build", WEB, 70, 4, 20, None),
    ("web-canary", "canary analysis", WEB, 33, 78, 57, None),
    ("ops-dashboard", "status board in the office", None, 140, 83, None, None),
    ("ml-batch-2025-09", "rotated away", ML, 180, 160, -2, None),
    ("web-e2e-2025", "end-to-end tests", WEB, 365, 40, -31, None),
    ("release-bot", "replaced by ci-release", None, 420, 212, None, 200),
    ("ci-web-2025-12", "rotated", WEB, 99, 0.09, None, 0.084),
)


def token_id(number: int) -> str:
    """A made-up id in the form that the server uses."""
    return f"{number:08x}-5a3c-4f7e-9b1d-{number * 7919:012x}"


def tokens(now: datetime = NOW) -> tuple[APIToken, ...]:
    """The story, oldest first as the server lists."""
    made = [_token(number, now, *line) for number, line in enumerate(_STORY, start=1)]
    return tuple(sorted(made, key=lambda token: token.created_at))


def _token(
    number: int,
    now: datetime,
    name: str,
    description: str,
    project: Project | None,
    created: float,
    used: float | None,
    expires: float | None,
    revoked: float | None,
) -> APIToken:
    return APIToken(
        token_id(number),
        name,
        description,
        "o-acme",
        "acme",
        now - timedelta(days=created),
        None if expires is None else now + timedelta(days=expires),
        None if revoked is None else now - timedelta(days=revoked),
        None if used is None else now - timedelta(days=used),
        project,
        ("organization:read",) if project else (),
    )
