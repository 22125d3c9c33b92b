"""The composition root of the server: builds every service once, from settings."""

from dataclasses import dataclass

from app.server.clock import Clock, utc_now
from app.server.core.access import OwnAccess
from app.server.core.api_keys import APIKeys
from app.server.core.api_tokens import APITokens
from app.server.core.authentication import Authentication
from app.server.core.gumloop import Gumloop
from app.server.core.key_ring import KeyRing, open_ring
from app.server.core.monitoring import Metrics, Readiness
from app.server.core.organizations import Organizations
from app.server.core.passwords import HASHES, Passwords
from app.server.core.sessions import BrowserSessions, Sessions
from app.server.core.sweep import Cleanup, Sweep
from app.server.core.token_signing import TokenSigner
from app.server.core.trusted_issuers import JobVerifier
from app.server.persistence.engine import WRITERS, Database
from app.server.persistence.migrate import prepare
from app.server.settings import ServerSettings


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that gRPC and HTTP hand requests to."""

    settings: ServerSettings
    clock: Clock
    key_ring: KeyRing
    signer: TokenSigner
    database: Database
    readiness: Readiness
    passwords: Passwords
    authentication: Authentication
    job_verifier: JobVerifier
    sessions: Sessions
    browser_sessions: BrowserSessions
    own_access: OwnAccess
    api_keys: APIKeys
    gumloop: Gumloop
    organizations: Organizations
    api_tokens: APITokens
    sweep: Sweep
    cleanup: Cleanup
    metrics: Metrics


def build_services(settings: ServerSettings, fixed: Clock | None = None) -> Services:
    """Open keys and database, which may be empty, and build the services.

    `fixed` is a clock for tests. Without it the time is the machine's, and the database's for what several
    servers decide together: the sweep, limits, and what may be used once.
    """
    key_ring, clock = open_ring(settings.data, settings.signing_key_file), fixed or utc_now
    share = settings.share
    database = Database(settings.url, share(settings.database_connections), fixed, share(WRITERS))
    prepare(database.engine)
    signer, passwords = TokenSigner(key_ring, clock), Passwords(share(HASHES))
    return Services(
        settings=settings,
        clock=clock,
        key_ring=key_ring,
        signer=signer,
        database=database,
        readiness=Readiness(database),
        passwords=passwords,
        authentication=Authentication(database, signer, clock),
        job_verifier=JobVerifier(database, settings, clock),
        sessions=Sessions(database, passwords, signer, clock, settings.session_life, not settings.passwords),
        browser_sessions=BrowserSessions(database, signer, clock),
        own_access=OwnAccess(database, clock),
        api_keys=APIKeys(database, clock),
        gumloop=Gumloop(database, clock),
        organizations=Organizations(database, clock, settings.organization_creation),
        api_tokens=APITokens(database, signer, clock),
        sweep=Sweep(database),
        cleanup=Cleanup(database),
        metrics=Metrics(),
    )
