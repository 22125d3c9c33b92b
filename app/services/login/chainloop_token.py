"""Sign in to Chainloop with a token that one already has."""

from collections.abc import AsyncGenerator, AsyncIterator

from app.domain.errors import LoginFailed
from app.domain.inputs import read_secret
from app.domain.login import LoginStep, Step
from app.domain.ports import Clock
from app.services.login.chainloop import ChainloopSaver
from app.services.login.progress import Progress, told


class ChainloopTokenLogin:
    """Keychain ready → verified with Context.Current → saved."""

    def __init__(self, saver: ChainloopSaver, clock: Clock) -> None:
        self._saver = saver
        self._clock = clock

    def do(self, pasted: str) -> AsyncGenerator[LoginStep, None]:
        """Sign in with the token in `pasted` as it was copied."""
        progress = Progress(self._clock)
        return told(lambda: self._steps(pasted, progress), progress)

    async def _steps(self, pasted: str, progress: Progress) -> AsyncIterator[LoginStep]:
        async for step in self._saver.keychain(progress):
            yield step
        # What was given is read as a part of verifying it: the keychain has its mark.
        yield progress.start(Step.VERIFIED)
        if (token := read_secret(pasted, "the token")) is None:
            raise LoginFailed("the token is empty", hint="paste the whole token")
        async for step in self._saver.finish(token, progress):
            yield step
