"""`loopin doctor`: every line is either fine or says what to mend, and none of them holds a secret."""

import os
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from app.adapters.keychain.keychain import KeychainVault
from app.adapters.keychain.memory import MemoryVault
from app.adapters.system.diagnostics import NetworkProbe
from app.bootstrap import Container
from app.cli import exit_codes
from app.cli.runtime import real_container
from app.domain.doctor import Finding, Verdict
from app.domain.errors import TLSFailed, Unreachable
from app.domain.secret import Secret
from app.services.doctor import ACCOUNT, SERVICE
from app.services.doctor_network import compare_clocks
from app.settings import load
from tests.support.callbacks import FreePortListeners, on_a_free_port
from tests.support.cli import Loopin, Result
from tests.support.gumloop import MovableClock
from tests.support.gumloop_stub import API_KEY, USER_ID, Gumloop
from tests.support.peers import certificate, closed_port, tcp_peer
from tests.support.server import AccountServer, sign_in
from tests.support.vaults import Bus
from tests.support.vendor_file import vendor_file

pytestmark = pytest.mark.slow

CHECKS = {
    *("versions", "keychain", "browser", "port", "gumloop", "chainloop"),
    *("clock", "environment", "folders", "terminal"),
}


@pytest.fixture
def command(loopin: Loopin, account_server: AccountServer) -> Loopin:
    """`loopin` whose providers are both the real account server, with a callback port of its own."""
    loopin.containers = on_a_free_port
    loopin.environment = {
        "GUMLOOP_BASE_URL": f"{account_server.http}/api/v1",
        "CHAINLOOP_CONTROL_PLANE_API": account_server.grpc,
        "CHAINLOOP_API_INSECURE": "true",
        "BROWSER": "true",
    }
    return loopin


def lines(done: Result, check: str) -> list[dict[str, Any]]:
    """The findings of one check."""
    return [line for line in done.json["checks"] if line["check"] == check]


def worst(done: Result, check: str) -> dict[str, Any]:
    """The most serious of them."""
    order = ("pass", "warn", "fail")
    return max(lines(done, check), key=lambda line: order.index(line["verdict"]))


def test_where_everything_works_it_says_so_and_exits_0(command: Loopin, secret_service: Bus) -> None:
    done = command("doctor", "--json", **secret_service.environment).works()
    assert done.json["ok"] is True
    assert {line["check"] for line in done.json["checks"]} == CHECKS
    assert [line for line in done.json["checks"] if line["verdict"] != "pass"] == []
    assert worst(done, "keychain")["detail"] == "GNOME Keyring: written, read, deleted"
    assert 0 < worst(done, "keychain")["seconds"] < 20


def test_people_read_lines_and_the_next_step(command: Loopin) -> None:
    done = command("doctor").fails(exit_codes.FOUND)
    assert "✗ keychain     no keychain was found\n               → install" in done.out
    assert "✓ versions     loopin " in done.out
    assert done.out.endswith(".\n")


async def test_the_probe_leaves_nothing_in_the_keychain(secret_service: Bus, tmp_path: Path) -> None:
    vault = KeychainVault(timeout=60)
    found = await look(tmp_path, vault=vault)
    assert [f.verdict for f in found if f.check == "keychain"] == [Verdict.PASS]
    assert await vault.read(SERVICE, ACCOUNT) is None


# keyring drops its connection to the bus unclosed when a collection is locked.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_a_locked_keychain_fails_with_its_fix(command: Loopin, secret_service: Bus) -> None:
    secret_service.lock()
    done = command("doctor", "--json", **secret_service.environment).fails(exit_codes.FOUND)
    assert worst(done, "keychain")["verdict"] == "fail"
    assert worst(done, "keychain")["detail"] == "GNOME Keyring is locked"
    assert "unlock it" in worst(done, "keychain")["fix"]


def test_a_missing_keychain_is_a_warning_where_the_environment_signs_in(
    command: Loopin, gumloop: Gumloop
) -> None:
    key = {"GUMLOOP_BASE_URL": gumloop.base_url, "GUMLOOP_API_KEY": API_KEY, "GUMLOOP_USER_ID": USER_ID}
    done = command("doctor", "--json", **key).works()
    assert worst(done, "keychain")["verdict"] == "warn"
    assert "GUMLOOP_API_KEY is used instead" in worst(done, "keychain")["detail"]
    told = [line["detail"] for line in lines(done, "environment")]
    assert not any("keychain" in detail for detail in told), "told once"


