"""`loopin chainloop organization api-token rotate`."""

import sys
from dataclasses import dataclass, replace

import click

from app.bootstrap import Container
from app.cli import exit_codes, serializers
from app.cli.chainloop_tokens import LIST
from app.cli.groups import Leaf
from app.cli.options import chainloop_options, is_confirmed, output_option
from app.cli.output import moment, show, show_json
from app.cli.runtime import advising, run
from app.cli.terminal import ask, can_ask
from app.domain.errors import Cancelled, Failed, LoopinError, NotFound, UsageError
from app.domain.expiry import read_life
from app.domain.rotation import NewLife, successor
from app.domain.text import clean
from app.domain.tokens import APIToken
from app.services.interrupted import InterruptedRotation
from app.services.revocation import Revocation
from app.services.rotation import Rotation
from app.services.tokens import Listing


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is about to happen: `old` gets a successor called `name`; `interrupted` rotations did not end.

    `life` is None where the successor lives as long as `old` did.
    """

    old: APIToken
    name: str
    listing: Listing
    interrupted: tuple[InterruptedRotation, ...]
    life: NewLife | None


@click.command("rotate", cls=Leaf, shared=chainloop_options())
@click.option("--id", "token_id", required=True, metavar="ID", help="Token to replace.")
@click.option(
    "--expiration", metavar="TIME", help="24h, 90d, 1y, 720h; never or 0. [as long as the old one's]"
)
@click.option("--keep-old", is_flag=True, help="Do not revoke the old token.")
@output_option("table", "json", "token")
@click.pass_context
def rotate(ctx: click.Context, token_id: str, expiration: str | None, keep_old: bool, output: str) -> None:
    """Replace an API token: make its successor, print it once, try it, then revoke the old one.

    The old token is revoked only when the new one was printed and works, and, at a terminal, when you
    say so. Interrupted, the same command again clears up first.
    """
    if not (is_confirmed(ctx) or keep_old or can_ask()):
        raise UsageError("nobody is here to be asked about the old token", hint="add --yes or --keep-old")
    life = None if expiration is None else NewLife(read_life(expiration, "--expiration"))
    with advising(f"{LIST} shows the ids"):
        plan = run(ctx, lambda container: _plan(container, token_id.strip(), life))
    _print_interrupted(plan)
    if can_ask() and not is_confirmed(ctx):
        _confirm_start(plan)
    rotation = run(ctx, lambda container: _start(container, plan))
    try:
        _print(rotation, output)
    except OSError as error:
        why = error.strerror or "no reason given"
        run(ctx, lambda container: _undo(container, rotation, why))
    problem = run(ctx, lambda container: _verify(container, rotation))
    if problem is not None:
        raise exit_codes.PartlyDone(
            f"{rotation.created.token.name} was created, but does not work: {problem.message}",
            hint="both tokens live; the old one was not touched",
        )
    ends = not keep_old and (is_confirmed(ctx) or _confirm_revocation(rotation))
    revocation = run(ctx, lambda container: _finish(container, rotation, revoke_old=ends))
    _print_end(rotation, revocation)


async def _plan(container: Container, token_id: str, life: NewLife | None) -> _Plan:
    if life is not None:
        await container.token_creation.check_life(life.span)
    listing = await container.tokens.list_tokens()
    old = next((token for token in listing.tokens if token.id == token_id), None)
    if old is None:
        raise NotFound(f"there is no API token {token_id!r} that you may see")
    if old.revoked_at is not None:
        raise NotFound(f"{old.name} was revoked {moment(old.revoked_at)}: there is nothing to rotate")
    interrupted = await container.interrupted.find_rotations(listing)
    interrupted = tuple(one for one in interrupted if one.entry.subject_id == old.id)
    # A token whose secret was not saved is revoked first, and its name is free again.
    unsaved = {one.new.id for one in interrupted if not one.seen}
    used_names = {t.name for t in listing.tokens if t.revoked_at is None and t.id not in unsaved}
    draft = successor(old, used_names, listing.as_of, life)
    # Before what an earlier rotation left is cleared up.
    container.token_creation.check_end(draft.expires_in, listing.context.credential)
    return _Plan(old, draft.name, listing, interrupted, life)


def _print_interrupted(plan: _Plan) -> None:
    for rotation in plan.interrupted:
        new = f"{clean(rotation.new.name)} ({clean(rotation.new.id)})"
        state = (
            "it may be in use and stays; revoke it if nobody kept it"
            if rotation.seen
            else "its secret was not saved: it is revoked first"
        )
        begun = moment(rotation.entry.at)
        show(f"loopin: a rotation was interrupted {begun} and left {new}; {state}", err=True)


def _confirm_start(plan: _Plan) -> None:
    where = clean(plan.listing.identity.organization)
    answer = ask(f"Rotate {clean(plan.old.name)} in {where}: create {plan.name} in its place? [y/N] ")
    if answer.lower() not in {"y", "yes"}:
        raise Cancelled("nothing was changed")


async def _start(container: Container, plan: _Plan) -> Rotation:
    for earlier in plan.interrupted:
        await container.interrupted.end_rotation(earlier, revoke_new=not earlier.seen)
    revoked = {earlier.new.id for earlier in plan.interrupted if not earlier.seen}
    tokens = tuple(token for token in plan.listing.tokens if token.id not in revoked)
    rotation = await container.rotation.create_successor(
        plan.old, replace(plan.listing, tokens=tokens), plan.life
    )
    # Before it is printed, not after: a token that somebody may have is never revoked without a word.
    await container.rotation.record_handover(rotation)
    return rotation


async def _undo(container: Container, rotation: Rotation, why: str) -> None:
    name = rotation.created.token.name
    try:
        await container.rotation.revoke_new(rotation)
    except LoopinError as error:
        raise exit_codes.PartlyDone(
            f"{name} was created, but could not be written out ({why}) nor revoked: {error.message}",
            hint=f"loopin chainloop organization api-token revoke --id {rotation.created.token.id}",
        ) from None
    raise Failed(
        f"{name} could not be written out, and was revoked again: {why}",
        hint="the old token is still active; make room for the output and run it again",
    )


def _print(rotation: Rotation, output: str) -> None:
    new = rotation.created
    if output == "token":
        click.echo(new.secret.reveal(), nl=False)
    elif output == "json":
        show_json(serializers.created(new))
    else:
        show(f"{new.token.name} ({new.token.id}) replaces {clean(rotation.old.name)}.")
        show("Save this token now: it is told only this once.")
        show()
        show(new.secret.reveal())
    sys.stdout.flush()


async def _verify(container: Container, rotation: Rotation) -> LoopinError | None:
    try:
        await container.rotation.verify_new(rotation)
    except LoopinError as error:
        return error
    return None


def _confirm_revocation(rotation: Rotation) -> bool:
    name = clean(rotation.old.name)
    question = f"{rotation.created.token.name} works. Revoke {name} for good? Type its name, or nothing: "
    return ask(question) == rotation.old.name


async def _finish(container: Container, rotation: Rotation, *, revoke_old: bool) -> Revocation | None:
    try:
        return await container.rotation.end_rotation(rotation, revoke_old=revoke_old)
    except LoopinError as error:
        raise exit_codes.PartlyDone(
            f"the new token works; {rotation.old.name} was not revoked: {error.message}",
            hint=f"loopin chainloop organization api-token revoke --id {rotation.old.id}",
        ) from None


def _print_end(rotation: Rotation, revocation: Revocation | None) -> None:
    name = clean(rotation.old.name)
    revoked = "" if revocation is None else moment(revocation.revoked_at)
    show(f"{name} is revoked, {revoked}." if revocation else f"{name} is kept: both work.", err=True)
