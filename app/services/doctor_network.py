"""The servers as `loopin doctor` sees them: name, encryption, answer, clock."""

from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from app.domain.credentials import Credential, Endpoint
from app.domain.doctor import Finding, HTTPAnswer, Network, Verdict
from app.domain.errors import LoopinError
from app.domain.ports import Clock, Gateways, Loader
from app.domain.rejection import name_of
from app.domain.text import clean
from app.services.chainloop_session import ChainloopSession
from app.services.gumloop_session import GumloopSession

SKEW_WARNS, SKEW_FAILS = timedelta(seconds=30), timedelta(minutes=5)
"""Tokens carry times: a clock that is off makes a fresh one look expired, or an old one good."""
EXPIRES_SOON = timedelta(days=14)
NOT_FOUND = 404


class NetworkChecks:
    """Checks the servers. One that is not used here and cannot be reached is a warning."""

    def __init__(self, network: Network, load_gateways: Loader[Gateways], clock: Clock) -> None:
        self._network = network
        self._load_gateways = load_gateways
        self._clock = clock

    async def gumloop(self, session: GumloopSession) -> Sequence[Finding]:
        """Name, TLS and clock of the Gumloop API."""
        resolution, _ = await session.inspect()
        endpoint = resolution.endpoint
        used = resolution.credential is not None or session.target.endpoint is not None
        findings: list[Finding] = []
        try:
            findings.append(await self._check_host("gumloop", endpoint.address))
            began = self._clock.monotonic()
            # The base alone is no resource; this one is asked first when one signs in.
            answer = await self._network.head(f"{endpoint.address}/models", endpoint.ca)
            took = self._clock.monotonic() - began
        except LoopinError as error:
            return [*findings, error_finding("gumloop", error, used)]
        if answer.status == NOT_FOUND:
            what = f"there is no Gumloop API at {endpoint.address}: it answers with HTTP 404"
            fix = "correct the base URL; its path ends in /api/v1"
            findings.append(Finding("gumloop", Verdict.FAIL if used else Verdict.WARN, what, fix, took))
            return [*findings, compare_clocks("clock", "Gumloop", answer.date, answer.at)]
        findings += self._check_answer("gumloop", endpoint.address, answer, took)
        if resolution.credential is not None:
            asking = session.call(lambda api: api.verify())
            findings.append(await self._accepted("gumloop", resolution.credential, asking))
        return findings

    async def chainloop(self, session: ChainloopSession) -> Sequence[Finding]:
        """Name, TLS and protocol of the control plane; the clock of its sign-in page."""
        resolution, _ = await session.inspect()
        endpoint = resolution.endpoint
        used = resolution.credential is not None or session.target.endpoint is not None
        url = f"{'http' if endpoint.insecure else 'https'}://{endpoint.address}"
        findings: list[Finding] = []
        try:
            findings.append(await self._check_host("chainloop", url, grpc=True))
            began = self._clock.monotonic()
            info = await (await self._load_gateways()).open(endpoint, None).server_info()
            took = self._clock.monotonic() - began
        except LoopinError as error:
            return [*findings, error_finding("chainloop", error, used)]
        how = "plain text" if endpoint.insecure else "TLS"
        text = f"{endpoint.address} answers over {how}, version {clean(info.version, 40) or 'unknown'}"
        findings.append(Finding("chainloop", Verdict.PASS, text, "", took))
        if resolution.credential is not None:
            asking = _identify(session, resolution.credential)
            findings.append(await self._accepted("chainloop", resolution.credential, asking))
        return [*findings, *await self._sign_in_page(info.login_url, endpoint)]

    async def _accepted(self, check: str, credential: Credential, asking: Awaitable[object]) -> Finding:
        """Whether the server of the credential accepts it; it is sent to no other."""
        name = name_of(credential)
        try:
            await asking
        except LoopinError as error:
            return error_finding(check, error)
        return Finding(check, Verdict.PASS, f"{name} is accepted")

    async def _sign_in_page(self, url: str, endpoint: Endpoint) -> Sequence[Finding]:
        """The clock of the server: gRPC does not send the time, the sign-in page does."""
        shown = clean(urlsplit(url).netloc, 100) if url.isprintable() else ""
        if not shown:
            fix = "sign in with an API token instead"
            return [Finding("chainloop", Verdict.WARN, "the server names no sign-in page", fix)]
        try:
            answer = await self._network.head(url, endpoint.ca)
        except LoopinError as error:
            return [error_finding("chainloop", error, used=False)]
        return self._check_answer("chainloop", f"its sign-in page at {shown}", answer, None)

    async def _check_host(self, check: str, url: str, *, grpc: bool = False) -> Finding:
        """The addresses of the server, or the proxy that looks them up."""
        host = urlsplit(url).hostname or ""
        if proxy := self._network.proxy(url, grpc=grpc):
            return Finding(check, Verdict.PASS, f"{host} is reached through the proxy {proxy}")
        addresses = await self._network.resolve(host)
        more = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
        return Finding(check, Verdict.PASS, f"{host} is {clean(addresses[0], 60)}{more}")

    def _check_answer(self, check: str, what: str, answer: HTTPAnswer, took: float | None) -> list[Finding]:
        text = f"{what} answers over {answer.protection}"
        findings = [Finding(check, Verdict.PASS, text, "", took)]
        if answer.status >= 500 or answer.status == 407:
            fix = "try again in a moment; behind a proxy, check its settings"
            findings[0] = Finding(check, Verdict.WARN, f"{what} answers with HTTP {answer.status}", fix, took)
        if answer.valid_until is not None and answer.valid_until - answer.at < EXPIRES_SOON:
            ends = f"the certificate of {what} ends on {answer.valid_until:%Y-%m-%d}"
            findings.append(Finding(check, Verdict.WARN, ends, "tell the operator of the server"))
        findings.append(compare_clocks("clock", check.capitalize(), answer.date, answer.at))
        return findings


async def _identify(session: ChainloopSession, credential: Credential) -> None:
    context, _ = await session.identify(credential)
    await session.probe(context)


def compare_clocks(check: str, whose: str, theirs: datetime | None, ours: datetime) -> Finding:
    """Compare two clocks; a `Date` header has whole seconds, so half of one is not known."""
    if theirs is None:
        return Finding(check, Verdict.PASS, f"{whose} does not tell its time")
    apart = ours - theirs - timedelta(milliseconds=500)
    seconds = round(abs(apart).total_seconds())
    side = "ahead of" if apart > timedelta() else "behind"
    text = f"{seconds} s {side} {whose}" if seconds else f"the same as at {whose}"
    if abs(apart) <= SKEW_WARNS:
        return Finding(check, Verdict.PASS, text)
    verdict = Verdict.FAIL if abs(apart) >= SKEW_FAILS else Verdict.WARN
    return Finding(check, verdict, f"this clock is {text}", "set the clock, or switch on its synchronisation")


def error_finding(check: str, error: LoopinError, used: bool = True) -> Finding:
    """Return the finding of an error."""
    verdict = Verdict.FAIL if used else Verdict.WARN
    return Finding(check, verdict, clean(error.message), clean(error.hint))