async def test_a_login_that_the_vendors_program_keeps_in_plain_text_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    token = "not-a-real-session-of-ada"
    path = vendor_file(tmp_path, token, server="cp.example:443", insecure=False)
    found = await look(tmp_path, vault=MemoryVault())
    (line,) = [f for f in found if f.check == "login file"]
    assert line.verdict is Verdict.WARN
    assert f"in plain text in {path}, for cp.example:443, without an end" in line.detail
    assert line.fix == "take it over into the keychain: loopin chainloop auth login --import"
    assert not any(token in f.detail + f.fix for f in found)
    path.unlink()
    found = await look(tmp_path, vault=MemoryVault())
    assert not [f for f in found if f.check == "login file"]


class Forgetful(MemoryVault):
    """A keychain that gives back something else than was written."""

    async def read(self, service: str, account: str) -> Secret | None:
        found = await super().read(service, account)
        return Secret("something-else") if found else None


async def look(folder: Path, **adapters: Any) -> list[Finding]:
    """All findings, with adapters of one's own; both servers are not there."""
    nobody = closed_port()
    variables = {
        "LOOPIN_CONFIG_DIR": str(folder / "config"),
        "LOOPIN_STATE_DIR": str(folder / "state"),
        "GUMLOOP_BASE_URL": f"http://{nobody}/api/v1",
        "CHAINLOOP_CONTROL_PLANE_API": nobody,
        "CHAINLOOP_API_INSECURE": "true",
    }
    container = Container(load(variables), listeners=FreePortListeners(), **adapters)
    try:
        return [finding async for finding in container.doctor.run_checks()]
    finally:
        await container.aclose()


async def test_a_keychain_that_loses_what_it_was_given_fails(tmp_path: Path) -> None:
    vault = Forgetful()
    found = await look(tmp_path, vault=vault)
    (line,) = [f for f in found if f.check == "keychain"]
    assert line.verdict is Verdict.FAIL
    assert "does not give back what was written" in line.detail
    assert vault._entries == {}


async def test_servers_that_were_named_and_are_not_there_fail(tmp_path: Path) -> None:
    found = await look(tmp_path, vault=MemoryVault())
    for check in ("gumloop", "chainloop"):
        *_, line = [f for f in found if f.check == check]
        assert line.verdict is Verdict.FAIL
        assert "127.0.0.1" in line.detail
        assert line.fix


@pytest.mark.xdist_group("callback-port-8765")
def test_a_taken_default_port_is_named_with_its_holder(command: Loopin, default_callback_port: int) -> None:
    command.containers = real_container
    with socket.create_server(("127.0.0.1", default_callback_port)):
        line = worst(command("doctor", "--json"), "port")
    assert line["verdict"] == "warn"
    assert "8765" in line["detail"]
    assert str(os.getpid()) in line["detail"]
    assert line["fix"]


def test_no_browser_is_a_warning_with_the_way_around(command: Loopin) -> None:
    line = worst(command("doctor", "--json", BROWSER="", SSH_CONNECTION="somewhere"), "browser")
    assert line["verdict"] == "warn"
    assert "this is an SSH session" in line["detail"]
    assert "--no-browser" in line["fix"]


def test_what_is_set_and_gets_in_the_way_is_named(command: Loopin, secret_service: Bus) -> None:
    login = ("gumloop", "login", "--user-id", "u_sample", "--access-token", "-")
    stored = command(*login, stdin="not-a-real-token", **secret_service.environment)
    assert stored.code == exit_codes.FAILED  # the sample server knows no such token
    done = command(
        "doctor",
        "--json",
        GUMLOOP_API_KEY=API_KEY,
        LOOPIN_THEMES="dark",
        SSL_CERT_FILE="/nowhere/at/all.pem",
    ).fails(exit_codes.FOUND)
    told = {line["detail"] for line in lines(done, "environment")}
    assert "LOOPIN_THEMES is set and means nothing here" in told
    assert "SSL_CERT_FILE names no readable file" in told
    assert any("GUMLOOP_API_KEY is set without GUMLOOP_USER_ID" in detail for detail in told)


