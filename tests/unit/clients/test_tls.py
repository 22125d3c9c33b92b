"""Whom to trust: one reading for gRPC and HTTP, whatever the form of the file."""

import base64
import ssl
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from app.clients import tls
from app.domain.errors import LoopinError, TLSFailed, UsageError
from tests.support.peers import certificate


@cache
def pem() -> str:
    """One authority for all of these tests, made when it is first needed."""
    return certificate("ca.example").pem


def der() -> bytes:
    """The same."""
    return ssl.PEM_cert_to_DER_cert(pem())


FORMS: dict[str, Callable[[], bytes]] = {
    "PEM": lambda: pem().encode(),
    "a comment in UTF-8": lambda: f"# Prüfstelle für Zürich\n{pem()}".encode(),
    "a comment in Latin-1": lambda: b"# Pr\xfcfstelle\n" + pem().encode(),
    "a byte order mark": lambda: pem().encode("utf-8-sig"),
    "UTF-16": lambda: pem().encode("utf-16"),
    "CRLF": lambda: pem().replace("\n", "\r\n").encode(),
    "blanks around": lambda: f"  \n\n{pem()}\n\n".encode(),
    "an older label": lambda: pem().replace("CERTIFICATE", "X509 CERTIFICATE").encode(),
    "text of openssl x509 -text": lambda: f"Certificate:\n    Data:\n{pem()}".encode(),
    "DER": der,
}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (tls.BUNDLE, tls.FOLDER):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_in_any_form_is_the_same_for_grpc_and_http(tmp_path: Path, form: str) -> None:
    """gRPC gets PEM and nothing else, and OpenSSL the same."""
    path = tmp_path / "ca file.pem"
    path.write_bytes(FORMS[form]())
    pem = tls.read_authority(str(path))
    assert ssl.PEM_cert_to_DER_cert(pem.decode("ascii")) == der()
    assert pem in (tls.roots(str(path)) or b"")
    assert der() in tls.context(str(path)).get_ca_certs(binary_form=True)


@pytest.mark.parametrize("form", FORMS)
def test_so_is_the_bundle_that_a_variable_names(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ~ and a line break, which no shell has seen to."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "bundle.pem").write_bytes(FORMS[form]())
    monkeypatch.setenv(tls.BUNDLE, "~/bundle.pem\n")
    roots = tls.roots("")
    assert roots is not None
    assert ssl.PEM_cert_to_DER_cert(roots.decode("ascii")) == der()
    assert tls.context("").get_ca_certs(binary_form=True) == [der()]


@pytest.mark.parametrize(
    "write",
    [
        pem,
        lambda: base64.b64encode(pem().encode()).decode(),
        lambda: base64.b64encode(der()).decode(),
        lambda: f'"{base64.b64encode(der()).decode()}"\n',
    ],
    ids=["PEM", "base64 of PEM", "base64 of DER", "quoted"],
)
def test_the_text_itself_may_be_given(write: Callable[[], str]) -> None:
    """In a variable of a CI system, for one."""
    assert ssl.PEM_cert_to_DER_cert(tls.read_authority(write()).decode("ascii")) == der()


@pytest.mark.parametrize("blank", ["", " ", "\n", "\ufeff"])
def test_a_blank_variable_is_not_set(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an empty one is not."""
    monkeypatch.setenv(tls.BUNDLE, blank)
    monkeypatch.setenv(tls.FOLDER, blank)
    assert tls.roots("") is None
    assert len(tls.context("").get_ca_certs()) > 10


@pytest.mark.parametrize(
    "write",
    [
        lambda: b"",
        lambda: b"hello",
        lambda: pem()[:200].encode(),
        lambda: b"\x30\x82\x00\x01x",
        lambda: pem().replace("M", "!").encode(),
    ],
    ids=["nothing", "words", "cut short", "DER cut short", "not base64"],
)
def test_what_is_no_certificate_is_said(
    tmp_path: Path, write: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By both, with the next step."""
    path = tmp_path / "ca.pem"
    path.write_bytes(write())
    with pytest.raises(TLSFailed, match="is not a certificate"):
        tls.read_authority(str(path))
    monkeypatch.setenv(tls.BUNDLE, str(path))
    for ask in (tls.roots, tls.context):
        with pytest.raises(TLSFailed, match="SSL_CERT_FILE holds no certificate"):
            ask("")


def test_a_file_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flag or the variable, and the reason."""
    with pytest.raises(UsageError, match=r"--control-plane-ca.*No such file"):
        tls.read_authority(str(tmp_path / "nowhere.pem"))
    monkeypatch.setenv(tls.BUNDLE, "~nobody-of-that-name/x")
    with pytest.raises(LoopinError, match="SSL_CERT_FILE"):
        tls.context("")
