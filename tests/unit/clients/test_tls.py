"""Whom to trust: one reading for gRPC and HTTP, whatever the form of the file."""

import base64
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from app.clients import tls
from app.domain.errors import LoopinError, TLSFailed, UsageError
from tests.support.peers import certificate

PEM = certificate("ca.example").pem
DER = ssl.PEM_cert_to_DER_cert(PEM)
FORMS: dict[str, Callable[[], bytes]] = {
    "PEM": lambda: PEM.encode(),
    "a comment in UTF-8": lambda: f"# Prüfstelle für Zürich\n{PEM}".encode(),
    "a comment in Latin-1": lambda: b"# Pr\xfcfstelle\n" + PEM.encode(),
    "a byte order mark": lambda: PEM.encode("utf-8-sig"),
    "UTF-16": lambda: PEM.encode("utf-16"),
    "CRLF": lambda: PEM.replace("\n", "\r\n").encode(),
    "blanks around": lambda: f"  \n\n{PEM}\n\n".encode(),
    "an older label": lambda: PEM.replace("CERTIFICATE", "X509 CERTIFICATE").encode(),
    "text of openssl x509 -text": lambda: f"Certificate:\n    Data:\n{PEM}".encode(),
    "DER": lambda: DER,
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
    assert ssl.PEM_cert_to_DER_cert(pem.decode("ascii")) == DER
    assert pem in (tls.roots(str(path)) or b"")
    assert DER in tls.context(str(path)).get_ca_certs(binary_form=True)


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
    assert ssl.PEM_cert_to_DER_cert(roots.decode("ascii")) == DER
    assert tls.context("").get_ca_certs(binary_form=True) == [DER]


@pytest.mark.parametrize(
    "text",
    [
        PEM,
        base64.b64encode(PEM.encode()).decode(),
        base64.b64encode(DER).decode(),
        f'"{base64.b64encode(DER).decode()}"\n',
    ],
)
def test_the_text_itself_may_be_given(text: str) -> None:
    """In a variable of a CI system, for one."""
    assert ssl.PEM_cert_to_DER_cert(tls.read_authority(text).decode("ascii")) == DER


@pytest.mark.parametrize("blank", ["", " ", "\n", "\ufeff"])
def test_a_blank_variable_is_not_set(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an empty one is not."""
    monkeypatch.setenv(tls.BUNDLE, blank)
    monkeypatch.setenv(tls.FOLDER, blank)
    assert tls.roots("") is None
    assert len(tls.context("").get_ca_certs()) > 10


@pytest.mark.parametrize(
    "data", [b"", b"hello", PEM[:200].encode(), b"\x30\x82\x00\x01x", PEM.replace("M", "!").encode()]
)
def test_what_is_no_certificate_is_said(tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """By both, with the next step."""
    path = tmp_path / "ca.pem"
    path.write_bytes(data)
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
