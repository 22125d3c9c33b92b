"""A person changes their own password."""

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.domain.errors import NotSignedIn, PermissionDenied
from app.server.clock import Clock
from app.server.core import audit, opaque_tokens, rate_limit
from app.server.core.access import Ended, end_grants, end_sessions
from app.server.core.accounts import check_password
from app.server.core.browser_sessions import PREFIX, SignedInBrowser
from app.server.core.passwords import Passwords
from app.server.core.recheck import recheck_session
from app.server.core.sign_in import WRONG
from app.server.limits import Busy
from app.server.persistence.engine import Database
from app.server.persistence.models import User
from app.server.persistence.oauth_models import BrowserSession

PASSWORD_CHANGE = "user.change_password"
NO_PASSWORD = "there is no password to change"


class ChangePassword:
    """Replace a password by whoever knows it, and end all else that it opened: other sessions and programs.

    API keys stay valid. Raises NotSignedIn for a wrong password, RateLimited after too many, counted together
    with those of sign-ins; PermissionDenied for somebody without a password, or where passwords are `off`;
    UsageError for a new one that is too short; SessionEnded.
    """

    def __init__(self, database: Database, passwords: Passwords, clock: Clock, off: bool = False) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock
        self._off = off

    def do(
        self, browser: SignedInBrowser, old: str, new: str, address: str, known: str = ""
    ) -> tuple[Ended, str]:
        """Return what ended, and a new secret for the browser: the one it had opens nothing any more.

        `known` is the name of a browser in which this account was signed in to before.
        """
        check_password(new)
        verified, attempt = self._begin(browser, address, known)
        # Outside a transaction: the hashes take long, and nobody should wait for them.
        try:
            hashed = self._passwords.hash(new) if self._passwords.matches(verified, old) else ""
        except Busy:
            # Nobody looked at the password: the try does not count.
            with self._database.write() as session:
                rate_limit.succeed(session, attempt)
            raise
        if not hashed:
            self._record_failure(browser, address)
            raise NotSignedIn(WRONG)
        secret = opaque_tokens.fresh(PREFIX)

        def work(session: Session) -> Ended:
            user = recheck_session(
                session, browser.person.id, browser.session_id, self._clock, writes_user=True
            )
            same = select(User.id).where(User.id == user.id, User.password_hash == verified)
            if session.scalar(same) is None:
                raise NotSignedIn(WRONG)
            rate_limit.succeed(session, attempt)
            return self._change(session, user, browser, hashed, secret, address)

        return self._database.transact(work), secret

    def _begin(self, browser: SignedInBrowser, address: str, known: str) -> tuple[str, UUID]:
        """The hash that there is, and the try that was counted."""
        with self._database.write() as session:
            user = recheck_session(session, browser.person.id, browser.session_id, self._clock)
            if self._off or not user.password_hash:
                raise PermissionDenied(NO_PASSWORD)
            attempt = rate_limit.Attempt(user.email, address, known)
            return user.password_hash, rate_limit.begin(session, attempt, self._database.now(session))

    def _record_failure(self, browser: SignedInBrowser, address: str) -> None:
        who = audit.Who("person", browser.person.id, browser.person.email, address)
        with self._database.write() as session:
            what = audit.What(audit.LOGIN_FAILED, details={"for": PASSWORD_CHANGE})
            audit.record(session, who, [what], self._clock())

    def _change(
        self, session: Session, user: User, browser: SignedInBrowser, hashed: str, secret: str, address: str
    ) -> Ended:
        now, here = self._clock(), browser.session_id
        user.password_hash, user.updated_at = hashed, now
        ended = Ended(
            len(end_sessions(session, user.id, now, keep=here)), len(end_grants(session, user.id, now))
        )
        # Whoever has the cookie of this browser, too, is out (OWASP: renew the session ID).
        session.execute(delete(BrowserSession).where(BrowserSession.session_id == here))
        session.add(BrowserSession(secret_hash=opaque_tokens.digest(secret), session_id=here))
        what = audit.What(PASSWORD_CHANGE, target_id=user.id, target_name=user.email, details=ended.counts)
        audit.record(session, audit.Who("person", user.id, user.email, address), [what], now)
        return ended
