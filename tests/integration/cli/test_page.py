"""Every command line that the vendor's page prints works behind `loopin `, and says what the page says."""

import pytest

from tests.support.cli import Loopin, signed_in
from tests.support.server import AccountServer, ServerFactory

# The page's structure, in our own words.
HELP = """API tokens of an organization, for pipelines and other programs.

Usage:
  loopin chainloop organization api-token [command]

Aliases:
  api-token, token

Available Commands:
  create    Make a token, and show its secret once
  list      Show the tokens that you may see, oldest first
  revoke    Revoke tokens for good
"""


def test_help_of_api_token(loopin: Loopin) -> None:
    said = loopin.line("chainloop organization api-token -h").works()
    assert said.out.startswith(HELP)
    assert loopin.line("chainloop organization token -h").works().out == said.out.replace(
        "organization api-token [", "organization token ["
    )


def test_turn_auto_revoke_on_and_off_and_look(loopin: Loopin, fresh_server: ServerFactory) -> None:
    server = fresh_server()
    signed_in(loopin, server, server.owner)
    loopin.line("chainloop organization update --api-token-max-days-inactive 0").works()
    assert "auto-revoke after" not in loopin.line("chainloop organization describe").works().out
    said = loopin.line("chainloop organization update --api-token-max-days-inactive 90").works()
    assert "4 API tokens in acme unused for 90 days will be revoked" in said.err
    described = loopin.line("chainloop organization describe").works()
    assert "API token auto-revoke after: 90 days inactive\n" in described.out
    assert "Organization: acme\n" in described.out


@pytest.mark.parametrize("how", ["variable", "flag"])
def test_an_api_token_is_used_by_variable_or_flag(
    loopin: Loopin, account_server: AccountServer, how: str
) -> None:
    signed_in(loopin, account_server, account_server.owner)
    line = f"chainloop organization api-token create --name page-{how} --expiration 24h -o token"
    token = loopin.line(line).works().out
    assert token.count(".") == 2
    assert not token.endswith("\n")
    if how == "flag":
        said = loopin("chainloop", "organization", "describe", "--token", token)
    else:
        said = loopin("chainloop", "organization", "describe", CHAINLOOP_TOKEN=token)
    assert f"Signed in as: API token page-{how}\n" in said.works().out


def test_login_says_what_is_missing_without_a_keychain(loopin: Loopin, account_server: AccountServer) -> None:
    line = f"chainloop auth login --control-plane {account_server.grpc} --insecure"
    loopin.line(line).fails(4, "keychain", "next:")
