"""The progress of a sign-in, as a screen, a command and a test see it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.domain.errors import LoopinError
from app.domain.login import LoginStep, SignedIn, Step, StepState
from app.domain.ports import Clock

Report = Callable[[LoginStep], object]
"""Called in the event loop with each step of a sign-in. An error that it raises ends the sign-in."""


class Progress:
    """Reports the steps of one sign-in, and times them."""

    def __init__(self, clock: Clock, report: Report) -> None:
        self._clock = clock
        self._report = report
        self._started_at = clock.monotonic()
        self._current = Step.KEYCHAIN

    def start(self, step: Step, detail: str = "") -> None:
        """Report that `step` is running."""
        self.mark(step)
        self._report(LoginStep(step, StepState.RUNNING, detail))

    def mark(self, step: Step) -> None:
        """Begin `step` without reporting it."""
        self._current, self._started_at = step, self._clock.monotonic()

    def report(self, step: LoginStep) -> None:
        """Report a step as it is."""
        self._report(step)

    def done(self, detail: str = "", *, url: str = "", server: str = "", replaces: str = "") -> None:
        """Report that the current step is done."""
        self._report(
            LoginStep(
                self._current,
                StepState.DONE,
                detail,
                self._seconds(),
                url=url,
                server=server,
                replaces=replaces,
            )
        )

    def finish(self, result: SignedIn) -> SignedIn:
        """Report that the last step is done, and return `result`."""
        self._report(
            LoginStep(self._current, StepState.DONE, result.stored_in, self._seconds(), result=result)
        )
        return result

    @contextmanager
    def report_failure(self) -> Iterator[None]:
        """Report an error that is raised inside as the failure of the current step."""
        try:
            yield
        except LoopinError as error:
            seconds = self._seconds()
            self._report(LoginStep(self._current, StepState.FAILED, error.message, seconds, error=error))
            raise

    def _seconds(self) -> float:
        return self._clock.monotonic() - self._started_at
