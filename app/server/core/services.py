"""The composition root of the server: builds every use case once, from settings."""

from dataclasses import dataclass

from app.server.clock import Clock, utc_now
from app.server.core.authentication import Identify
from app.server.core.federated_tokens import VerifyFederated
from app.server.core.health import Readiness
from app.server.core.key_ring import KeyFile, key_file
from app.server.core.organizations import (
    CreateOrganization,
    ListMemberships,
    ReadOrganization,
    SelectMembership,
    UpdateOrganization,
)
from app.server.core.passwords import HASHES, Passwords
from app.server.core.sign_in import SignIn, SignOut
from app.server.core.sweep import Sweep
from app.server.core.tidying import TidyUp
from app.server.core.token_signing import Tokens
from app.server.core.tokens import CreateToken, ListTokens, RevokeToken
from app.server.metrics import Metrics
from app.server.persistence.engine import WRITERS, Database
from app.server.persistence.migrate import prepare
from app.server.settings import ServerSettings


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that gRPC and HTTP hand requests to."""

    settings: ServerSettings
    clock: Clock
    ring: KeyFile
    tokens: Tokens
    database: Database
    readiness: Readiness
    passwords: Passwords
    sign_in: SignIn
    sign_out: SignOut
    identify: Identify
    federated: VerifyFederated
    read_organization: ReadOrganization
    list_memberships: ListMemberships
    select_membership: SelectMembership
    create_organization: CreateOrganization
    update_organization: UpdateOrganization
    create_token: CreateToken
    list_tokens: ListTokens
    revoke_token: RevokeToken
    sweep: Sweep
    tidy_up: TidyUp
    metrics: Metrics


def build(settings: ServerSettings, fixed: Clock | None = None) -> Parts:
    """Open keys and database, which may be empty, and put the parts together.

    `fixed` is a clock for tests. Without it the time is the machine's, and the database's for what several
    servers decide together: the sweep, limits, and what may be used once.
    """
    ring, clock = key_file(settings.data, settings.signing_key_file), fixed or utc_now
    share = settings.share
    database = Database(settings.url, share(settings.database_connections), fixed, share(WRITERS))
    prepare(database.engine)
    tokens, passwords = Tokens(ring, clock), Passwords(share(HASHES))
    return Parts(
        settings=settings,
        clock=clock,
        ring=ring,
        tokens=tokens,
        database=database,
        readiness=Readiness(database),
        passwords=passwords,
        sign_in=SignIn(database, passwords, tokens, clock, settings.session_life, not settings.passwords),
        sign_out=SignOut(database, tokens, clock),
        identify=Identify(database, tokens, clock),
        federated=VerifyFederated(database, settings, clock),
        read_organization=ReadOrganization(database),
        list_memberships=ListMemberships(database),
        select_membership=SelectMembership(database, clock),
        create_organization=CreateOrganization(database, clock, settings.organization_creation),
        update_organization=UpdateOrganization(database, clock),
        create_token=CreateToken(database, tokens, clock),
        list_tokens=ListTokens(database),
        revoke_token=RevokeToken(database, clock),
        sweep=Sweep(database),
        tidy_up=TidyUp(database),
        metrics=Metrics(),
    )
