"""`loopin chainloop auth login --import`: the login of Chainloop's own command line, taken over."""

import asyncio
import base64
import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from app.domain.organizations import Role
from app.server.clock import utc_now
from app.server.core.memberships import Memberships
from app.services.stored_logins import ChainloopVault
from tests.support.cli import Clerk, Loopin, secrets_in
from tests.support.organizations import OPERATOR, Organization, add_organization
from tests.support.server import AccountServer, sign_in
from tests.support.vendor_file import NAME, vendor_file, vendor_file_of

IMPORT = ("chainloop", "auth", "login", "--import")
LOGIN = ("chainloop", "auth", "login")
LOGOUT = ("chainloop", "auth", "logout")
NOBODY = "127.0.0.1:1"


def jwt(**claims: object) -> str:
    """A token that no server accepts, with these claims."""
    parts = ({"alg": "none"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "not-signed"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's configuration folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def clerk(clerk: Clerk, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Clerk:
    """A clerk for whom nothing names a server but the vendor's file."""
    monkeypatch.delenv("CHAINLOOP_CONTROL_PLANE_API")
    monkeypatch.delenv("CHAINLOOP_API_INSECURE")
    return clerk


def stored(clerk: Clerk, profile: str = "default") -> str:
    """The stored token, empty for none."""
    found = asyncio.run(ChainloopVault(clerk.vault).read(profile))
    return found.secret.reveal() if found else ""


def facts(folder: Path) -> dict[str, dict[str, str]]:
    """What is remembered of the Chainloop profiles."""
    path = folder.parent / "config" / "accounts.toml"
    return tomllib.loads(path.read_text()).get("chainloop", {}) if path.exists() else {}


def test_it_is_told_taken_over_and_ended(clerk: Clerk, folder: Path, account_server: AccountServer) -> None:
    token = sign_in(account_server, *account_server.owner)
    path = vendor_file_of(folder, account_server, token)
    before = path.read_bytes()

    said = clerk("status").fails(3)
    assert f"is stored in plain text in {path}, for http://{account_server.grpc}, until 20" in said.out
    assert "take it over into the keychain with: loopin chainloop auth login --import" in said.out
    (told,) = [item for item in clerk("status", "--json").json["providers"] if "vendor_login" in item]
    assert told["vendor_login"]["path"] == str(path)
    assert told["vendor_login"]["base_url"] == account_server.grpc
    assert told["vendor_login"]["expires_at"].endswith("Z")
    assert told["warnings"] == []

    done = clerk(*IMPORT).works()
    assert f"Signed in as: {account_server.owner[0]}\n" in done.out
    assert f"Server: {account_server.grpc}\n" in done.out
    assert "Until: 20" in done.out
    assert f"Copy in: {path}, which was not changed and stays valid as long\n" in done.out
    assert "✓ Login found" in done.out
    assert stored(clerk) == token
    assert facts(folder)["default"]["copy_in"] == str(path)
    assert facts(folder)["default"]["method"] == "browser"

    said = clerk("status").works()
    assert "plain text" not in said.out
    clerk(*IMPORT).fails(1, "is the one of profile default already", "loopin status")
    out = clerk(*LOGOUT).works().out
    assert out.endswith(f"Copy:   the login in {path} ended with it; the file was not changed.\n")
    assert "default" not in facts(folder)
    assert path.read_bytes() == before
    clerk(*IMPORT).fails(1, f"does not accept the login in {path}: it ", "sign in with: loopin")
    assert stored(clerk) == ""


def test_no_output_and_no_log_holds_the_token(clerk: Clerk, folder: Path, organization: Organization) -> None:
    token = sign_in(organization.server, *organization.owner.login)
    path = vendor_file_of(folder, organization.server, token)
    marked = "not.shaped-like-a-token-4711"
    commands = (("status",), ("status", "--json"), IMPORT, (*IMPORT, "-o", "json"), LOGOUT)
    for command in commands:
        said = clerk(*command)
        assert secrets_in(said.out + said.err) == []
    path.write_text(path.read_text().replace(token, marked))
    said = clerk(*IMPORT, "--debug")
    assert "does not accept" in said.err
    assert marked not in said.out + said.err
    path.write_text(f"[auth]\ntoken = '{marked}'\n{marked}\n")
    said = clerk(*IMPORT)
    assert "is not TOML: see line 3" in said.err
    assert marked not in said.out + said.err
    written = [file for file in folder.parent.rglob("*") if file.is_file() and file != path]
    assert [file for file in written if file.name.startswith("debug-")]
    for file in written:
        assert marked.encode() not in file.read_bytes()
        assert token.encode() not in file.read_bytes()


def test_json_names_the_copy_and_a_later_login_forgets_it(
    clerk: Clerk, folder: Path, account_server: AccountServer
) -> None:
    path = vendor_file_of(folder, account_server, sign_in(account_server, *account_server.viewer))
    shape = clerk(*IMPORT, "-o", "json", "--profile", "vi").works().json
    assert (shape["identity"], shape["copy_in"], shape["method"]) == (
        account_server.viewer[0],
        str(path),
        "browser",
    )
    assert "plain text" not in clerk("status").out
    assert "--import --profile other" not in clerk("status", "--profile", "other").out
    new = sign_in(account_server, *account_server.viewer)
    server = ("--control-plane", account_server.grpc, "--insecure")
    clerk(*LOGIN, "--token", new, "--profile", "vi", *server).works()
    assert "copy_in" not in facts(folder)["vi"]
    assert "copy_in" not in clerk(*LOGOUT, "-o", "json", "--profile", "vi").works().json


def test_a_copy_that_the_vendors_program_has_replaced_is_none(
    clerk: Clerk, folder: Path, account_server: AccountServer
) -> None:
    vendor_file_of(folder, account_server, sign_in(account_server, *account_server.owner))
    clerk(*IMPORT).works()
    vendor_file_of(folder, account_server, sign_in(account_server, *account_server.owner))
    assert "plain text" in clerk("status").works().out
    assert "Copy:" not in clerk(*LOGOUT).works().out


def test_the_organization_of_the_file_becomes_the_profiles(
    clerk: Clerk, folder: Path, organization: Organization
) -> None:
    other = add_organization(organization.server, organization.database).name
    person = organization.owner
    Memberships(organization.database, utc_now).set_membership(OPERATOR, person.email, other, Role.VIEWER)
    vendor_file_of(folder, organization.server, person.bearer, other)
    assert f"Organization: {other} · viewer" in clerk(*IMPORT).works().out
    assert f"Organization: {other}" in clerk("chainloop", "organization", "describe").works().out
    # What the same person chose since then stays.
    clerk("chainloop", "organization", "set", "--name", organization.name).works()
    vendor_file_of(folder, organization.server, sign_in(organization.server, *person.login), other)
    assert f"Organization: {organization.name} · owner" in clerk(*IMPORT).works().out


def test_an_organization_that_is_not_the_persons_is_told(
    clerk: Clerk, folder: Path, organization: Organization
) -> None:
    path = vendor_file_of(folder, organization.server, organization.owner.bearer, "nowhere")
    said = clerk(*IMPORT).works()
    assert f"Organization: {organization.name} · owner" in said.out
    assert "nowhere" in said.err
    assert f"({path})" in said.err
    assert facts(folder)["default"]["organization"] == organization.name


def test_an_api_token_is_told_by_its_claims(clerk: Clerk, folder: Path, organization: Organization) -> None:
    server = ("--control-plane", organization.server.grpc, "--insecure")
    create = ("chainloop", "organization", "api-token", "create", "--name", "taken", "-o", "json")
    token = clerk(*create, *server, "--token", organization.owner.bearer).json["jwt"]
    path = vendor_file_of(folder, organization.server, token, "nowhere")
    shape = clerk(*IMPORT, "-o", "json").works().json
    assert (shape["method"], shape["organization"]) == ("api_token", organization.name)
    out = clerk(*LOGOUT).works().out
    assert "nothing changed; an API token works until" in out
    assert f"Copy:   the login in {path} stays valid, too" in out


def not_toml(path: Path) -> None:
    path.write_text("auth = [\n")


def without(*lines: str) -> Callable[[Path], None]:
    """Leave out the lines that begin so."""

    def change(path: Path) -> None:
        kept = [line for line in path.read_text().splitlines() if not line.startswith(lines)]
        path.write_text("\n".join(kept))

    return change


def replaced(old: str, new: str) -> Callable[[Path], None]:
    """Write `new` for `old`."""

    def change(path: Path) -> None:
        path.write_text(path.read_text().replace(old, new))

    return change


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def ended(path: Path) -> None:
    vendor_file(path.parents[1], jwt(aud="user-auth.chainloop", exp=1_000_000_000), server=NOBODY)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (Path.unlink, 2, ("does not exist", "--config FILE")),
        (a_folder, 2, ("is not a configuration file", "--config FILE")),
        (not_toml, 2, ("is not TOML", "--config FILE")),
        (lambda path: path.write_bytes(b"\xff\xfe\xff"), 2, ("is not UTF-8 text",)),
        (without("token"), 2, ("holds no login: auth.token is not set",)),
        (without("api = "), 2, ("does not name the server", "chainloop config save --control-plane")),
        (replaced("api = '127", "api = 'https://127"), 2, ("do not agree about TLS",)),
        (replaced("= true", "= 'perhaps'"), 2, ("neither true nor false",)),
        (replaced("token = '", "token = 1 #"), 2, ("holds no login: auth.token is not text",)),
        (ended, 1, ("ended 2001-09-09", "sign in with: loopin chainloop auth login")),
    ],
)
def test_what_cannot_be_taken_over_is_said_before_anything_is_sent(
    clerk: Clerk, folder: Path, change: Callable[[Path], None], code: int, words: tuple[str, ...]
) -> None:
    path = vendor_file(folder, jwt(aud="user-auth.chainloop"), server=NOBODY)
    change(path)
    clerk(*IMPORT).fails(code, *words)
    assert stored(clerk) == ""
    assert facts(folder) == {}


