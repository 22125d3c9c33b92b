"""`loopin gumloop …`: the page's command lines word for word, the vendor's JSON, bad input."""

import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.integration.gumloop.conftest import Signer
from tests.support.cli import Loopin
from tests.support.gumloop_stub import API_KEY, USER_ID, Fault, Gumloop
from tests.support.server import ROOT

pytestmark = pytest.mark.slow

with_keyring = pytest.mark.usefixtures("secret_service")
KEY_ENV = {"GUMLOOP_API_KEY": API_KEY, "GUMLOOP_USER_ID": USER_ID}


def _shell(line: str, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Type a line of the page into a shell in which `gumloop` is `loopin gumloop`."""
    function = f'gumloop() {{ "{sys.executable}" -m app gumloop "$@"; }}; '
    return subprocess.run(
        ["bash", "-c", function + line],
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@with_keyring
def test_the_pages_key_lines_work_word_for_word(command: Loopin, gumloop: Gumloop) -> None:
    gumloop.keys = {"gum_xxx": "user_abc"}
    inline = _shell("gumloop login --api-key gum_xxx --user-id user_abc", command.variables())
    assert inline.returncode == 0, inline.stderr
    assert "shell's history" in inline.stderr
    assert "/proc" in inline.stderr
    piped = _shell(
        'echo "$GUMLOOP_API_KEY" | gumloop login --api-key - --user-id user_abc',
        command.variables(GUMLOOP_API_KEY="gum_xxx"),
    )
    assert piped.returncode == 0, piped.stderr
    assert "shell's history" not in piped.stderr
    assert _shell("gumloop logout", command.variables()).returncode == 0


@with_keyring
@pytest.mark.xdist_group("callback-port-8765")
def test_the_pages_oauth_line_prints_the_address_and_waits_on_8765(
    gumloop: Gumloop, printed_sign_in: Signer
) -> None:
    said = printed_sign_in(sys.executable, "-m", "app", "gumloop").works().out
    assert "http://127.0.0.1:8765/callback" in said
    assert "ssh -L 8765:127.0.0.1:8765 user@host" in said
    address = next(line for line in said.splitlines() if "/oauth/authorize?" in line)
    assert address.startswith(gumloop.root), "the address is whole, on a line of its own"


@with_keyring
def test_login_and_logout_print_the_vendors_json(command: Loopin, gumloop: Gumloop) -> None:
    ok = {"status": "ok", "base_url": gumloop.base_url}
    done = command("gumloop", "login", "--api-key", "-", "--user-id", USER_ID, "--json", stdin=API_KEY)
    assert done.works().json == ok | {"auth_method": "api_key"}
    assert command("gumloop", "logout", "--json").works().json == {"status": "ok", "oauth_revoked": False}
    token = gumloop.issue()["access_token"]
    done = command("gumloop", "login", "--access-token", "-", "--json", stdin=token)
    assert done.works().json == ok | {"auth_method": "oauth"}
    gumloop.fail("/oauth/revoke", Fault(500, "no", "text/plain"))
    done = command("gumloop", "logout", "--json").fails(6, "could not be revoked")
    assert done.json == {"status": "ok", "oauth_revoked": False, "oauth_revoke_failed": True}


@with_keyring
def test_profiles_are_kept_apart_and_signed_out_together(command: Loopin, gumloop: Gumloop) -> None:
    login = ("gumloop", "login", "--api-key", "-", "--user-id", USER_ID)
    command(*login, stdin=API_KEY).works()
    command(*login, "--profile", "work", stdin=API_KEY).works()
    command("gumloop", "logout", "--profile", "work").works()
    command("gumloop", "status", "--profile", "work").fails(3)
    command(*login, "--profile", "work", stdin=API_KEY).works()
    done = command("gumloop", "logout", "--all-profiles", "--json").works().json
    assert done["profiles"] == ["default", "work"]
    command("gumloop", "status").fails(3)


@with_keyring
def test_an_invalid_key_leaves_the_stored_login_in_effect(command: Loopin) -> None:
    login = ("gumloop", "login", "--user-id", USER_ID, "--api-key", "-")
    command(*login, stdin=API_KEY).works()
    command(*login, stdin="gum_wrong_not_a_real_key").fails(1, "does not accept this API key or user ID")
    assert command("gumloop", "status", "--json").works().json["candidates"][-1]["hint"] == "…0000"


@with_keyring
def test_the_environment_that_still_wins_is_named(command: Loopin) -> None:
    login = ("gumloop", "login", "--user-id", USER_ID, "--api-key", "-")
    done = command(*login, stdin=API_KEY, **KEY_ENV).works()
    assert "GUMLOOP_API_KEY is set and still wins" in done.err
    done = command("gumloop", "logout", **KEY_ENV).works()
    assert "GUMLOOP_API_KEY still signs you in" in done.err


def test_status_is_one_object_and_loopin_status_lists_it(command: Loopin, gumloop: Gumloop) -> None:
    one = command("gumloop", "status", "--json", **KEY_ENV).works().json
    assert list(one) == [
        "provider", "profile", "signed_in", "identity", "method", "source", "base_url", "team_id",
        "organization", "expires_at", "stored_in", "candidates", "warnings",
    ]  # fmt: skip
    assert (one["provider"], one["source"], one["method"]) == ("gumloop", "environment", "api_key")
    assert (one["identity"], one["organization"]) == (USER_ID, "acme")
    both = command("status", "--json", **KEY_ENV).works().json["providers"]
    assert both[0] == one
    assert API_KEY not in str(both)


def test_the_panel_says_why_each_source_lost(command: Loopin) -> None:
    said = command("gumloop", "status", GUMLOOP_ACCESS_TOKEN="not-a-real-token-at-all", **KEY_ENV).out
    assert "ignored while GUMLOOP_ACCESS_TOKEN is set" in said


def test_a_half_set_key_is_told(command: Loopin) -> None:
    done = command("gumloop", "status", GUMLOOP_API_KEY=API_KEY)
    assert "GUMLOOP_API_KEY is set without GUMLOOP_USER_ID" in done.out


def test_teams_are_listed_and_scoped(command: Loopin, gumloop: Gumloop) -> None:
    done = command("gumloop", "teams", "--json", "--team-id", "team_2", **KEY_ENV).works()
    assert done.json == {"teams": gumloop.teams, "team_id": "team_2"}
    assert "▸  team_2  ML" in command("gumloop", "teams", GUMLOOP_TEAM_ID="team_2", **KEY_ENV).works().out
    gumloop.teams = [{"id": "team_3", "name": "\x1b[31mred\u202e"}]
    done = command("gumloop", "teams", **KEY_ENV).works()
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "words"),
    [
        ("", None, 2, "--method oauth or --method api-key"),
        ("--json", None, 2, "--method oauth"),
        ("--method api-key", None, 2, "no API key is given"),
        ("--api-key - --user-id u", "", 2, "standard input is empty"),
        ("--access-token -", " \n", 2, "standard input is empty"),
        ("--api-key gum_x", None, 2, "an API key needs the user ID"),
        ("--api-key= --user-id u", None, 2, "--api-key is empty"),
        ("--api-key a --access-token b --user-id u", None, 2, "two logins"),
        ("--method api-key --access-token b", None, 2, "does not go with"),
        ("--method pigeon", None, 2, "pigeon"),
        ("--method oauth --callback-port 70000", None, 2, "70000"),
        ("--method oauth --base-url http://gumloop.example/api/v1", None, 2, "in the clear"),
        ("--method oauth --base-url nonsense", None, 2, "not a base URL"),
        ("--method oauth", None, 4, "keychain"),
        ("--api-key - --user-id u", "gum_x", 4, "keychain"),
    ],
)
def test_bad_input_has_its_own_sentence_and_exit_code(
    command: Loopin, gumloop: Gumloop, arguments: str, stdin: str | None, code: int, words: str
) -> None:
    command("gumloop", "login", *arguments.split(), stdin=stdin).fails(code, words)
    assert gumloop.seen == []


@with_keyring
def test_a_denied_sign_in_ends_with_its_sentence(gumloop: Gumloop, sign_in: Signer) -> None:
    gumloop.deny = True
    done = sign_in().fails(1, "access was denied")
    assert "\x1b[31m" not in done.err


def test_unreachable_is_5_and_not_signed_in_is_3(command: Loopin) -> None:
    nobody = {"GUMLOOP_BASE_URL": "http://127.0.0.1:9/api/v1"}
    command("gumloop", "teams", **KEY_ENV, **nobody).fails(5, "127.0.0.1:9 cannot be reached")
    command("gumloop", "teams", GUMLOOP_ACCESS_TOKEN="not-a-real-token-at-all").fails(3)


def test_the_debug_log_has_no_secret(command: Loopin) -> None:
    command("gumloop", "teams", "--debug", **KEY_ENV).works()
    (log,) = (command.folder / "state").glob("debug-*.log")
    assert API_KEY not in log.read_text()


def test_a_half_set_key_is_what_is_told_also_without_a_keychain(command: Loopin) -> None:
    command("gumloop", "teams", GUMLOOP_API_KEY=API_KEY).fails(
        2, "GUMLOOP_API_KEY is set without GUMLOOP_USER_ID", "set both, or unset GUMLOOP_API_KEY"
    )
