"""`loopin chainloop organization auto-revoke preview`."""

import click

from app.cli import serializers
from app.cli.groups import Entry, LazyGroup, Leaf
from app.cli.options import chainloop_options, group_options, output_option
from app.cli.output import fitted, in_table, moment, show, show_json
from app.cli.runtime import run
from app.domain.inactivity import Deadline, Fate, Reason, auto_revoked_at, fate, idle
from app.domain.text import plural
from app.domain.tokens import APIToken
from app.services.threshold import Forecast

auto_revoke = LazyGroup(
    "auto-revoke",
    help="API tokens that nobody uses are revoked by the server.",
    params=group_options(),
    entries=(Entry("preview", "app.cli.chainloop_auto_revoke:preview", "What a threshold would revoke"),),
)


@click.command("preview", cls=Leaf, shared=chainloop_options())
@click.option(
    "--days",
    type=int,
    metavar="DAYS",
    help="A threshold to try: 1 to 365, 0 = off; without it the one in force.",
)
@output_option("table", "json")
@click.pass_context
def preview(ctx: click.Context, days: int | None, output: str) -> None:
    """Show what the next sweep would revoke, and what follows within 30 days. Nothing is changed.

    The sweep comes within an hour: what is due by then counts, unless it is used before. JSON is a list of
    the tokens that the next sweep would revoke.
    """
    forecast = run(ctx, lambda container: container.threshold.preview_auto_revoke(days))
    if output == "json":
        show_json([_to_json(token, forecast) for token in forecast.partition.announced])
    else:
        _print(forecast)


def _print(forecast: Forecast) -> None:
    partition = forecast.partition
    if not partition.threshold:
        show(f"Auto-revocation is off: {plural(partition.counts[Fate.SAFE], 'API token')} safe.")
        return
    if partition.falling:
        columns = ("ID", "NAME", "SCOPE", "LAST USED (UTC)", "IDLE", "BECOMES REVOKED (UTC)")
        order = ("NAME", "ID", "BECOMES REVOKED (UTC)", "IDLE", "LAST USED (UTC)", "SCOPE")
        show(fitted(columns, [_row(token, forecast) for token in partition.falling], order, short="NAME"))
    counts = partition.counts
    show(
        f"At {plural(partition.threshold, 'day')}: {counts[Fate.DUE]} due now,"
        f" {counts[Fate.WITHIN_HOUR]} due within the hour,"
        f" {counts[Fate.WITHIN_WEEK]} more within 7 days, {counts[Fate.WITHIN_MONTH]} more within 30 days,"
        f" {counts[Fate.SAFE]} safe."
    )
    show("The next sweep comes within an hour. A token that is used before it stays.")
    show(f"Only tokens that you can see are counted, as of {moment(forecast.as_of)}.")


_SOON = {Fate.DUE: "next sweep", Fate.WITHIN_HOUR: "within the hour"}


def _to_json(token: APIToken, forecast: Forecast) -> serializers.Shape:
    end = Deadline(auto_revoked_at(token, forecast.partition.threshold) or forecast.as_of, Reason.IDLE)
    return serializers.token(token) | {"deadline": serializers.deadline(end)}


def _row(token: APIToken, forecast: Forecast) -> tuple[str, ...]:
    threshold = forecast.partition.threshold
    soon = _SOON.get(fate(token, threshold, forecast.as_of))
    return (
        token.id,
        token.name + (" (you)" if token.id == forecast.identity.token_id else ""),
        token.scope,
        in_table(token.last_used_at, "never"),
        f"{idle(token, forecast.as_of).days} d",
        soon or in_table(auto_revoked_at(token, threshold)),
    )