@pytest.mark.parametrize(
    ("named", "words"),
    [
        (("--control-plane", "127.0.0.1:2", "--insecure"), "this run names 127.0.0.1:2 in plain text"),
        (("--control-plane", NOBODY), "this run names 127.0.0.1:1 over TLS"),
    ],
)
def test_another_server_is_refused_before_anything_is_sent(
    clerk: Clerk, folder: Path, named: tuple[str, ...], words: str
) -> None:
    vendor_file(folder, jwt(aud="user-auth.chainloop"), server=NOBODY)
    clerk(*IMPORT, *named).fails(2, f"is of {NOBODY} in plain text", words, "nothing was sent")


def test_plain_text_is_not_used_where_the_file_says_tls(clerk: Clerk, folder: Path) -> None:
    vendor_file(folder, jwt(aud="user-auth.chainloop"), server=NOBODY, insecure=False)
    clerk(*IMPORT, "--insecure").fails(2, "over TLS, and this run names", "in plain text: nothing was sent")


def test_the_server_that_the_file_names_may_be_named(
    clerk: Clerk, folder: Path, account_server: AccountServer
) -> None:
    token = sign_in(account_server, *account_server.owner)
    elsewhere = vendor_file_of(folder / "elsewhere", account_server, token)
    named = ("--control-plane", account_server.grpc, "--insecure")
    clerk(*IMPORT, "--config", str(elsewhere), *named).works()
    out = clerk(*LOGOUT).works().out
    assert f"the login in {elsewhere} ended with it" in out


