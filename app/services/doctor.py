"""Check everything that a sign-in needs, and say what to do about what would not work.

Nothing here shows a credential: the findings are meant to be pasted into a bug report. A credential is sent
only to its own server, which says whether it accepts it.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from app.domain.credentials import Standing, profile_words
from app.domain.doctor import Finding, Machine, Verdict
from app.domain.errors import LoopinError, PortBusy, UsageError
from app.domain.gumloop import CALLBACK_PATH, CALLBACK_PORT
from app.domain.ports import Clock, Listeners, Vault
from app.domain.secret import VARIABLES, Secret
from app.domain.times import iso
from app.domain.vendor_login import IMPORT
from app.services.chainloop_session import ChainloopSession
from app.services.doctor_network import NetworkChecks, error_finding
from app.services.gumloop_session import GumloopSession
from app.services.vendor_login import VendorCopies

SERVICE, ACCOUNT = "loopin-doctor", "probe"
"""The keychain entry that is written, read and deleted as a check."""
MIN_SIZE = (80, 24)
Check = Callable[[], Awaitable[Sequence[Finding]]]


class Doctor:
    """Runs all checks at once; their findings come in a fixed order, each as soon as it is known."""

    def __init__(
        self,
        machine: Machine,
        vault: Vault,
        listeners: Listeners,
        network: NetworkChecks,
        gumloop: GumloopSession,
        chainloop: ChainloopSession,
        clock: Clock,
        known: frozenset[str] = frozenset(),
        copies: VendorCopies | None = None,
    ) -> None:
        self._machine = machine
        self._vault = vault
        self._listeners = listeners
        self._network = network
        self._gumloop = gumloop
        self._chainloop = chainloop
        self._clock = clock
        self._known = known
        self._copies = copies

    async def run_checks(self) -> AsyncIterator[Finding]:
        """Yield the findings, one a line."""
        checks: Sequence[Check] = (
            self._versions,
            self._keychain,
            self._browser,
            self._port,
            lambda: self._network.gumloop(self._gumloop),
            lambda: self._network.chainloop(self._chainloop),
            self._environment,
            self._vendor_login,
            self._folders,
            self._terminal,
        )
        tasks = [asyncio.ensure_future(_guarded(check)) for check in checks]
        try:
            for task in tasks:
                for finding in await task:
                    yield finding
        finally:
            for task in tasks:
                task.cancel()

    async def _versions(self) -> Sequence[Finding]:
        versions = " · ".join(f"{name} {text}" for name, text in self._machine.versions().items())
        return [Finding("versions", Verdict.PASS, versions)]

    # ── the keychain ──

    async def _keychain(self) -> Sequence[Finding]:
        """Write, read and delete an entry of our own; the status alone does not say whether it holds one."""
        began = self._clock.monotonic()
        status = await self._vault.probe()
        if status.error is not None:
            return [self._no_keychain(status.error)]
        try:
            problem = await self._test_keychain()
        except LoopinError as error:
            return [self._no_keychain(error)]
        took = self._clock.monotonic() - began
        if problem:
            fix = "restart it; until then it may lose what is stored in it"
            return [Finding("keychain", Verdict.FAIL, f"{status.label} {problem}", fix, took)]
        return [Finding("keychain", Verdict.PASS, f"{status.label}: written, read, deleted", "", took)]

    async def _test_keychain(self) -> str:
        written = Secret(f"loopin-doctor-{secrets.token_hex(8)}")
        try:
            await self._vault.write(SERVICE, ACCOUNT, written)
            if await self._vault.read(SERVICE, ACCOUNT) != written:
                return "does not give back what was written"
        finally:
            await self._vault.delete(SERVICE, ACCOUNT)
        return "keeps what was deleted" if await self._vault.read(SERVICE, ACCOUNT) is not None else ""

    def _no_keychain(self, error: LoopinError) -> Finding:
        """A warning with a credential in the environment, else a failure: nobody can sign in."""
        instead = sorted(self._machine.variables().intersection(VARIABLES))
        verdict = Verdict.WARN if instead else Verdict.FAIL
        detail = f"{error.message}; {instead[0]} is used instead" if instead else error.message
        return Finding("keychain", verdict, detail, error.hint)

    # ── the sign-in in the browser ──

    async def _browser(self) -> Sequence[Finding]:
        opener = self._machine.opener()
        if opener.name:
            return [Finding("browser", Verdict.PASS, opener.name)]
        fix = "sign in with --no-browser (Gumloop) or --skip-browser (Chainloop), or set BROWSER"
        return [Finding("browser", Verdict.WARN, f"no page can be opened: {opener.obstacle}", fix)]

    async def _port(self) -> Sequence[Finding]:
        try:
            async with await self._listeners.listen(CALLBACK_PORT, CALLBACK_PATH):
                return [Finding("port", Verdict.PASS, f"127.0.0.1:{CALLBACK_PORT} is free for the answer")]
        except PortBusy as error:
            return [Finding("port", Verdict.WARN, error.message, error.hint)]

    # ── variables and folders ──

    async def _environment(self) -> Sequence[Finding]:
        findings = [*await self._stronger_sources(), *self._variables()]
        findings += [Finding("environment", Verdict.WARN, who) for who in self._machine.intruders()]
        return findings or [Finding("environment", Verdict.PASS, "nothing set that gets in the way")]

    async def _stronger_sources(self) -> list[Finding]:
        """What each provider warns of, and stored logins that something set here outdoes."""
        findings: list[Finding] = []
        broken = (await self._vault.probe()).error
        for inspect in (self._gumloop.inspect, self._chainloop.inspect):
            resolution, problem = await inspect()
            if isinstance(problem, UsageError):
                findings.append(Finding("environment", Verdict.FAIL, problem.message, problem.hint))
            elif problem is not None:
                # The keychain has a finding of its own.
                continue
            findings += [
                Finding("environment", Verdict.WARN, text)
                # A keychain that cannot be used at all has a line of its own.
                for text in (resolution.all_warnings if broken is None else resolution.warnings)
            ]
            findings += [
                Finding("environment", Verdict.WARN, f"the stored login is {loser.reason}", "unset it")
                for loser in resolution.candidates
                if loser.stored and loser.standing is Standing.IGNORED
            ]
        return findings

    def _variables(self) -> list[Finding]:
        findings = [
            Finding("environment", Verdict.FAIL, f"{name} names no readable file", "correct it, or unset it")
            for name in self._machine.missing_files()
        ]
        own = sorted(name for name in self._machine.variables() if name.startswith("LOOPIN_"))
        findings += [
            Finding("environment", Verdict.WARN, f"{name} is set and means nothing here", "is it misspelt?")
            for name in own
            if name not in self._known
        ]
        return findings

    async def _vendor_login(self) -> Sequence[Finding]:
        """Warn of a login that another program stores in plain text, unless the keychain has it."""
        profile = self._chainloop.target.profile
        login = await self._copies.find_unimported(profile) if self._copies else None
        if login is None:
            return []
        fix = f"take it over into the keychain: {IMPORT}{profile_words(profile)[1]}"
        return [Finding("login file", Verdict.WARN, login.words(iso(login.expires_at)), fix)]

    async def _folders(self) -> Sequence[Finding]:
        findings: list[Finding] = []
        for folder in self._machine.folders():
            if folder.obstacle:
                fix = "make room there, or name another with LOOPIN_CONFIG_DIR and LOOPIN_STATE_DIR"
                what = f"{folder.shown} cannot be written: {folder.obstacle}"
                findings.append(Finding("folders", Verdict.FAIL, what, fix))
            elif folder.others:
                fix = f"chmod -R go= {folder.shown}"
                findings.append(Finding("folders", Verdict.WARN, f"others can read in {folder.shown}", fix))
            else:
                state = "private" if folder.exists else "not there yet"
                findings.append(Finding("folders", Verdict.PASS, f"{folder.shown} ({state})"))
        return findings

    async def _terminal(self) -> Sequence[Finding]:
        facts = self._machine.terminal()
        if not facts.attached:
            return [Finding("terminal", Verdict.PASS, "none: the output is piped")]
        size = f"{facts.columns}×{facts.rows}"
        inside = f", inside {facts.inside}" if facts.inside else ""
        text = f"{facts.kind or 'unknown'}, {facts.colours or 'no'} colours, {size}, {facts.encoding}{inside}"
        copying = ", ".join(self._machine.clipboard()) or "the terminal itself, which does not confirm"
        return [
            Finding("terminal", Verdict.PASS, text),
            *_shortcomings(facts.kind, facts.encoding, (facts.columns, facts.rows)),
            Finding("clipboard", Verdict.PASS, f"through {copying}"),
        ]


async def _guarded(check: Check) -> Sequence[Finding]:
    """A check that ends in an error of ours is a finding too, not the end of the others."""
    try:
        return await check()
    except LoopinError as error:
        return [error_finding("loopin", error)]


def _shortcomings(kind: str, encoding: str, size: tuple[int, int]) -> list[Finding]:
    findings = []
    if kind in {"", "dumb", "unknown"}:
        fix = "set TERM to what the terminal is, for example xterm-256color"
        findings.append(Finding("terminal", Verdict.WARN, "TERM does not say what it can do", fix))
    if "utf" not in encoding:
        fix = "use a UTF-8 locale, for example LANG=C.UTF-8"
        what = f"{encoding or 'the encoding'} lacks some signs"
        findings.append(Finding("terminal", Verdict.WARN, what, fix))
    if size[0] < MIN_SIZE[0] or size[1] < MIN_SIZE[1]:
        fix = f"make it {MIN_SIZE[0]}×{MIN_SIZE[1]} at least"
        findings.append(Finding("terminal", Verdict.WARN, "the app has too little room", fix))
    return findings
