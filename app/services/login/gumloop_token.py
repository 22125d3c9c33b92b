"""Sign in to Gumloop with an access token that one already has."""

from collections.abc import AsyncGenerator, AsyncIterator

from app.domain.credentials import Method
from app.domain.errors import LoginFailed
from app.domain.gumloop import GumloopLogin
from app.domain.inputs import read_secret
from app.domain.login import LoginStep, Step
from app.domain.ports import Clock
from app.services.login.gumloop import GumloopSaver, NewLogin
from app.services.login.progress import Progress, told


class GumloopTokenLogin:
    """Keychain ready → verified with models.list → saved. There is no refresh token: it ends when it ends."""

    def __init__(self, saver: GumloopSaver, clock: Clock) -> None:
        self._saver = saver
        self._clock = clock

    def do(self, pasted: str) -> AsyncGenerator[LoginStep, None]:
        """Sign in with the token in `pasted`, as it was copied."""
        progress = Progress(self._clock)
        return told(lambda: self._steps(pasted, progress), progress)

    async def _steps(self, pasted: str, progress: Progress) -> AsyncIterator[LoginStep]:
        async for step in self._saver.keychain(progress):
            yield step
        # What was given is read as a part of verifying it: the keychain has its mark.
        yield progress.start(Step.VERIFIED)
        if (token := read_secret(pasted, "the access token")) is None:
            raise LoginFailed("the access token is empty", hint="paste the whole token")
        login = GumloopLogin(Method.ACCESS_TOKEN, token, self._saver.endpoint)
        async for step in self._saver.finish(NewLogin(login), progress):
            yield step
