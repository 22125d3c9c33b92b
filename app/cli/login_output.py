"""What a sign-in and a sign-out print, at either provider."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from app.cli import exit_codes
from app.cli.output import DIM, GREEN, RED, YELLOW, moment, padded, paint, pairs, show
from app.cli.terminal import InputLines, hidden_lines, next_paste, piped_lines
from app.domain.errors import BrowserUnavailable, LoopinError, PortBusy, UsageError
from app.domain.login import LoginStep, SignedIn, SignedOut, Step, StepState
from app.domain.text import clean
from app.services.login.progress import Report

_GLYPHS = {
    StepState.RUNNING: ("◐", YELLOW),
    StepState.DONE: ("✓", GREEN),
    StepState.SKIPPED: ("–", DIM),
    StepState.FAILED: ("✗", RED),
}

_WORDS = {
    (Step.WAITING, StepState.DONE): "Answer received",
    (Step.BROWSER, StepState.SKIPPED): "Browser",
}


def print_signed_in(result: SignedIn, identity: Sequence[tuple[str, str]], *, no_end: str) -> None:
    """Print who signed in, `identity`, and where, until when and where the login is stored."""
    facts = [
        *identity,
        ("Server", result.endpoint),
        ("Until", moment(result.expires_at, no_end)),
        ("Stored in", result.stored_in),
    ]
    if result.profile != "default":
        facts.append(("Profile", result.profile))
    if result.copy_in:
        facts.append(("Copy in", f"{result.copy_in}, which was not changed and stays valid as long"))
    show(pairs(facts))


def print_problems(result: SignedIn, variable: str = "", remark: str = "") -> None:
    """Say what went wrong beside a sign-in, and which variable is used instead of it; then `remark`."""
    if result.problem:
        show(f"loopin: {clean(result.problem)}", err=True)
    if variable:
        instead = f"{variable} is set and still wins over this login; unset it to use the login."
        show(f"{instead}{remark}", err=True)


def _advised(error: LoopinError) -> LoopinError:
    """A sign-in knows of no flags; here the next step is one."""
    if isinstance(error, PortBusy):
        error.hint = "add --callback-port PORT; 0 takes any free one"
    return error


class LoginView:
    """Prints the steps of one sign-in; `quiet` moves them to standard error, away from the JSON.

    `without` is the flag that signs in without a way back from the browser, where there is one. `attended`
    false: nobody is there who could open the page when no browser does.
    """

    def __init__(
        self, *, quiet: bool = False, without: str = "--skip-browser", attended: bool = True
    ) -> None:
        self._err = quiet
        self._attended = attended
        self._without = without
        self._elsewhere = False
        self._refused = False
        """No browser can be opened, and nobody is there who could open the page."""
        self.waiting = asyncio.Event()

    async def watch(self, sign_in: Callable[[Report], Awaitable[SignedIn]]) -> SignedIn:
        """Print the steps of the sign-in, and return its result; raise the error that ended it."""
        try:
            return await sign_in(self._report)
        except LoopinError as error:
            raise _advised(error) from None

    def _report(self, step: LoginStep) -> None:
        if self._refused:
            return
        self._show(step)
        if isinstance(step.error, BrowserUnavailable) and not self._attended:
            self._refused = True
            raise UsageError(
                f"{step.error.message}, and nobody is at a terminal to open the page",
                hint="sign in with a token or a key from standard input, or add "
                f"{'--no-browser' if not self._without else self._without}",
            )

    def _show(self, step: LoginStep) -> None:
        if step.state is StepState.RUNNING and step.step is not Step.WAITING:
            if step.step is Step.KEYCHAIN and step.detail:
                # It waits for a person to unlock it.
                show(f"{paint('!', YELLOW, err=self._err)} {clean(step.detail)}", err=self._err)
            return
        if step.step is Step.WAITING and self.waiting.is_set() and step.state is StepState.RUNNING:
            # Still waiting: something arrived that was not the answer.
            show(f"{paint('!', YELLOW, err=self._err)} {clean(step.detail)}", err=self._err)
            return
        self._line(step)
        if step.server:
            show(f"Signing in at {clean(step.server)}", err=self._err)
        if step.replaces:
            show(f"Replaces {clean(step.replaces)}; --profile NAME keeps both.", err=self._err)
        if step.step is Step.BROWSER and step.url:
            self._elsewhere = step.state is not StepState.DONE
            show(f"\n{clean(step.url, 4000)}\n", err=self._err)
        if step.step is Step.WAITING and step.state is StepState.RUNNING:
            self._tell_way_back(step)
            self.waiting.set()

    def _tell_way_back(self, step: LoginStep) -> None:
        port = urlsplit(step.callback).port
        if self._elsewhere and port:
            instead = f", or start again with {self._without}" if self._without else ""
            way = f"ssh -L {port}:127.0.0.1:{port} user@host"
            show(f"With the browser on another machine: {way}{instead}.", err=True)

    def _line(self, step: LoginStep) -> None:
        glyph, colour = _GLYPHS[step.state]
        words = _WORDS.get((step.step, step.state), step.step.value)
        # The reason of a failure is told once, at the end, with its next step.
        detail = "failed" if step.state is StepState.FAILED else clean(step.detail)
        if step.deadline:
            detail = f"{detail} until {moment(step.deadline)}".strip()
        took = f"{step.seconds:.2f} s" if step.state is StepState.DONE else ""
        glyph = paint(glyph, colour, err=self._err)
        # 80 columns hold the longest words, a callback address and the time.
        show(f"{glyph} {words:<31}  {padded(detail, 34)}  {took}".rstrip(), err=self._err)

    def ask(self, headless: bool) -> None:
        """Say what can be pasted."""
        show(
            "Paste the token that the page shows (it stays hidden) and press enter:"
            if headless
            else "Nothing happens? Paste the address that the browser ended on, and press enter. "
            "It stays hidden.",
            err=True,
        )


@asynccontextmanager
async def paste_from(
    answers: asyncio.Queue[str], *, headless: bool, terminal: bool, view: LoginView
) -> AsyncIterator[None]:
    """While inside, what a person pastes, or a pipe hands in, goes into `answers`.

    Standard input that is not a terminal is read only for a `headless` sign-in: otherwise it belongs to
    whoever called us. Raise UsageError when it ends without a token.
    """
    if not terminal and not headless:
        yield
        return
    lines = hidden_lines() if terminal else piped_lines()
    owner = asyncio.current_task()
    problem: list[UsageError] = []

    async def feed(queue: InputLines) -> None:
        await view.waiting.wait()
        if terminal:
            view.ask(headless)
        while (pasted := await next_paste(queue)) is not None:
            answers.put_nowait(pasted)
            if not terminal:
                return
        problem.append(
            UsageError("standard input ended, and no token was pasted", hint="paste the token of the page")
        )
        if owner is not None:
            owner.cancel()

    async with lines as queue:
        feeder = asyncio.create_task(feed(queue))
        try:
            yield
        except asyncio.CancelledError:
            if problem:
                raise problem[0] from None
            raise
        finally:
            feeder.cancel()
            with suppress(asyncio.CancelledError):
                await feeder


def describe_nothing_forgotten(result: SignedOut) -> str:
    """Why there was nothing to forget, as a sentence."""
    why = f"Nothing was forgotten: {clean(result.unseen)}" if result.unseen else "Nothing was stored here"
    return f"{why}."


def finish_sign_out(results: Collection[SignedOut]) -> int:
    """Print what still signs the person in, and which server was not reached; return the exit code."""
    for still in dict.fromkeys(result.still for result in results if result.still):
        show(f"{still} still signs you in; it is not Loopin's to end.", err=True)
    warnings = [result.warning for result in results if result.warning]
    for warning in warnings:
        show(f"loopin: {warning}", err=True)
    return exit_codes.PARTLY if warnings else exit_codes.DONE
