"""The groups of `loopin chainloop`."""

from app.cli.groups import Entry, LazyGroup
from app.cli.options import group_options

auth = LazyGroup(
    "auth",
    help="Sign in to Chainloop and out of it.",
    params=group_options(),
    entries=(
        Entry("login", "app.cli.chainloop_auth:login", "Sign in, in the browser or with an API token"),
        Entry("logout", "app.cli.chainloop_auth:logout", "Sign out, here and at the server"),
    ),
)

api_token = LazyGroup(
    "api-token",
    aliases=("token",),
    help="API tokens of an organization, for pipelines and other programs.",
    params=group_options(),
    entries=(
        Entry("create", "app.cli.chainloop_tokens:create", "Make a token, and show its secret once"),
        Entry(
            "list",
            "app.cli.chainloop_tokens:list_",
            "Show the tokens that you may see, oldest first",
            ("ls",),
        ),
        Entry("revoke", "app.cli.chainloop_token_revoke:revoke", "Revoke tokens for good"),
        Entry("rotate", "app.cli.chainloop_token_rotate:rotate", "Replace a token by a new one"),
        Entry(
            "check",
            "app.cli.chainloop_tokens:check",
            "Exit with 7 when a token is about to stop working",
        ),
    ),
)

organization = LazyGroup(
    "organization",
    aliases=("org",),
    help="Organizations, their API tokens, and how long an unused token lives.",
    params=group_options(),
    entries=(
        Entry("api-token", "app.cli.chainloop:api_token", "API tokens: create, list, revoke", ("token",)),
        Entry(
            "auto-revoke",
            "app.cli.chainloop_auto_revoke:auto_revoke",
            "What becomes of API tokens that nobody uses",
        ),
        Entry(
            "describe",
            "app.cli.chainloop_organization:describe",
            "Describe the organization in use",
            ("current-context",),
        ),
        Entry("list", "app.cli.chainloop_organization:list_", "List your organizations", ("ls",)),
        Entry("set", "app.cli.chainloop_organization:set_", "Make another organization your current one"),
        Entry("create", "app.cli.chainloop_organization:create", "Create an organization, and work in it"),
        Entry("update", "app.cli.chainloop_organization:update", "Change the auto-revoke threshold"),
    ),
)

keyless = LazyGroup(
    "keyless",
    help="The identity of a CI job: signed by the CI system, verified here, never stored.",
    params=group_options(),
    entries=(
        Entry(
            "inspect", "app.cli.chainloop_keyless:inspect", "Verify this job's token and show what it says"
        ),
        Entry("snippet", "app.cli.chainloop_keyless:snippet", "Print a job that needs no API token"),
    ),
)

chainloop = LazyGroup(
    "chainloop",
    help="Chainloop: sign in, organizations, API tokens.",
    params=group_options(),
    entries=(
        Entry("auth", "app.cli.chainloop:auth", "Sign in and out"),
        Entry("keyless", "app.cli.chainloop:keyless", "The identity of a CI job"),
        Entry(
            "organization",
            "app.cli.chainloop:organization",
            "Organizations and their API tokens",
            ("org",),
        ),
    ),
)
