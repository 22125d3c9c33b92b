"""The groups of `loopin server`: the account server of the extra `server`."""

from app.cli.groups import Entry, LazyGroup
from app.cli.options import debug_option

_RUN, _TEAM = "The server", "Who may use it"


def _group(name: str, help: str, *entries: Entry) -> LazyGroup:
    return LazyGroup(name, help=help, params=[debug_option(hidden=True)], entries=entries)


keys = _group(
    "keys",
    "The keys that sessions and API tokens are signed with.",
    Entry("create", "app.cli.server_keys:create", "Make a ring with one key"),
    Entry("list", "app.cli.server_keys:list_", "List the keys by their ids"),
    Entry("add", "app.cli.server_keys:add", "Add a key that does not sign yet, for several hosts"),
    Entry("rotate", "app.cli.server_keys:rotate", "Put a new key in front; the others still verify"),
    Entry("retire", "app.cli.server_keys:retire", "Take an old key out: what it signed ends"),
)

user = _group(
    "user",
    "People who may sign in.",
    Entry("add", "app.cli.server_user:add", "Add a person"),
    Entry("list", "app.cli.server_user:list_", "List everybody, with their organizations and roles"),
    Entry("show", "app.cli.server_user:show_user", "Show a person and what is open in their name"),
    Entry("sessions", "app.cli.server_user:sessions", "List where they are signed in, or end it"),
    Entry("grants", "app.cli.server_user:grants", "List the programs they allowed, or end that"),
    Entry("keys", "app.cli.server_user:keys", "List their API keys, or delete them"),
    Entry("disable", "app.cli.server_user:disable", "Keep a person out"),
    Entry("enable", "app.cli.server_user:enable", "Let a person in again"),
    Entry("reset-password", "app.cli.server_user:reset_password", "Give a person a new password"),
    Entry("unlock", "app.cli.server_user:unlock", "Let a person try again after wrong passwords"),
    Entry("remove", "app.cli.server_remove:remove_user", "Remove a person for good"),
)

org = _group(
    "org",
    "Organizations.",
    Entry("add", "app.cli.server_organization:add_organization", "Add an organization"),
    Entry("list", "app.cli.server_organization:list_organizations", "List the organizations"),
    Entry("remove", "app.cli.server_remove:remove_organization", "Remove an organization for good"),
)

project_member = _group(
    "member",
    "Which members and contributors manage or see the API tokens of a project.",
    Entry("add", "app.cli.server_organization:add_member", "Give a person a role, or change it"),
    Entry("list", "app.cli.server_organization:list_members", "List who has which role"),
    Entry("remove", "app.cli.server_organization:remove_member", "Take a person's role away"),
)

project = _group(
    "project",
    "Projects of an organization.",
    Entry("add", "app.cli.server_organization:add_project", "Add a project to an organization"),
    Entry("list", "app.cli.server_organization:list_projects", "List the projects"),
    Entry("remove", "app.cli.server_remove:remove_project", "Remove a project for good"),
    Entry("member", "app.cli.server:project_member", "Who has which role in a project"),
)

team = _group(
    "team",
    "Gumloop teams of an organization, and their API keys.",
    Entry("add", "app.cli.server_organization:add_team", "Add a team to an organization"),
    Entry("list", "app.cli.server_organization:list_teams", "List the teams"),
    Entry(
        "key",
        "app.cli.server_organization:create_team_key",
        "Create a team's API key; the previous one ends",
    ),
)

membership = _group(
    "membership",
    "Who belongs to which organization, in which role.",
    Entry(
        "set",
        "app.cli.server_organization:set_membership",
        "Add a person to an organization, or change their role",
    ),
    Entry("remove", "app.cli.server_organization:remove_membership", "Take a person out of an organization"),
)

issuer = _group(
    "issuer",
    "CI systems whose jobs an organization trusts.",
    Entry("add", "app.cli.server_issuer:add", "Trust jobs of a CI system"),
    Entry("list", "app.cli.server_issuer:list_", "List the trusted issuers"),
    Entry("remove", "app.cli.server_issuer:remove", "Trust a CI system no longer"),
)

server = _group(
    "server",
    "Run an account server of your own.",
    Entry("start", "app.cli.server_start:start", "Start it", (), _RUN),
    Entry("sweep", "app.cli.server_sweep:sweep", "Revoke unused API tokens now", (), _RUN),
    Entry("migrate", "app.cli.server_sweep:migrate", "Bring the database up to date", (), _RUN),
    Entry("keys", "app.cli.server:keys", "Signing keys", (), _RUN),
    Entry("audit", "app.cli.server_audit:audit", "Who did what, when, from where", (), _RUN),
    Entry("user", "app.cli.server:user", "People", (), _TEAM),
    Entry("org", "app.cli.server:org", "Organizations", (), _TEAM),
    Entry("project", "app.cli.server:project", "Projects", (), _TEAM),
    Entry("team", "app.cli.server:team", "Gumloop teams and their keys", (), _TEAM),
    Entry("membership", "app.cli.server:membership", "Who belongs where, in which role", (), _TEAM),
    Entry("issuer", "app.cli.server:issuer", "CI systems that organizations trust", (), _TEAM),
)
