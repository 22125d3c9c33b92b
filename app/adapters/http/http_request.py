"""As much of HTTP/1.1 as a loopback callback needs (RFC 9112): one request, one answer, close."""

import asyncio
import html
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from app.domain.login import BrowserPage
from app.domain.text import clean

MAX_HEAD = 16 * 1024
"""Bytes of request line and headers; a callback with a JWT has a few thousand."""

REASONS = {
    200: "OK",
    303: "See Other",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    410: "Gone",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
_LOOPBACK_HOSTS = {"127.0.0.1", "localhost", "[::1]"}


class BadRequest(Exception):
    """Not a request that is answered; `status` says how it is refused."""

    def __init__(self, status: int) -> None:
        super().__init__(REASONS[status])
        self.status = status


_PREFETCH_HEADERS = ("sec-purpose", "purpose", "x-purpose", "x-moz")
"""Sec-Purpose is the Fetch standard's; the others are what browsers sent before it."""
_PREFETCH_VALUES = ("prefetch", "preview", "prerender")


@dataclass(frozen=True, slots=True)
class Request:
    """The request line; `params` has the first value of each query parameter.

    `prefetch` is true when a browser asks ahead and nobody sees the answer yet.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(repr=False)
    prefetch: bool = False


async def read_request(reader: asyncio.StreamReader) -> Request:
    """Read the head of a request; raise BadRequest."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise BadRequest(431) from None
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):
        raise BadRequest(400)
    # A page elsewhere may point its own name at 127.0.0.1 (DNS rebinding): its Host gives it away.
    if _host(lines[1:]) not in _LOOPBACK_HOSTS:
        raise BadRequest(403)
    # Two leading slashes would be read as the name of a host.
    parts = urlsplit("/" + words[1].lstrip("/"))
    return Request(words[0], parts.path, _params(parts.query), _is_prefetch(lines[1:]))


def _params(query: str) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        raise BadRequest(400) from None
    return dict(reversed(pairs))


def _is_prefetch(headers: list[str]) -> bool:
    for line in headers:
        name, _, value = line.partition(":")
        if name.strip().lower() in _PREFETCH_HEADERS and any(
            word in value.lower() for word in _PREFETCH_VALUES
        ):
            return True
    return False


def _host(headers: list[str]) -> str:
    values = [line.partition(":")[2].strip() for line in headers if line.lower().startswith("host:")]
    if len(values) != 1:
        return ""
    host, _, port = values[0].rpartition(":")
    return (host if port.isdigit() and host else values[0]).lower()


def answer(
    status: int, body: str = "", *, headers: Mapping[str, str] | None = None, policy: str = ""
) -> bytes:
    """A whole response that nothing keeps, frames or passes on."""
    payload = (body or f"{REASONS[status]}\n").encode()
    fields = {
        "Content-Type": "text/html; charset=utf-8" if body else "text/plain; charset=utf-8",
        "Content-Length": str(len(payload)),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Content-Security-Policy": policy or "default-src 'none'; frame-ancestors 'none'",
        "Connection": "close",
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} {REASONS[status]}\r\n{head}\r\n".encode("ascii") + payload


def page_answer(page: BrowserPage) -> bytes:
    """The page at the end of a sign-in. Its words may come from a hostile place."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    body = _PAGE.format(
        nonce=nonce,
        kind="ok" if page.ok else "no",
        mark="✓" if page.ok else "✗",
        title=html.escape(clean(page.title, 120)),
        text=html.escape(clean(page.text, 600)),
    )
    return answer(200, body, policy=policy)


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Loopin</title>
<style nonce="{nonce}">
:root {{ --ink: #1c2330; --soft: #5a6474; --ground: #f4f5f8; --card: #ffffff; --line: #dfe3ea;
  --ok: #16794c; --no: #b3261e; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e8ebf1; --soft: #a2acbb; --ground: #12151c;
  --card: #1b2029; --line: #2d3440; --ok: #5fd39a; --no: #ff8a80; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }}
main {{ width: 100%; max-width: 27rem; padding: 2.25rem 2rem; text-align: center;
  background: var(--card); border: 1px solid var(--line); border-radius: 14px; }}
.mark {{ width: 3.25rem; height: 3.25rem; margin: 0 auto 1.1rem; border-radius: 50%;
  border: 2px solid currentColor; display: grid; place-items: center; font-size: 1.5rem; line-height: 1; }}
.ok {{ color: var(--ok); }}
.no {{ color: var(--no); }}
h1 {{ margin: 0 0 .5rem; font-size: 1.35rem; font-weight: 650; letter-spacing: -.01em; }}
p {{ margin: 0; color: var(--soft); overflow-wrap: anywhere; text-wrap: balance; }}
footer {{ margin-top: 1.6rem; font-size: .85rem; color: var(--soft); }}
</style>
</head>
<body>
<main>
<div class="mark {kind}" aria-hidden="true">{mark}</div>
<h1>{title}</h1>
<p>{text}</p>
<footer>Loopin</footer>
</main>
</body>
</html>
"""
