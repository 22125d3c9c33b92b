"""What an operator may write about the server and the identity provider, and what is told about the rest."""

from pathlib import Path
from typing import Any

import pytest

from app.cli.server_start import read_provider
from app.domain.errors import UsageError
from app.domain.loopback import is_loopback_host
from app.domain.organizations import Role
from app.server.settings import (
    Join,
    ProviderSettings,
    ServerSettings,
    parse_domains,
    parse_join,
    parse_networks,
)

PUBLIC = "https://accounts.example"
PROXY = parse_networks(("10.0.0.0/8", "fd00::/8"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1", "[::1]"])
def test_loopback_needs_no_public_address(tmp_path: Path, host: str) -> None:
    assert is_loopback_host(host)
    ServerSettings(tmp_path, host=host).check()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "accounts.example", ""])
def test_any_other_host_needs_one(tmp_path: Path, host: str) -> None:
    with pytest.raises(UsageError, match="public address"):
        ServerSettings(tmp_path, host=host).check()
    ServerSettings(tmp_path, host=host, public_url=PUBLIC, trusted_proxies=PROXY).check()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "accounts.example"])
def test_other_machines_reach_it_under_tls_or_through_a_named_proxy(tmp_path: Path, host: str) -> None:
    with pytest.raises(UsageError, match="without TLS") as caught:
        ServerSettings(tmp_path, host=host, public_url=PUBLIC).check()
    assert "--tls-cert" in caught.value.hint
    assert "--trusted-proxy" in caught.value.hint
    ServerSettings(tmp_path, host=host, public_url=PUBLIC, trusted_proxies=PROXY).check()
    pem = tmp_path / "pem"
    ServerSettings(tmp_path, host=host, public_url=PUBLIC, tls_cert=pem, tls_key=pem).check()


def test_a_plain_public_url_for_other_machines_needs_a_named_proxy(tmp_path: Path) -> None:
    plain, pem = "http://accounts.example", tmp_path / "pem"
    for settings in (
        ServerSettings(tmp_path, public_url=plain),
        ServerSettings(tmp_path, public_url=plain, tls_cert=pem, tls_key=pem),
    ):
        with pytest.raises(UsageError, match="plain http"):
            settings.check()
    ServerSettings(tmp_path, public_url=plain, trusted_proxies=PROXY).check()
    for here in ("http://127.0.0.1:8080", "http://localhost:8080/", "http://[::1]:8080"):
        ServerSettings(tmp_path, public_url=here).check()


@pytest.mark.parametrize(
    "url",
    [
        "x",
        "ftp://a.example",
        "https://",
        "https://a.example:0",
        "https://a.example:x",
        "https://u:p@a.example",
        "HTTPS://a.example",
        "https://a.example?",
        "https://a.example#",
        "https://a.exam\nple",
        "https://a.example\\b",
        "https://a b.example",
    ],
)
def test_a_public_address_is_a_web_address(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError):
        ServerSettings(tmp_path, public_url=url).check()


@pytest.mark.parametrize("path", ["/loopin", "/loopin/", "//loopin", "/a/b", "/;x"])
def test_a_public_address_has_no_path(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageError, match="has a path"):
        ServerSettings(tmp_path, public_url=PUBLIC + path).check()
    for root in (PUBLIC, f"{PUBLIC}/", "https://[2001:db8::1]:8443"):
        ServerSettings(tmp_path, public_url=root, dashboard_url=f"{PUBLIC}/loopin").check()


def several(folder: Path, workers: int, connections: int = 48, *, stdin: bool = False) -> ServerSettings:
    """So many workers on PostgreSQL."""
    return ServerSettings(
        folder,
        database_url="postgresql://loopin@db.example/loopin",
        signing_key_file=folder / "ring",
        database_connections=connections,
        workers=workers,
        control_stdin=stdin,
    )


def test_several_workers_need_postgresql(tmp_path: Path) -> None:
    assert several(tmp_path, 2).check()
    with pytest.raises(UsageError, match="SQLite has one writer"):
        ServerSettings(tmp_path, workers=2).check()


