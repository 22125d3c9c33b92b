"""`loopin chainloop auth` and `loopin status`, against a real server: from nobody to somebody and back."""

import re
import socket
from pathlib import Path

import pytest

from app.cli.login_output import LoginView
from app.domain.login import LoginStep
from app.domain.organizations import Role
from app.domain.secret import Secret
from app.server.clock import utc_now
from app.server.core.memberships import Memberships
from tests.support.cli import Clerk, FormBrowser, Loopin, NoBrowser, secrets_in, signed_in
from tests.support.http_client import http_client
from tests.support.oauth import tokens_at
from tests.support.organizations import OPERATOR, Organization, add_organization
from tests.support.server import AccountServer, ServerFactory, sign_in

LOGIN = ("chainloop", "auth", "login")
LOGOUT = ("chainloop", "auth", "logout")
PROVIDER_KEYS = [
    "provider", "profile", "signed_in", "identity", "method", "source", "base_url", "team_id", "organization",
    "expires_at", "stored_in", "candidates", "warnings",
]  # fmt: skip
CANDIDATE_KEYS = ["source", "method", "hint", "in_effect", "reason"]


def chainloop_of(status: dict[str, list[dict[str, object]]]) -> dict[str, object]:
    (found,) = [item for item in status["providers"] if item["provider"] == "chainloop"]
    return found


def test_nobody_is_signed_in(clerk: Clerk) -> None:
    said = clerk("status", "--json").fails(3)
    shape = chainloop_of(said.json)
    assert list(shape) == PROVIDER_KEYS
    assert shape["signed_in"] is False
    assert shape["identity"] is None
    assert all(list(item) == CANDIDATE_KEYS for item in shape["candidates"])  # type: ignore[attr-defined]
    assert "not signed in" in clerk("status").fails(3).out
    clerk("chainloop", "organization", "describe").fails(3, "not signed in at", "loopin chainloop auth login")
    assert clerk(*LOGOUT).works().out == "Nothing was stored here.\n"


def test_through_the_browser_and_out_again(clerk: Clerk, account_server: AccountServer) -> None:
    said = clerk(*LOGIN).works()
    email = account_server.owner[0]
    assert f"Signed in as: {email}\n" in said.out
    assert "Organization: acme · owner\n" in said.out
    steps = re.findall(r"^(\S) (\S+)", said.out, re.MULTILINE)
    assert [word for glyph, word in steps if glyph == "✓"] == [
        "Keychain", "Server", "Listening", "Browser", "Answer", "State", "Verified", "Saved",
    ]  # fmt: skip
    # The address stands on a line of its own, whole; every other line fits 80 columns.
    assert isinstance(clerk.browser, FormBrowser)
    assert [x for x in said.out.splitlines() if len(x) > 80] == clerk.browser.opened
    assert secrets_in(said.out + said.err) == []

    shape = chainloop_of(clerk("status", "--json").works().json)
    assert shape["identity"] == email
    assert shape["method"] == "browser"
    assert shape["source"] == "keychain"
    assert shape["organization"] == "acme"
    assert str(shape["expires_at"]).endswith("Z")
    assert email in clerk("status").works().out
    assert "▸" in clerk("status").out

    out = clerk(*LOGOUT).works().out
    assert out == "Here:   forgotten.\nServer: the session ended.\n"
    clerk("status").fails(3)


def test_json_of_a_login_stands_alone_on_standard_output(clerk: Clerk, account_server: AccountServer) -> None:
    said = clerk(*LOGIN, "-o", "json").works()
    assert said.json["identity"] == account_server.owner[0]
    assert said.json["provider"] == "chainloop"
    assert "✓ Verified" in said.err
    gone = clerk(*LOGOUT, "-o", "json").works().json
    assert gone == {
        "forgotten": True, "ended_at_server": True, "valid_until": None, "warning": "",
        "still": "", "unseen": "",
    }  # fmt: skip


def test_a_session_that_was_ended_is_not_accepted_any_more(
    clerk: Clerk, account_server: AccountServer
) -> None:
    token = sign_in(account_server, *account_server.owner)
    clerk(*LOGIN, "--token", token).fails(0, "shell's history")
    clerk(*LOGOUT).works()
    clerk("chainloop", "organization", "describe", "--token", token).fails(3)