def test_nobody_at_the_server_leaves_everything(clerk: Clerk, folder: Path) -> None:
    vendor_file(folder, jwt(aud="user-auth.chainloop"), server=NOBODY)
    clerk(*IMPORT).fails(5)
    assert stored(clerk) == ""


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--token", "not-a-token"), "--import and --token exclude each other"),
        (("--keyless",), "--import and --keyless exclude each other"),
        (("--skip-browser",), "--import and --skip-browser exclude each other"),
        (("--callback-port", "1"), "--import and --callback-port exclude each other"),
        (("--config", " "), "--config is empty"),
    ],
)
def test_other_ways_exclude_it(clerk: Clerk, given: tuple[str, ...], words: str) -> None:
    clerk(*IMPORT, *given).fails(2, words)


def test_the_home_folder_is_shown_as_such(
    clerk: Clerk, folder: Path, account_server: AccountServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    vendor_file_of(folder, account_server, sign_in(account_server, *account_server.owner))
    assert f"is stored in plain text in ~/{NAME}" in clerk("status").fails(3).out
    clerk(*IMPORT).works()
    assert f"the login in ~/{NAME} ended with it" in clerk(*LOGOUT).works().out


def test_a_keychain_that_fails_does_not_hide_it(loopin: Loopin, folder: Path) -> None:
    path = vendor_file(folder, jwt(aud="user-auth.chainloop"), server=NOBODY)
    said = loopin("status", "--offline", XDG_CONFIG_HOME=str(folder)).fails(3)
    assert f"is stored in plain text in {path}, for http://{NOBODY}, without an end" in said.out
    said = loopin(*IMPORT, XDG_CONFIG_HOME=str(folder)).fails(4, "keychain")
    assert "✗ Keychain ready" in said.out
