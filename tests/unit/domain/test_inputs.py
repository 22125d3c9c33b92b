"""One reader for each kind of input: what surrounds a value goes, and what cannot be one is named."""

import base64
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import inputs
from app.domain.credentials import Endpoint, Provider
from app.domain.errors import UsageError

TOKEN = "eyJub3QiOiJyZWFs.not-a-real-token.0042"


def surrounded(value: str) -> tuple[str, ...]:
    """`value` as people and programs hand it over."""
    return (
        f"{value}\n", f"{value}\r\n", f" {value}\t", f"\ufeff{value}", f"\xa0{value}\xa0",
        f"\u200b{value}\u200b",
        f'"{value}"', f"'{value}'", f"“{value}”", f'\ufeff "{value}"\r\n', f"`{value}`",
    )  # fmt: skip


@pytest.mark.parametrize(
    "given_as",
    [
        *surrounded(TOKEN),
        f"Bearer {TOKEN}",
        f"bearer   {TOKEN}\n",
        f"Authorization: Bearer {TOKEN}",
        f'"Bearer {TOKEN}"',
        TOKEN[:12] + "\n" + TOKEN[12:],
        TOKEN[:12] + "\r\n  " + TOKEN[12:30] + " \n" + TOKEN[30:],
        TOKEN[:12] + "\u200b" + TOKEN[12:],
    ],
)
def test_a_secret_is_what_is_meant(given_as: str) -> None:
    """However it was copied, wrapped, quoted or saved."""
    secret = inputs.read_secret(given_as, "CHAINLOOP_TOKEN")
    assert secret is not None
    assert secret.reveal() == TOKEN


@pytest.mark.parametrize("nothing", ["", " ", "\n", "\ufeff", '""', "\xa0\u200b"])
def test_nothing_is_nothing(nothing: str) -> None:
    """For every reader."""
    assert inputs.read_secret(nothing, "x") is None
    assert inputs.read_address(nothing, "x") is None
    assert inputs.read_path(nothing, "x") is None
    assert inputs.read_text(nothing, "x") == ""


@pytest.mark.parametrize("inside", ["a b", "a\tb", "gum_ü", "a\x1bb"])
def test_what_else_no_token_has_stays_for_the_one_who_sends_it(inside: str) -> None:
    """Dropped in silence, another token would be sent than the one that was given."""
    secret = inputs.read_secret(inside, "x")
    assert secret is not None
    assert secret.reveal() == inside


@pytest.mark.parametrize(
    ("text", "address"),
    [
        *[(text, "cp.example:9000") for text in surrounded("cp.example:9000")],
        ("CP.Example:9000", "cp.example:9000"),
        ("cp.example", "cp.example:443"),
        ("https://cp.example:443/", "cp.example:443"),
        ("https://cp.example", "cp.example:443"),
        ("cp.example:443/", "cp.example:443"),
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("[::1]:9000", "[::1]:9000"),
        ("https://[2001:DB8::1]/", "[2001:db8::1]:443"),
        ("höst.example:1", "xn--hst-sna.example:1"),
        ("control_plane:9000", "control_plane:9000"),
    ],
)
def test_an_address_has_one_spelling(text: str, address: str) -> None:
    """Scheme and host in lower case, the port of TLS where none is named, no slash at the end."""
    found = inputs.read_address(text, "--control-plane")
    assert found is not None
    assert found.text == address
    assert inputs.read_address(address, "x") == inputs.Address(address, None)


@pytest.mark.parametrize(
    "bad",
    [
        "ftp://h:1", "h:port", "h:99999", "h:0", "h:-1", "a b", "a\nb", "https://", ":443", "h:1/path",
        "user@h:1", "h:1?x=1", "h:1#x", "unix:/tmp/x", "h:1\x1b[31m", "h\u202e:1", "-h:1", "a,b:1",
        "h\udcff:1",
    ],
)  # fmt: skip
def test_what_is_no_address_is_named_with_its_source(bad: str) -> None:
    """So that a person knows which of the places to correct."""
    with pytest.raises(UsageError) as caught:
        inputs.read_address(bad, "CHAINLOOP_CONTROL_PLANE_API")
    assert caught.value.message.startswith("CHAINLOOP_CONTROL_PLANE_API")
    assert caught.value.message.isprintable()
    assert caught.value.hint


@pytest.mark.parametrize("one", ["host", "host:443", "HOST:443", "host:443/", "host\n", " host:443\r\n"])
@pytest.mark.parametrize("other", ["host", "host:443", "https://host:443/"])
def test_spellings_of_one_address_are_one_origin(one: str, other: str) -> None:
    """A login that an earlier version stored as it was typed still belongs to its server."""
    stored = Endpoint(Provider.CHAINLOOP, one)
    assert stored.same_origin(Endpoint(Provider.CHAINLOOP, other))