def test_a_stored_login_that_the_environment_outdoes_is_named(
    loopin: Loopin, gumloop: Gumloop, secret_service: Bus
) -> None:
    loopin.containers = on_a_free_port
    loopin.environment = {"GUMLOOP_BASE_URL": gumloop.base_url, **secret_service.environment}
    loopin("gumloop", "login", "--user-id", USER_ID, "--api-key", "-", stdin=API_KEY).works()
    done = loopin("doctor", "--json", GUMLOOP_ACCESS_TOKEN="not-a-real-token-0000")
    told = [line["detail"] for line in lines(done, "environment")]
    assert "the stored login is ignored while GUMLOOP_ACCESS_TOKEN is set" in told


def test_settings_that_cannot_be_read_are_the_finding(command: Loopin) -> None:
    done = command("doctor", "--json", LOOPIN_NEAR_DAYS="soon").fails(exit_codes.FOUND)
    assert [line["check"] for line in done.json["checks"]] == ["settings"]
    assert "LOOPIN_NEAR_DAYS" in done.json["checks"][0]["detail"]


def test_a_proxy_that_is_none_is_a_line_and_not_a_crash(command: Loopin) -> None:
    done = command(
        "doctor", "--json", GUMLOOP_BASE_URL="https://gumloop.example/api/v1", https_proxy="ftp://x"
    ).fails(exit_codes.FOUND)
    assert "proxy" in worst(done, "gumloop")["detail"]


def test_the_proxy_in_effect_is_named(command: Loopin) -> None:
    """For HTTP and for gRPC; its password is not."""
    named = {"HTTPS_PROXY": "http://someone:marked-4714@127.0.0.1:9", "NO_PROXY": "elsewhere.example"}
    plane = {"CHAINLOOP_CONTROL_PLANE_API": "plane.example:443", "CHAINLOOP_API_INSECURE": ""}
    done = command("doctor", "--json", GUMLOOP_BASE_URL="https://gumloop.example/api/v1", **plane, **named)
    said = [line["detail"] for line in done.fails(exit_codes.FOUND).json["checks"]]
    for host in ("gumloop.example", "plane.example"):
        assert f"{host} is reached through the proxy http://127.0.0.1:9 (HTTPS_PROXY)" in said
    assert "marked-4714" not in done.out


def test_folders_that_others_can_read_or_nobody_can_write_are_told(command: Loopin) -> None:
    config = command.folder / "config"
    config.mkdir(mode=0o755)
    config.chmod(0o755)
    line = worst(command("doctor", "--json"), "folders")
    assert (line["verdict"], line["detail"]) == ("warn", f"others can read in {config}")
    line = worst(command("doctor", "--json", LOOPIN_STATE_DIR="/proc/nothing/here"), "folders")
    assert line["verdict"] == "fail"
    assert line["detail"].startswith("/proc/nothing/here cannot be written: ")


def test_a_full_disk_is_told(command: Loopin) -> None:
    """A file system without room, where the kernel lets us mount one."""
    full = command.folder / "full"
    full.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", full], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        (full / "all").write_bytes(bytes(4096))
        line = worst(command("doctor", "--json", LOOPIN_STATE_DIR=str(full)), "folders")
    finally:
        subprocess.run(["umount", full], check=True)
    assert line["verdict"] == "fail"
    assert "No space left" in line["detail"]


def test_no_secret_is_in_what_is_pasted(command: Loopin, account_server: AccountServer) -> None:
    """Not the credentials, not the last characters of one, not the person, not the home folder's name."""
    token = sign_in(account_server, *account_server.owner)
    marks = {
        "CHAINLOOP_TOKEN": token,
        "GUMLOOP_ACCESS_TOKEN": "marked-access-token-4711",
        "GUMLOOP_API_KEY": "gum_marked_api_key_4712",
        "GUMLOOP_USER_ID": "user-marked-4713",
        "GITLAB_OIDC": token,
        "LOOPIN_NEAR_DAYS": "7",
        "https_proxy": "http://someone:marked-proxy-4714@127.0.0.1:9",
    }
    for form in ((), ("--json",)):
        done = command("doctor", *form, **marks)
        said = done.out + done.err
        assert "is used instead" in said
        for secret in (*marks.values(), token[-4:], "4711", "4712", "4713", "4714", account_server.owner[0]):
            if secret not in {"7"}:
                assert secret not in said, secret


def test_a_secret_in_a_setting_of_another_kind_is_masked(command: Loopin) -> None:
    """Somebody pastes the token into the wrong variable, too; the sentence quotes the value."""
    secret = "gum_marked_api_key_4712"
    done = command("doctor", "--json", LOOPIN_NEAR_DAYS=secret, GUMLOOP_API_KEY=secret)
    assert "LOOPIN_NEAR_DAYS" in done.out
    assert secret not in done.out + done.err


