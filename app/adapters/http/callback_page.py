"""The page that the browser shows at the end of a sign-in."""

import html
import secrets

from app.domain.login import BrowserPage
from app.domain.text import clean


def render_page(page: BrowserPage) -> tuple[str, str]:
    """Return the page as HTML, and its Content-Security-Policy. Its words may come from a hostile server."""
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
    return body, policy


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
