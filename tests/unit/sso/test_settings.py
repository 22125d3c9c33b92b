"""What an operator may write, and what is told about the rest."""

from pathlib import Path
from typing import Any

import pytest

from app.cli.server_start import read_provider
from app.domain.errors import UsageError
from app.domain.organizations import Role
from app.server.settings import Join, ProviderSettings, ServerSettings, parse_domains, parse_join
from app.server.web.provider_pages import format_sentence


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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("your account is off", "Your account is off."),
        ("login.example does not answer", "login.example does not answer."),
        ("localhost: no", "localhost: no."),
        ("a@b.example belongs", "a@b.example belongs."),
    ],
)
def test_a_sentence_begins_with_a_capital_letter_unless_with_a_name(text: str, shown: str) -> None:
    assert format_sentence(text) == shown
