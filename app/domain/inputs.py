"""Input from outside, one reader for each kind: secrets, addresses, paths, names.

Flags, variables, config.toml, form fields, prompts, pastes, standard input and the keychain use the same
readers. Each returns a value, or raises UsageError with a message that begins with `source`: the flag, the
variable, the key in config.toml or the field that the text came from. No error quotes a secret.

Spans of time are read by `app.domain.durations` and `app.domain.expiry`, moments by `app.domain.times`.
"""

import base64
import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from app.domain.errors import UsageError
from app.domain.secret import Secret
from app.domain.text import clean

TLS_PORT = 443
_PEM = "-----BEGIN"
LONGEST_PROFILE = 63
# Not white space for Python, and invisible for a person: byte order marks, zero width and direction marks.
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\u00ad"
_BLANK = re.compile(f"[\\s{_INVISIBLE}]+")
_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»"}
_SCHEME = re.compile(r"(?:authorization\s*:\s*)?bearer\s+", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_.])?", re.ASCII)
_ENCODINGS = (
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"", "utf-8"),
)
"""Byte order marks and what they stand for; text without one is UTF-8."""
_ADDRESS = "write host:port, for example 127.0.0.1:9000"


def decode(data: bytes, source: str) -> str:
    """Return the text in `data`: UTF-8, or UTF-16 where a byte order mark says so."""
    for mark, encoding in _ENCODINGS:
        if data.startswith(mark):
            try:
                return data.removeprefix(mark).decode(encoding)
            except UnicodeDecodeError:
                break
    raise UsageError(f"{source} is not UTF-8 text", hint="save it as UTF-8")


def read_text(text: str, source: str) -> str:
    """Return `text` without what surrounds a copied value: white space, a byte order mark, quotes."""
    if any("\ud800" <= char <= "\udfff" for char in text):
        # How Python hands over bytes of an argument or a variable that it cannot decode.
        raise UsageError(f"{source} has bytes that are not UTF-8", hint="set it again, as UTF-8 text")
    trimmed = _trimmed(text)
    while len(trimmed) > 1 and _QUOTES.get(trimmed[0]) == trimmed[-1]:
        trimmed = _trimmed(trimmed[1:-1])
    return trimmed


def read_secret(text: str, source: str) -> Secret | None:
    """Return a token or a key, or None where there is nothing.

    Wrapped lines are joined. `Bearer`, quotes and invisible characters are dropped, which no token has.
    What else no token has stays in it, and is refused where it would be sent.
    """
    value = joined(read_text(text, source))
    value = _SCHEME.sub("", value, count=1) if _SCHEME.match(value) else value
    value = read_text(value, source)
    return Secret(value) if value else None


def joined(text: str) -> str:
    """Return a text that was wrapped as one line: without the breaks and the white space around them, and
    without invisible characters anywhere."""
    whole = "".join(_trimmed(line) for line in text.splitlines())
    return whole.translate(dict.fromkeys(map(ord, _INVISIBLE)))


class Address(NamedTuple):
    """`host:port`, and whether a scheme said that it is plain text (True) or TLS (False)."""

    text: str
    insecure: bool | None


def read_address(text: str, source: str) -> Address | None:
    """Return the address of a control plane, with its port; None where there is nothing.

    `https://host:port/` is the same as `host:port`, and the port of TLS is the default.
    """
    given = read_text(text, source)
    if not given:
        return None
    scheme, divider, rest = given.rpartition("://")
    insecure = {"https": False, "grpcs": False, "http": True, "grpc": True}.get(scheme.lower())
    parts = split_url(f"//{rest}")
    if parts is None or (divider and insecure is None):
        raise UsageError(f"{source} {clean(given, 80)!r} is not an address", hint=_ADDRESS)
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        raise UsageError(
            f"{source} {clean(given, 80)!r} is more than an address: a control plane has a host and a port",
            hint=_ADDRESS,
        )
    return Address(f"{_host_of(parts, source, given)}:{parts.port or TLS_PORT}", insecure)


def _host_of(parts: SplitResult, source: str, given: str) -> str:
    host = parts.hostname or ""
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            host = ""
    if ":" in host:
        return f"[{host}]"
    if not _HOST.fullmatch(host):
        raise UsageError(f"{source} {clean(given, 80)!r} is not an address", hint=_ADDRESS)
    return host


def origin_of(address: str) -> str:
    """Return what two spellings of one stored address have in common; never an error."""
    try:
        parsed = read_address(address, "the address")
    except UsageError:
        parsed = None
    return parsed.text if parsed else address.strip().lower()


def url_origin(url: str) -> tuple[str, str, int, str]:
    """Return scheme, host, port and path of a stored URL, as they are compared; never an error."""
    parts = split_url(url.strip())
    if parts is None:
        return "", url, 0, ""
    port = parts.port or (80 if parts.scheme == "http" else TLS_PORT)
    return parts.scheme, parts.hostname or "", port, parts.path.rstrip("/")


def split_url(url: str) -> SplitResult | None:
    """Return the parts of a URL; None for what cannot be one, such as a port that is no number."""
    if _BLANK.search(url) or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.port != 0 else None


def certificate_in(text: str) -> bytes:
    """Return the PEM or DER data that `text` is, or is the base64 of; b"" for a text that may be a path."""
    if _PEM in text:
        return text.encode()
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return b""
    # DER: a sequence with a length of two bytes.
    return data if _PEM.encode() in data or data.startswith(b"\x30\x82") else b""


def read_path(text: str, source: str) -> Path | None:
    """Return an absolute path, with ~ for the home folder expanded; None where there is nothing."""
    given = read_text(text, source)
    if not given:
        return None
    if "\0" in given:
        raise UsageError(f"{source} is not a path", hint="write it without control characters")
    try:
        return Path(os.path.abspath(Path(given).expanduser()))
    except (RuntimeError, OSError):
        raise UsageError(
            f"{source} {clean(given, 80)!r} begins with a home folder that is not known",
            hint="write the path whole",
        ) from None


def with_tilde(path: Path) -> str:
    """Return the path with ~ for the home folder, whose name is often the person's; `read_path` reads it."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)


def read_profile(text: str, source: str) -> str:
    """Return the name of a profile.

    It is a word in command lines, in config.toml and in the keychain, where Gumloop's entries are
    `profile:field`.
    """
    name = read_text(text, source)
    why = ""
    if not name:
        why = "a name is needed"
    elif len(name) > LONGEST_PROFILE:
        why = f"{len(name)} characters, {LONGEST_PROFILE} are allowed"
    elif name.startswith("-"):
        why = "a hyphen cannot come first"
    elif not name.isprintable() or _BLANK.search(name) or set(name) & set(":/\\"):
        why = "blanks, colons, slashes and control characters are not allowed"
    if why:
        raise UsageError(
            f"{source} {clean(name, 80)!r} cannot be a profile: {why}", hint="use a word, for example work"
        )
    return name


def _trimmed(text: str) -> str:
    start, end = 0, len(text)
    while start < end and (text[start].isspace() or text[start] in _INVISIBLE):
        start += 1
    while end > start and (text[end - 1].isspace() or text[end - 1] in _INVISIBLE):
        end -= 1
    return text[start:end]
