"""The account server's sign-out call: the one thing of Chainloop that goes over HTTP."""

import asyncio
from urllib.parse import urlsplit

import httpx

from app.clients import tls
from app.domain.credentials import Endpoint
from app.domain.errors import Failed, TLSFailed, Unreachable
from app.domain.loopback import is_loopback_host
from app.domain.secret import Secret
from app.oidc.web import made

TIMEOUT = 10.0
"""Seconds for the whole exchange, however slowly the answer drips."""


async def log_out(address: str, token: Secret, endpoint: Endpoint, *, everywhere: bool) -> bool:
    """End the token's session, or all of the person's; False when the server has no such call.

    Raise Failed for an answer that is not the promised 204, Unreachable when there is none. A
    session that the server has already ended counts as ended.
    """
    host = urlsplit(address).hostname or ""
    if address.startswith("http:") and not is_loopback_host(host):
        raise Failed(f"{host} wants the token without encryption", hint="nothing was sent")
    headers = {"Authorization": f"Bearer {token.reveal()}"}
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            made(httpx.AsyncClient, address, timeout=TIMEOUT, verify=tls.context(endpoint.ca)) as client,
            # Only the status counts; a body, however long, is left where it is.
            client.stream("POST", address, headers=headers, json={"everywhere": everywhere}) as answer,
        ):
            status = answer.status_code
    except httpx.ConnectError as error:
        raise _unreachable(host, error) from None
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"{host} did not answer the sign-out: {type(error).__name__}") from None
    if status in {404, 405}:
        return False
    if status in {200, 204, 401}:
        return True
    raise Failed(f"{host} answered the sign-out with HTTP {status}")


def _unreachable(host: str, error: httpx.ConnectError) -> Unreachable:
    if "CERTIFICATE" in str(error) or "SSL" in str(error):
        return TLSFailed(f"the certificate of {host} is not trusted")
    return Unreachable(f"{host} cannot be reached for the sign-out")