# ── clocks ──


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0, Verdict.PASS), (20, Verdict.PASS), (-29, Verdict.PASS), (45, Verdict.WARN), (-299, Verdict.WARN),
     (600, Verdict.FAIL), (-600, Verdict.FAIL)],
)  # fmt: skip
def test_a_clock_that_is_off_is_told_by_how_much(seconds: int, verdict: Verdict) -> None:
    theirs = datetime(2026, 3, 1, 12, tzinfo=UTC)
    ours = theirs + timedelta(seconds=seconds, milliseconds=500)
    found = compare_clocks("clock", "acme", theirs, ours)
    assert found.verdict is verdict
    if seconds:
        assert f"{abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} acme" in found.detail
    assert bool(found.fix) is (verdict is not Verdict.PASS)


def _web(date: str, status: str = "204 No Content") -> bytes:
    return f"HTTP/1.1 {status}\r\nDate: {date}\r\nConnection: close\r\n\r\n".encode()


def _answering(answer: bytes) -> Any:
    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)
        connection.close()

    return behave


async def test_ten_minutes_off_fails_where_a_server_tells_the_time(tmp_path: Path) -> None:
    late = MovableClock()
    late.offset = timedelta(minutes=10)
    with tcp_peer(_answering(_web(format_datetime(datetime.now(UTC), usegmt=True)))) as address:
        answer = await NetworkProbe(late, timeout=60, user_agent="test").head(f"http://{address}/api/v1")
    found = compare_clocks("clock", "gumloop", answer.date, answer.at)
    assert found.verdict is Verdict.FAIL
    assert "ahead of" in found.detail


@pytest.mark.parametrize("date", ["yesterday", "", "Thu, 99 Foo 2026 99:99:99 GMT", "\x1b[31m"])
async def test_a_date_that_is_none_is_no_date(date: str) -> None:
    with tcp_peer(_answering(_web(date))) as address:
        try:
            answer = await NetworkProbe(MovableClock(), timeout=60, user_agent="test").head(
                f"http://{address}/"
            )
        except Unreachable:
            return
    assert answer.date is None


