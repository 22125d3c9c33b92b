"""Sign in to Gumloop with an API key and the user ID that it belongs to."""

from collections.abc import AsyncGenerator, AsyncIterator

from app.domain.credentials import Method
from app.domain.errors import LoginFailed
from app.domain.gumloop import API_KEY_PAGE, USER_ID_PAGE, GumloopLogin
from app.domain.inputs import joined, read_secret, read_text
from app.domain.login import LoginStep, Step
from app.domain.ports import Clock
from app.services.login.gumloop import GumloopSaver, NewLogin
from app.services.login.progress import Progress, told


class GumloopKeyLogin:
    """Keychain ready → verified with models.list → saved."""

    def __init__(self, saver: GumloopSaver, clock: Clock) -> None:
        self._saver = saver
        self._clock = clock

    def do(self, api_key: str, user_id: str) -> AsyncGenerator[LoginStep, None]:
        """Sign in with the key and the user ID, as they were copied."""
        progress = Progress(self._clock)
        return told(lambda: self._steps(api_key, user_id, progress), progress)

    async def _steps(self, pasted: str, user: str, progress: Progress) -> AsyncIterator[LoginStep]:
        async for step in self._saver.keychain(progress):
            yield step
        # What was given is read as a part of verifying it: the keychain has its mark.
        yield progress.start(Step.VERIFIED)
        api_key, user_id = read_secret(pasted, "the API key"), joined(read_text(user, "the user ID"))
        if api_key is None:
            raise LoginFailed("the API key is empty", hint=f"make one at {API_KEY_PAGE} (Pro plan or above)")
        if not user_id:
            raise LoginFailed(
                "an API key needs the user ID it belongs to", hint=f"it is shown at {USER_ID_PAGE}"
            )
        login = GumloopLogin(Method.API_KEY, api_key, self._saver.endpoint, user_id)
        async for step in self._saver.finish(NewLogin(login), progress):
            yield step
