"""A browser at an account server that has an identity provider."""

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from tests.support.http_client import http_client
from tests.support.provider import CLIENT, SECRET, Provider
from tests.support.server import CALLBACK, csrf_of

LOGIN = f"/auth/login?{urlencode({'callback': CALLBACK, 'long-lived': 'true'})}"
ACCOUNT = "/account/sign-in?next=/account/keys"


def flags(provider: Provider, folder: Path, *more: str) -> tuple[str, ...]:
    """The options that put sign-in behind `provider`."""
    secret = folder / "client-secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET)
    named = ("--oidc-issuer", provider.url, "--oidc-client-id", CLIENT)
    return (*named, "--oidc-client-secret-file", str(secret), *more)


class Browser:
    """Keeps the cookies of one account server; walks to the provider and back."""

    def __init__(self, client: httpx.Client) -> None:
        self.http = client

    def begin(self, place: str = LOGIN) -> httpx.Response:
        """Press "Continue with …" on a sign-in page."""
        page = self.http.get(place)
        assert page.status_code == 200, page.text
        return self.http.post("/auth/sso", data={"csrf_token": csrf_of(page.text), "place": place})

    def to_provider(self, place: str = LOGIN) -> str:
        """The same, and return the address at the provider."""
        answer = self.begin(place)
        assert answer.status_code == 200, (answer.status_code, told(answer))
        return link_of(answer)

    def way_back(self, place: str = LOGIN) -> str:
        """Sign in at the provider; return the path to which it sends the browser."""
        with http_client() as other:
            answer = other.get(self.to_provider(place))
        assert answer.status_code == 302, answer.text
        parts = urlsplit(answer.headers["location"])
        return f"{parts.path}?{parts.query}"

    def sign_in(self, place: str = LOGIN) -> httpx.Response:
        """The whole way; what the browser is shown at its end."""
        return self.http.get(self.way_back(place))

    def bearer(self) -> str:
        """Sign in to Chainloop; the person's JWT as the program that waits receives it."""
        answer = self.sign_in()
        assert answer.status_code == 200, told(answer)
        found = parse_qs(urlsplit(link_of(answer)).query)
        assert found["state"] == ["kept"]
        return found["t"][0]


@contextmanager
def browser_at(http: str) -> Iterator[Browser]:
    """A fresh browser."""
    with http_client(http) as client:
        yield Browser(client)


def link_of(answer: httpx.Response) -> str:
    """Where the page's button leads; the page goes there by itself too."""
    found = re.search(r'<a class="button" href="([^"]+)"', answer.text)
    assert found, answer.text
    target = html.unescape(found[1])
    assert f'content="0;url={found[1]}"' in answer.text
    return target


def told(answer: httpx.Response) -> str:
    """The sentences of a page in one line."""
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", f"<main{main}")).split())