# ── encryption ──


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """An https server with a certificate that nobody vouches for; its address and its authority."""
    made = certificate()
    context = made.context(tmp_path / "tls")

    def behave(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as session:
            session.recv(65536)
            session.sendall(_web(format_datetime(datetime.now(UTC), usegmt=True)))

    with tcp_peer(behave) as address:
        yield f"https://{address}/", made.pem


async def test_the_version_of_tls_and_the_end_of_the_certificate_are_read(secure: tuple[str, str]) -> None:
    url, authority = secure
    answer = await NetworkProbe(MovableClock(), timeout=60, user_agent="test").head(url, authority)
    assert answer.protection == "TLSv1.3"
    assert answer.valid_until is not None
    assert timedelta() < answer.valid_until - datetime.now(UTC) < timedelta(days=1)


async def test_a_certificate_that_nobody_vouches_for_fails(secure: tuple[str, str]) -> None:
    with pytest.raises(TLSFailed):
        await NetworkProbe(MovableClock(), timeout=60, user_agent="test").head(secure[0])


def _silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        continue


async def test_a_server_that_never_answers_is_given_up() -> None:
    probe = NetworkProbe(MovableClock(), timeout=0.3, user_agent="test")
    with tcp_peer(_silent) as address, pytest.raises(Unreachable, match="did not answer"):
        await probe.head(f"http://{address}/")


def test_a_credential_is_sent_to_its_own_server_alone_and_never_shown(
    command: Loopin, gumloop: Gumloop
) -> None:
    """The stub writes down what arrives: one request asks whether the key is accepted."""
    done = command(
        "doctor", GUMLOOP_BASE_URL=gumloop.base_url, GUMLOOP_API_KEY=API_KEY, GUMLOOP_USER_ID=USER_ID
    )
    sent = [request.path for request in gumloop.seen if "authorization" in request.headers]
    assert sent == ["/api/v1/models"]
    assert "GUMLOOP_API_KEY is accepted" in done.out
    assert API_KEY not in done.out + done.err


def test_a_credential_that_its_server_refuses_is_a_failure(command: Loopin, gumloop: Gumloop) -> None:
    done = command(
        "doctor",
        GUMLOOP_BASE_URL=gumloop.base_url,
        GUMLOOP_API_KEY="gum_wrong_not_real",
        GUMLOOP_USER_ID=USER_ID,
    )
    assert "GUMLOOP_API_KEY is not accepted" in done.out
    assert "unset it" in done.out
    assert done.code == 7


def test_a_token_that_the_control_plane_refuses_is_a_failure(
    command: Loopin, account_server: AccountServer
) -> None:
    at = {"CHAINLOOP_CONTROL_PLANE_API": account_server.grpc, "CHAINLOOP_API_INSECURE": "true"}
    done = command("doctor", CHAINLOOP_TOKEN="aaaa.bbbb.cccc", **at)
    assert "CHAINLOOP_TOKEN is not accepted" in done.out
    assert done.code == 7


def test_what_is_set_and_cannot_be_used_is_a_warning_each(command: Loopin) -> None:
    config = Path(command.variables()["LOOPIN_CONFIG_DIR"]) / "config.toml"
    config.parent.mkdir(exist_ok=True)
    config.write_text('readonly = true\n[keys]\n"tokens.nosuch" = "x"\n', encoding="utf-8")
    done = command("doctor", "--json", LOOPIN_THEME="nosuch")
    told = " ".join(line["detail"] for line in lines(done, "settings"))
    assert all(
        words in told for words in ("did you mean read_only?", "no theme called nosuch", "tokens.nosuch")
    )
    assert {line["verdict"] for line in lines(done, "settings")} == {"warn"}
    assert "readonly" not in done.err


@pytest.mark.parametrize("path", ["", "/api", "/api/v2", "/api/v1/api/v1"])
def test_a_base_url_with_a_wrong_path_fails(
    command: Loopin, account_server: AccountServer, path: str
) -> None:
    """Something answers there, and it is not the API."""
    done = command("doctor", "--json", GUMLOOP_BASE_URL=f"{account_server.http}{path}").fails(
        exit_codes.FOUND
    )
    assert worst(done, "gumloop")["verdict"] == "fail"
    assert "there is no Gumloop API at" in worst(done, "gumloop")["detail"]
    assert "/api/v1" in worst(done, "gumloop")["fix"]


def test_a_browser_that_is_not_there_is_a_warning(command: Loopin) -> None:
    """Whatever BROWSER promises."""
    line = worst(command("doctor", "--json", BROWSER="/nowhere/firefox %s"), "browser")
    assert line["verdict"] == "warn"
    assert "BROWSER names /nowhere/firefox, and there is no such program" in line["detail"]


BROKEN = {
    "a folder whose name is too long": {"LOOPIN_STATE_DIR": f"/tmp/{'x' * 300}"},
    "a folder below a file": {"LOOPIN_STATE_DIR": "/etc/passwd/loopin"},
    "a home of nobody": {"LOOPIN_STATE_DIR": "~nobody-of-that-name/x"},
    "bytes that are no text": {"CHAINLOOP_ORGANIZATION": "a\udcff", "LOOPIN_THEME": "\udcff"},
    "a proxy that is none": {"https_proxy": "::::"},
    "an authority that is none": {"SSL_CERT_FILE": "~nobody-of-that-name/x"},
    "a base URL that is none": {"GUMLOOP_BASE_URL": "nowhere"},
    "an address that is none": {"CHAINLOOP_CONTROL_PLANE_API": "a b"},
    "a token that cannot be sent": {"CHAINLOOP_TOKEN": "gum_\udcff"},
    "a profile that is none": {},
}


@pytest.mark.parametrize("case", BROKEN)
def test_in_a_broken_environment_it_tells_and_does_not_die(command: Loopin, case: str) -> None:
    """It is what people start when nothing else does."""
    arguments = ("--profile", "a:b") if case == "a profile that is none" else ()
    done = command("doctor", "--json", *arguments, **BROKEN[case])
    assert done.code in {exit_codes.DONE, exit_codes.FOUND}
    assert any(line["verdict"] != "pass" for line in done.json["checks"])


def test_a_home_folder_that_is_not_known_is_told(command: Loopin) -> None:
    """No HOME, and nobody in passwd: a container with an arbitrary user."""
    command.environment |= {"LOOPIN_CONFIG_DIR": "", "LOOPIN_STATE_DIR": "", "HOME": ""}
    with patch("os.path.expanduser", lambda path: path), patch.dict(os.environ):
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            os.environ.pop(name, None)
        done = command("doctor", "--json").fails(exit_codes.FOUND)
    assert "no home folder" in worst(done, "settings")["detail"]