@pytest.mark.parametrize("other", ["host:8443", "host.example", "hosts", "", "not an address"])
def test_another_host_or_port_is_another_origin(other: str) -> None:
    """Plain text and TLS, too."""
    here = Endpoint(Provider.CHAINLOOP, "host:443")
    assert not here.same_origin(Endpoint(Provider.CHAINLOOP, other))
    assert not here.same_origin(Endpoint(Provider.CHAINLOOP, "host:443", insecure=True))


def test_a_base_url_is_compared_by_its_parts() -> None:
    """Scheme and host in any case, the port of the scheme, no slash at the end; the path as it is."""
    here = Endpoint(Provider.GUMLOOP, "https://g.example/api/v1")
    for same in ("https://g.example/api/v1/", "HTTPS://G.example:443/api/v1", "https://g.example/api/v1\n"):
        assert here.same_origin(Endpoint(Provider.GUMLOOP, same))
    for other in ("https://g.example:444/api/v1", "http://g.example/api/v1", "https://g.example/API/v1", ""):
        assert not here.same_origin(Endpoint(Provider.GUMLOOP, other))


def test_a_path_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stored, and used from another folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for text in ("~/ca.pem", "ca.pem", "./x/../ca.pem", f'"{tmp_path}/ca.pem"\n', "\ufeff~/ca.pem "):
        assert inputs.read_path(text, "SSL_CERT_FILE") == tmp_path / "ca.pem"


@pytest.mark.parametrize("bad", ["~nobody-of-that-name/x", "a\0b", "a\udcff"])
def test_what_is_no_path_is_named_with_its_source(bad: str) -> None:
    """Not a traceback."""
    with pytest.raises(UsageError, match="LOOPIN_STATE_DIR"):
        inputs.read_path(bad, "LOOPIN_STATE_DIR")


@pytest.mark.parametrize("name", ["default", "work", "Prod_EU", "ada@acme.example", "zwölf", "a.b-c"])
def test_a_profile_is_a_word(name: str) -> None:
    """Names that an earlier version stored are among them."""
    assert inputs.read_profile(f" {name}\n", "--profile") == name


@pytest.mark.parametrize(
    "bad", ["", " ", "a b", "a:b", "a/b", "a\\b", "a\nb", "a\tb", "a\xa0b", "-x", "x" * 64, "\x1b[2J"]
)
def test_what_is_no_profile_is_refused(bad: str) -> None:
    """In Gumloop's keychain entries a colon separates profile and field."""
    with pytest.raises(UsageError, match="--profile") as caught:
        inputs.read_profile(bad, "--profile")
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    "encode",
    [
        str.encode,
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    ],
)
def test_a_file_is_text_in_the_usual_encodings(encode: Callable[[str], bytes]) -> None:
    """As editors and shells of Windows write it."""
    assert inputs.decode(encode('theme = "nörd"\r\n'), "x") == 'theme = "nörd"\r\n'


def test_a_file_that_is_no_text_is_named() -> None:
    """By its path."""
    with pytest.raises(UsageError, match=r"config\.toml is not UTF-8"):
        inputs.decode(b"\xff\xff\x00", "config.toml")


def test_a_certificate_is_told_from_a_path() -> None:
    """By its form."""
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    assert inputs.certificate_in(pem)
    assert inputs.certificate_in(base64.b64encode(pem.encode()).decode())
    assert inputs.certificate_in(base64.b64encode(b"\x30\x82\x01\x02" + os.urandom(40)).decode())
    for path in ("ca.pem", "/etc/ssl/ca.crt", "certs", "MIIca"):
        assert inputs.certificate_in(path) == b""


READERS: tuple[Callable[[str, str], object], ...] = (
    inputs.read_text, inputs.read_secret, inputs.read_address, inputs.read_path, inputs.read_profile,
)  # fmt: skip


@given(st.text(st.characters(exclude_categories=())))
def test_every_reader_returns_or_names_its_source(text: str) -> None:
    """Nothing else gets out, whatever comes in."""
    for reader in READERS:
        said = problem(reader, text)
        assert said.startswith("THE_SOURCE") or not said
        assert said.isprintable()


def problem(reader: Callable[[str, str], object], text: str) -> str:
    """What is wrong with it, empty when nothing is."""
    try:
        reader(text, "THE_SOURCE")
    except UsageError as error:
        return error.message
    return ""