def test_everywhere_ends_the_other_sessions_too(clerk: Clerk, organization: Organization) -> None:
    one, other = (sign_in(organization.server, *organization.owner.login) for _ in range(2))
    clerk(*LOGIN, "--token", one).works()
    clerk("chainloop", "organization", "describe", "--token", other).works()
    tokens_at(organization.server, organization.owner.login)
    said = clerk(*LOGOUT, "--everywhere").works().out
    assert "all of yours ended: 3 sessions and 1 allowed program. API keys stay valid." in said
    clerk("chainloop", "organization", "describe", "--token", other).fails(3)
    clerk(*LOGIN, "--token", sign_in(organization.server, *organization.owner.login)).works()
    gone = clerk(*LOGOUT, "--everywhere", "-o", "json").works().json
    assert (gone["sessions"], gone["programs"]) == (1, 0)


def test_everywhere_with_a_login_that_is_over_says_that_nothing_else_was_ended(
    clerk: Clerk, account_server: AccountServer
) -> None:
    token = sign_in(account_server, *account_server.owner)
    clerk(*LOGIN, "--token", token)
    with http_client(account_server.http) as client:
        client.post("/auth/logout", headers={"authorization": f"Bearer {token}"})
    done = clerk(*LOGOUT, "--everywhere")
    assert done.code == 6
    assert "no other session and no allowed program was ended" in done.out + done.err
    clerk("status").fails(3)


def test_profiles_do_not_mix(clerk: Clerk, account_server: AccountServer) -> None:
    clerk(*LOGIN, "--profile", "ada", "--token", sign_in(account_server, *account_server.owner)).works()
    clerk(*LOGIN, "--profile", "vi", "--token", sign_in(account_server, *account_server.viewer)).works()
    assert "owner" in clerk("chainloop", "organization", "describe", "--profile", "ada").works().out
    assert "viewer" in clerk("chainloop", "organization", "describe", "--profile", "vi").works().out
    clerk("status").fails(3)


def test_a_stored_login_stays_with_its_server(clerk: Clerk, account_server: AccountServer) -> None:
    clerk(*LOGIN, "--token", sign_in(account_server, *account_server.owner)).works()
    said = clerk("chainloop", "organization", "describe", "--control-plane", "127.0.0.1:1")
    said.fails(3, "not signed in at 127.0.0.1:1", account_server.grpc)


def test_a_wrong_token_leaves_the_stored_login(clerk: Clerk, account_server: AccountServer) -> None:
    clerk(*LOGIN, "--token", sign_in(account_server, *account_server.owner)).works()
    clerk(*LOGIN, "--token", "eyJhbGciOi.not.accepted").fails(1, "does not accept this token", "copied whole")
    assert account_server.owner[0] in clerk("status").works().out