@pytest.mark.parametrize(
    ("workers", "connections", "stdin", "message"),
    [
        (0, 48, False, "1 to 64 workers"),
        (65, 480, False, "1 to 64 workers"),
        (2, 3, False, "at least 4 connections"),
        (2, 48, True, "--control-stdin is for one worker"),
    ],
)
def test_workers_that_cannot_work_are_refused(
    tmp_path: Path, workers: int, connections: int, stdin: bool, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        several(tmp_path, workers, connections, stdin=stdin).check()


@pytest.mark.parametrize(("workers", "share"), [(1, 16), (2, 8), (3, 5), (32, 1)])
def test_limits_are_totals(tmp_path: Path, workers: int, share: int) -> None:
    assert several(tmp_path, workers, 100).share(16) == share


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file with a secret."""
    file = tmp_path / "secret"
    file.touch(mode=0o600)
    file.write_text("client-secret-not-real\n")
    return file


def test_everything_together(secret: Path) -> None:
    settings = read_provider(
        "https://login.example/realms/acme", "loopin", secret, ("Acme.example",), "acme:member", True
    )
    assert settings is not None
    assert settings.check() is settings
    assert (settings.host, settings.secret()) == ("login.example", "client-secret-not-real")
    assert (settings.domains, settings.join) == (("acme.example",), Join("acme", Role.MEMBER))
    assert "client-secret" not in repr(settings)


def test_nothing_means_no_provider() -> None:
    assert read_provider() is None


@pytest.mark.parametrize(
    "options",
    [
        {"oidc_client_id": "loopin"},
        {"oidc_domains": ("acme.example",)},
        {"oidc_join": "acme:member"},
        {"oidc_trust_emails": True},
    ],
)
def test_other_options_need_an_issuer(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="need --oidc-issuer"):
        read_provider(**options)


def test_a_secret_file_is_needed() -> None:
    with pytest.raises(UsageError, match="--oidc-client-secret-file is missing"):
        read_provider("https://login.example", "loopin")


@pytest.mark.parametrize(
    "issuer", ["x", "https://", "https://[", "https://a.example?x", "https://a.example#x"]
)
def test_an_issuer_is_an_address(secret: Path, issuer: str) -> None:
    with pytest.raises(UsageError, match="--oidc-issuer"):
        ProviderSettings(issuer, "loopin", secret).check()


@pytest.mark.parametrize("client_id", ["", "x" * 501, "a\nb"])
def test_a_client_id_is_a_line_of_text(secret: Path, client_id: str) -> None:
    with pytest.raises(UsageError, match="--oidc-client-id"):
        ProviderSettings("https://login.example", client_id, secret).check()


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb", b"\xff", b"x" * 5000])
def test_a_secret_that_is_none_is_told_without_its_content(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.touch(mode=0o600)
    file.write_bytes(content)
    with pytest.raises(UsageError, match="cannot be used"):
        ProviderSettings("https://login.example", "loopin", file).check()


@pytest.mark.parametrize("domain", ["", "acme", "a b.example", "acme.example/", "*.example", "-a.example"])
def test_a_domain_is_a_domain(domain: str) -> None:
    with pytest.raises(UsageError, match="is not an e-mail domain"):
        parse_domains([domain])


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("acme", "nobody becomes ''"),
        ("acme:owner", "nobody becomes 'owner'"),
        ("acme:king", "nobody becomes 'king'"),
        (":member", "names no organization"),
        ("Acme:member", "names no organization"),
    ],
)
def test_a_rule_names_an_organization_and_a_role(rule: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        parse_join(rule)


def test_somebody_must_be_able_to_sign_in(tmp_path: Path, secret: Path) -> None:
    with pytest.raises(UsageError, match="nobody could sign in"):
        ServerSettings(tmp_path, passwords=False).check()
    provider = ProviderSettings("https://login.example", "loopin", secret)
    ServerSettings(tmp_path, passwords=False, provider=provider).check()
