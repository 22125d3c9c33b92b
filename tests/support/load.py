"""Many clients at a real account server, and whether everything that it acknowledged is there afterwards."""

import json
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from app.domain.organizations import Role
from app.server.core import services
from app.server.persistence.models import LoginSession, Membership, Organization, User
from app.server.settings import ServerSettings
from tests.support import databases
from tests.support.load_client import Plan
from tests.support.server import ROOT, AccountServer

PASSWORD = "load-password-not-real"
IN_ONE_ORGANIZATION = 10


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a client. `acknowledged` is the id or hash of what the server said it had written."""

    name: str
    seconds: float
    failure: str
    acknowledged: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the database says against the clients' logs.

    `lost` was acknowledged and is not there; `halves` are there in part; `unanswered` is there, and no client
    was told.
    """

    lost: Sequence[str]
    halves: Sequence[str]
    unanswered: Sequence[str]


def people(server: AccountServer, count: int) -> list[tuple[str, str]]:
    """Add so many owners, ten to an organization; return (e-mail address, JWT)."""
    url = databases.url_of(server.data)
    shared = "" if url.startswith("sqlite") else url
    made = services.build_services(ServerSettings(data=server.data, database_url=shared))
    now, hashed, found = datetime.now(UTC), made.passwords.hash(PASSWORD), []
    with made.database.write() as session:
        for number in range(count):
            if number % IN_ONE_ORGANIZATION == 0:
                place = Organization(name=f"load-{number}", created_at=now, updated_at=now)
                session.add(place)
                session.flush()
            user = User(
                email=f"load-{number}@load.example", password_hash=hashed, created_at=now, updated_at=now
            )
            session.add(user)
            session.flush()
            entered = LoginSession(user_id=user.id, created_at=now, expires_at=now + timedelta(days=1))
            session.add_all([entered, _owner(user.id, place.id, now)])
            session.flush()
            found.append(
                (user.email, made.signer.sign_session_token(user.id, entered.id, entered.expires_at))
            )
    made.database.close()
    return found


def _owner(user: UUID, place: UUID, now: datetime) -> Membership:
    return Membership(
        id=uuid4(),
        user_id=user,
        organization_id=place,
        role=Role.OWNER.value,
        current=True,
        created_at=now,
        updated_at=now,
    )


class Crowd:
    """Clients in a few processes, ready to begin."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        self._plans = plans
        self._children = [_child(plan) for plan in plans]
        for child in self._children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n", "a client could not sign in"

    def begin(self) -> None:
        """Let them all begin."""
        for child in self._children:
            assert child.stdin is not None
            child.stdin.write("\n")
            child.stdin.flush()

    def written(self, count: int) -> None:
        """Return when so many writes were acknowledged; for clients that are `synced`."""
        for number in range(count):
            child = self._children[number % len(self._children)]
            assert child.stdout is not None
            assert child.stdout.readline() == "written\n", "the clients ended too soon"

    def calls(self) -> list[Call]:
        """Wait for the last client; return everything they wrote down."""
        longest = self._plans[0].seconds + 90
        for child in self._children:
            assert child.wait(longest) == 0
        return self.so_far()

    def so_far(self) -> list[Call]:
        """What they have written down by now."""
        lines = [
            line for plan in self._plans for line in Path(plan.log).read_text().splitlines(keepends=True)
        ]
        return [Call(*json.loads(line)) for line in lines if line.endswith("\n")]

    def close(self) -> None:
        """End whoever is left."""
        for child in self._children:
            if child.poll() is None:
                child.kill()
                child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()


def _child(plan: Plan) -> "subprocess.Popen[str]":
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.support.load_client"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps(asdict(plan)) + "\n")
    child.stdin.flush()
    return child


@contextmanager
def crowd(
    server: AccountServer, clients: int, seconds: float, *, processes: int = 2, pace: float = 1.0, **more: Any
) -> Iterator[Crowd]:
    """`clients` people with a browser and a program each, signed in."""
    everybody = people(server, clients)
    plans = [
        Plan(
            server.http,
            server.grpc,
            PASSWORD,
            everybody[number::processes],
            seconds,
            pace,
            str(server.data / f"load-{number}.log"),
            **more,
        )
        for number in range(processes)
    ]
    made = Crowd(plans)
    try:
        yield made
    finally:
        made.close()


def check(server: AccountServer, calls: Sequence[Call]) -> Verdict:
    """Hold the database to what the clients were told."""
    told = {name: [c.acknowledged for c in calls if c.name == name and not c.failure] for name in _WRITES}
    with server.database() as door:
        rows = door.execute(
            "SELECT id, revoked_at FROM api_tokens WHERE substr(name, 1, 2) = 'l-'"
        ).fetchall()
        made = {str(UUID(str(row[0]))): row[1] is not None for row in rows}
        events = {action: _events(door, action) for action in ("create", "revoke")}
        grants = {row[0] for row in door.execute("SELECT token_hash FROM oauth_tokens").fetchall()}
    revoked = {token for token, ended in made.items() if ended}
    lost = [*(set(told["create"]) - made.keys()), *(set(told["revoke"]) - revoked)]
    lost += set(told["code and token"]) - grants
    halves = _uneven(events["create"], made.keys()) + _uneven(events["revoke"], revoked)
    unanswered = [*(made.keys() - set(told["create"])), *(revoked - set(told["revoke"]))]
    return Verdict(lost, halves, unanswered)


_WRITES = ("create", "revoke", "code and token")


def _events(door: databases.SideDoor, action: str) -> "Counter[str]":
    query = "SELECT target_id FROM audit_events WHERE action = ? AND substr(target_name, 1, 2) = 'l-'"
    return Counter(str(UUID(str(row[0]))) for row in door.execute(query, (f"api_token.{action}",)).fetchall())


def _uneven(events: "Counter[str]", rows: Any) -> list[str]:
    """Ids with a row and no event, an event and no row, or two events."""
    return [id for id in {*events, *rows} if events[id] != 1 or id not in rows]


def p50(calls: Sequence[Call]) -> float:
    """In milliseconds."""
    return statistics.median([call.seconds for call in calls] or [0.0]) * 1000


def p95(calls: Sequence[Call]) -> float:
    """In milliseconds."""
    seconds = [call.seconds for call in calls]
    return (statistics.quantiles(seconds, n=20)[-1] if len(seconds) > 1 else sum(seconds)) * 1000
