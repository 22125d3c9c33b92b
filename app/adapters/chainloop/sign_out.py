"""The account server's sign-out call: the one thing of Chainloop that goes over HTTP."""

import asyncio
from urllib.parse import urlsplit

import httpx

from app.adapters.http import tls
from app.domain.credentials import Endpoint
from app.domain.errors import Failed, SessionEnded, TLSFailed, Unreachable
from app.domain.json_text import read_json
from app.domain.login import EndedThere
from app.domain.loopback import is_loopback_host
from app.domain.secret import Secret
from app.oidc.http import create_client

TIMEOUT = 10.0
"""Seconds for the whole exchange, however slowly the answer drips."""
MAX_BODY, MAX_COUNT = 4096, 1_000_000


async def log_out(address: str, token: Secret, endpoint: Endpoint, *, everywhere: bool) -> EndedThere | None:
    """End the token's session, or all that the person began; None when the server has no such call.

    Raise Failed for an answer that is not the promised 200 or 204, Unreachable when there is none. A
    session that the server has already ended counts as ended; with `everywhere` it raises SessionEnded, as
    the server ends nothing for a token that is over.
    """
    host = urlsplit(address).hostname or ""
    if address.startswith("http:") and not is_loopback_host(host):
        raise Failed(f"{host} wants the token without encryption", hint="nothing was sent")
    status, body = 0, b""
    headers = {"Authorization": f"Bearer {token.reveal()}"}
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            create_client(
                httpx.AsyncClient, address, timeout=TIMEOUT, verify=tls.context(endpoint.ca)
            ) as client,
            client.stream("POST", address, headers=headers, json={"everywhere": everywhere}) as answer,
        ):
            status = answer.status_code
            # The status decides. Of a body, however long, no more is read than the counts need.
            if everywhere and status == 200:
                body = await _beginning(answer)
    except httpx.ConnectError as error:
        raise _unreachable(host, error) from None
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
        # What was counted may get lost on the way; that it ended was said before.
        if not status:
            raise Unreachable(f"{host} did not answer the sign-out: {type(error).__name__}") from None
    if status in {404, 405}:
        return None
    if status == 401 and everywhere:
        raise SessionEnded(f"{host} does not take the session any more")
    if status in {200, 204, 401}:
        return _read(body)
    raise Failed(f"{host} answered the sign-out with HTTP {status}")


async def _beginning(answer: httpx.Response) -> bytes:
    body = b""
    async for chunk in answer.aiter_raw(MAX_BODY):
        body += chunk
        if len(body) > MAX_BODY:
            return b""
    return body


def _read(body: bytes) -> EndedThere:
    """The counts, where the answer has them in the documented form."""
    try:
        answer = read_json(body)
    except ValueError:
        answer = None
    fields = answer if isinstance(answer, dict) else {}
    return EndedThere(*(_count(fields.get(name)) for name in ("sessions", "programs")))


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= MAX_COUNT else None


def _unreachable(host: str, error: httpx.ConnectError) -> Unreachable:
    if "CERTIFICATE" in str(error) or "SSL" in str(error):
        return TLSFailed(f"the certificate of {host} is not trusted")
    return Unreachable(f"{host} cannot be reached for the sign-out")
