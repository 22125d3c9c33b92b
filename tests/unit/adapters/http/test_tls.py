"""Whom to trust: one reading for gRPC and HTTP, whatever the form of the file."""

import base64
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from app.adapters.http import tls
from app.domain.errors import LoopinError, TLSFailed, UsageError
from tests.support.peers import certificate

Form = Callable[[str], bytes]
FORMS: dict[str, Form] = {
    "PEM": lambda pem: pem.encode(),
    "a comment in UTF-8": lambda pem: f"# Prüfstelle für Zürich\n{pem}".encode(),
    "a comment in Latin-1": lambda pem: b"# Pr\xfcfstelle\n" + pem.encode(),
    "a byte order mark": lambda pem: pem.encode("utf-8-sig"),
    "UTF-16": lambda pem: pem.encode("utf-16"),
    "CRLF": lambda pem: pem.replace("\n", "\r\n").encode(),
    "blanks around": lambda pem: f"  \n\n{pem}\n\n".encode(),
    "an older label": lambda pem: pem.replace("CERTIFICATE", "X509 CERTIFICATE").encode(),
    "text of openssl x509 -text": lambda pem: f"Certificate:\n    Data:\n{pem}".encode(),
    "DER": ssl.PEM_cert_to_DER_cert,
}
TEXTS: dict[str, Form] = {
    "PEM": lambda pem: pem.encode(),
    "base64 of PEM": lambda pem: base64.b64encode(pem.encode()),
    "base64 of DER": lambda pem: base64.b64encode(ssl.PEM_cert_to_DER_cert(pem)),
    "base64 in quotes": lambda pem: b'"' + base64.b64encode(ssl.PEM_cert_to_DER_cert(pem)) + b'"\n',
}
BROKEN: dict[str, Form] = {
    "nothing": lambda pem: b"",
    "a text": lambda pem: b"hello",
    "the beginning of one": lambda pem: pem[:200].encode(),
    "the beginning of DER": lambda pem: b"\x30\x82\x00\x01x",
    "other characters": lambda pem: pem.replace("M", "!").encode(),
}


@pytest.fixture(scope="module")
def pem() -> str:
    """An authority."""
    return certificate("ca.example").pem


@pytest.fixture(scope="module")
def der(pem: str) -> bytes:
    """The same in DER."""
    return ssl.PEM_cert_to_DER_cert(pem)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (tls.BUNDLE, tls.FOLDER):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_in_any_form_is_the_same_for_grpc_and_http(
    tmp_path: Path, form: str, pem: str, der: bytes
) -> None:
    """gRPC gets PEM and nothing else, and OpenSSL the same."""
    path = tmp_path / "ca file.pem"
    path.write_bytes(FORMS[form](pem))
    found = tls.read_authority(str(path))
    assert ssl.PEM_cert_to_DER_cert(found.decode("ascii")) == der
    assert found in (tls.roots(str(path)) or b"")
    assert der in tls.context(str(path)).get_ca_certs(binary_form=True)


@pytest.mark.parametrize("form", FORMS)
def test_so_is_the_bundle_that_a_variable_names(
    tmp_path: Path, form: str, pem: str, der: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ~ and a line break, which no shell has seen to."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "bundle.pem").write_bytes(FORMS[form](pem))
    monkeypatch.setenv(tls.BUNDLE, "~/bundle.pem\n")
    roots = tls.roots("")
    assert roots is not None
    assert ssl.PEM_cert_to_DER_cert(roots.decode("ascii")) == der
    assert tls.context("").get_ca_certs(binary_form=True) == [der]


@pytest.mark.parametrize("form", TEXTS)
def test_the_text_itself_may_be_given(form: str, pem: str, der: bytes) -> None:
    """In a variable of a CI system, for one."""
    assert ssl.PEM_cert_to_DER_cert(tls.read_authority(TEXTS[form](pem).decode()).decode("ascii")) == der


@pytest.mark.parametrize("blank", ["", " ", "\n", "\ufeff"])
def test_a_blank_variable_is_not_set(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an empty one is not."""
    monkeypatch.setenv(tls.BUNDLE, blank)
    monkeypatch.setenv(tls.FOLDER, blank)
    assert tls.roots("") is None
    assert len(tls.context("").get_ca_certs()) > 10


@pytest.mark.parametrize("form", BROKEN)
def test_what_is_no_certificate_is_said(
    tmp_path: Path, form: str, pem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By both, with the next step."""
    path = tmp_path / "ca.pem"
    path.write_bytes(BROKEN[form](pem))
    with pytest.raises(UsageError, match="is not a certificate"):
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
