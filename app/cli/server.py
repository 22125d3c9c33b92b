"""`loopin server`: the account server of the extra `server`."""

from app.cli.groups import Entry, LazyGroup
from app.cli.options import debug_option
from app.cli.server_options import default_data

__all__ = ["default_data", "server"]

_RUN, _TEAM = "The server", "Who may use it"

server = LazyGroup(
    "server",
    help="Run an account server of your own.",
    params=[debug_option(hidden=True)],
    entries=(
        Entry("start", "app.cli.server_start:start", "Start it", (), _RUN),
        Entry("sweep", "app.cli.server_sweep:sweep", "Revoke unused API tokens now", (), _RUN),
        Entry("migrate", "app.cli.server_sweep:migrate", "Bring the database up to date", (), _RUN),
        Entry("keys", "app.cli.server_keys:keys", "Signing keys", (), _RUN),
        Entry("audit", "app.cli.server_audit:audit", "Who did what, when, from where", (), _RUN),
        Entry("user", "app.cli.server_user:user", "People", (), _TEAM),
        Entry("org", "app.cli.server_org:org", "Organizations", (), _TEAM),
        Entry("project", "app.cli.server_org:project", "Projects", (), _TEAM),
        Entry("membership", "app.cli.server_org:membership", "Who belongs where, in which role", (), _TEAM),
        Entry("issuer", "app.cli.server_issuer:issuer", "CI systems that organizations trust", (), _TEAM),
    ),
)