def test_without_a_browser_the_address_is_printed(clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody opens it, so the wait is cut short here by ctrl+c, which leaves nothing behind."""
    clerk.browser = NoBrowser()
    tell = LoginView._tell_way_back

    def tell_and_interrupt(view: LoginView, step: LoginStep) -> None:
        tell(view, step)
        raise KeyboardInterrupt

    monkeypatch.setattr(LoginView, "_tell_way_back", tell_and_interrupt)
    # As at a terminal.
    monkeypatch.setattr("app.cli.chainloop_auth.LoginView", lambda *, quiet, attended: LoginView(quiet=quiet))
    said = clerk(*LOGIN).fails(130, "cancelled", "ssh -L", "--skip-browser")
    assert "there is no display" in said.out
    assert re.search(r"^http://\S+callback=http%3A%2F%2F127\.0\.0\.1%3A\d+\S+$", said.out, re.MULTILINE)
    clerk("status").fails(3)


def test_without_a_browser_and_a_terminal_it_ends_at_once(clerk: Clerk) -> None:
    """Nobody would see the address: waiting for five minutes helps no one."""
    clerk.browser = NoBrowser()
    clerk(*LOGIN).fails(2, "there is no display, and nobody is at a terminal", "--skip-browser")
    clerk("gumloop", "login", "--method", "oauth", "--callback-port", "0").fails(
        2, "there is no display, and nobody is at a terminal", "--no-browser"
    )
    clerk("status").fails(3)


@pytest.mark.parametrize("name", ["a b", "a:b", "a/b", "a\nb", " ", "../x"])
def test_a_name_that_no_profile_has_is_refused(clerk: Clerk, name: str) -> None:
    """In the shell as on screen, before anything is sent."""
    for command in (("chainloop", "organization", "list"), ("gumloop", "status")):
        clerk(*command, "--profile", name).fails(2, "--profile")


@pytest.fixture
def no_sign_out_server(fresh_server: ServerFactory) -> AccountServer:
    """A server whose HTTP side is gone once somebody is signed in cannot be told of a sign-out."""
    return fresh_server()


def test_a_server_that_cannot_be_told_is_partly_done(clerk: Clerk, no_sign_out_server: AccountServer) -> None:
    server = no_sign_out_server
    where = ("--control-plane", server.grpc)
    clerk(*LOGIN, *where, "--token", sign_in(server, *server.owner)).works()
    server.stop()
    said = clerk(*LOGOUT, *where).fails(6, "could not be told")
    assert "Here:   forgotten." in said.out
    assert "keeps it valid until" in said.out
    clerk("status", *where).fails(3)


def test_the_environment_wins_over_a_new_login_and_says_so(
    clerk: Clerk, account_server: AccountServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINLOOP_TOKEN", sign_in(account_server, *account_server.viewer))
    clerk(*LOGIN, "--token", sign_in(account_server, *account_server.owner)).fails(
        0, "CHAINLOOP_TOKEN is set"
    )
    described = clerk("chainloop", "organization", "describe").works().out
    assert account_server.viewer[0] in described
    assert "ignored while CHAINLOOP_TOKEN is set" in clerk("status").works().out
    clerk(*LOGOUT).fails(0, "CHAINLOOP_TOKEN still signs you in")
    assert chainloop_of(clerk("status", "--json").works().json)["source"] == "environment"


def test_a_revoked_credential_is_not_signed_in(loopin: Loopin, organization: Organization) -> None:
    signed_in(loopin, organization.server, organization.owner.login)
    made = loopin("chainloop", "organization", "api-token", "create", "--name", "short", "-o", "json").json
    revoke = ("chainloop", "organization", "api-token", "revoke", "--yes", "--id", made["id"])
    loopin(*revoke).works()
    said = loopin("status", "--json", CHAINLOOP_TOKEN=made["jwt"]).fails(3)
    shape = chainloop_of(said.json)
    assert shape["signed_in"] is False
    assert shape["warnings"]
    assert secrets_in(said.out) == []
    loopin("chainloop", "organization", "describe", CHAINLOOP_TOKEN=made["jwt"]).fails(3, "next:")


def test_a_damaged_keychain_entry_is_its_own_sentence(clerk: Clerk, account_server: AccountServer) -> None:
    import asyncio

    asyncio.run(clerk.vault.write("loopin-chainloop", "default", Secret("not what Loopin writes")))
    clerk("chainloop", "organization", "describe").fails(4, "not one that Loopin wrote", "next:")
    assert "not what Loopin writes" not in clerk("status").fails(3).out


def test_headless_takes_the_token_from_a_pipe(loopin: Loopin, account_server: AccountServer) -> None:
    """Without a keychain it ends before anything is asked; the pipe is not read."""
    where = ("--control-plane", account_server.grpc, "--insecure")
    loopin(*LOGIN, "--skip-browser", *where, stdin="eyJ.fake.fake\n").fails(4, "keychain")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--callback-port", "70000"], 2, ["70000"]),
        (["--callback-port", "x"], 2, ["'x'"]),
        (["--token", " "], 2, ["--token is empty"]),
        (["extra"], 2, ["extra"]),
        (["--control-plane", "127.0.0.1:1"], 5, ["127.0.0.1:1"]),
    ],
)
def test_bad_input(clerk: Clerk, arguments: list[str], code: int, words: list[str]) -> None:
    clerk(*LOGIN, *arguments).fails(code, "loopin: ", *words)


def test_a_busy_port_names_the_flag_for_another(clerk: Clerk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        clerk(*LOGIN, "--callback-port", port).fails(1, f"port {port} is taken", "--callback-port PORT")


MEMBERSHIP = {"id", "current", "joinedAt", "updatedAt", "org", "user", "role"}
ORGANIZATION = {
    *("id", "name", "createdAt", "policyViolationBlockingStrategy", "preventImplicitWorkflowCreation"),
    *("enableAiAgentCollector", "blockAttestationsOnReleasedVersions", "skipRunnerEnvVars"),
}


def test_organization_list_and_set(clerk: Clerk, organization: Organization) -> None:
    mine, person = organization.name, organization.owner
    other = add_organization(organization.server, organization.database).name
    Memberships(organization.database, utc_now).set_membership(OPERATOR, person.email, other, Role.VIEWER)
    clerk(*LOGIN, "--token", person.bearer).works()
    listed = clerk("chainloop", "organization", "list", "-o", "json").works().json
    assert {item["org"]["name"]: item["current"] for item in listed} == {mine: True, other: False}
    assert all(item.keys() == {*MEMBERSHIP, "inUse"} for item in listed)
    (chosen,) = clerk("chainloop", "organization", "set", "--name", other, "-o", "json").works().json
    assert chosen.keys() == MEMBERSHIP
    assert (chosen["org"]["name"], chosen["role"], chosen["user"]["email"]) == (other, "viewer", person.email)
    assert f"Organization: {other}" in clerk("chainloop", "organization", "describe").works().out
    clerk("chainloop", "organization", "set", "nowhere").fails(1, "nowhere", mine)
    clerk("chainloop", "organization", "set").fails(2, "which organization")
    update = ("chainloop", "organization", "update", "--api-token-max-days-inactive", "30")
    clerk(*update).fails(1, "viewer", "owner or admin")
    said = clerk(*update, "--name", mine, "--yes", "-o", "json").works().json
    assert said["name"] == mine
    assert said["apiTokenMaxDaysInactive"] == "30"


@pytest.mark.parametrize("days", ["-1", "366", "x", "1.5"])
def test_a_threshold_outside_the_rule_is_refused(clerk: Clerk, days: str) -> None:
    update = ("chainloop", "organization", "update", "--api-token-max-days-inactive", days)
    clerk(*update).fails(2, days)


def test_update_without_anything_to_change(clerk: Clerk) -> None:
    clerk("chainloop", "organization", "update").fails(
        2, "nothing to change", "--api-token-max-days-inactive"
    )


def test_describe_json_has_the_vendors_keys(clerk: Clerk, account_server: AccountServer) -> None:
    clerk(*LOGIN, "--token", sign_in(account_server, *account_server.owner)).works()
    shape = clerk("chainloop", "organization", "describe", "-o", "json").works().json
    assert shape.keys() == {"currentUser", "currentMembership"}
    assert shape["currentUser"].keys() == {"id", "email", "firstName", "lastName", "createdAt"}
    assert shape["currentMembership"].keys() == MEMBERSHIP
    organization = shape["currentMembership"]["org"]
    assert organization.keys() - {"apiTokenMaxDaysInactive"} == ORGANIZATION
    assert organization.get("apiTokenMaxDaysInactive", "90") == "90"


def test_the_vendors_file_names_organization_and_server(
    clerk: Clerk, organization: Organization, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing else that names them, as after `chainloop config save`; its token is not used."""
    other = add_organization(organization.server, organization.database).name
    Memberships(organization.database, utc_now).set_membership(
        OPERATOR, organization.owner.email, other, Role.VIEWER
    )
    monkeypatch.delenv("CHAINLOOP_CONTROL_PLANE_API")
    monkeypatch.delenv("CHAINLOOP_API_INSECURE")
    file = tmp_path / "vendor.toml"
    file.write_text(
        f"api-insecure = true\norganization = '{other}'\n[auth]\ntoken = 'not-a-real-token'\n"
        f"[control-plane]\napi = '{organization.server.grpc}'\napi-ca = ''\n"
    )
    described = ("chainloop", "organization", "describe", "-o", "json")
    monkeypatch.setenv("CHAINLOOP_TOKEN", organization.owner.bearer)
    shape = clerk(*described, "-c", str(file)).works().json
    assert shape["currentMembership"]["org"]["name"] == other
    shape = clerk(*described, "--config", str(file), "--org", organization.name).works().json
    assert shape["currentMembership"]["org"]["name"] == organization.name
    monkeypatch.delenv("CHAINLOOP_TOKEN")
    clerk(*described, "-c", str(file)).fails(3, f"not signed in at {organization.server.grpc}")
