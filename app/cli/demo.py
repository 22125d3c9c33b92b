"""`loopin demo`: the app on sample data."""

import click

from app.cli.groups import Leaf
from app.cli.options import app_options, debug_option, flags
from app.tui.commands.registry import MODES

SCREENS = tuple(mode.replace("_", "-") for mode in MODES)


@click.command(
    "demo",
    cls=Leaf,
    shared=[*app_options(), debug_option()],
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": lambda name: name.replace("_", "-"),
    },
)
@click.option(
    "--screen", type=click.Choice(SCREENS), default="accounts", help="Screen to begin with. [accounts]"
)
@click.option("--tour", is_flag=True, help="Watch the app play itself; any key pauses.")
@click.option(
    "--speed",
    type=click.FloatRange(0.25, 100),
    default=1.0,
    metavar="TIMES",
    help="How fast the tour is. [1]",
)
@click.option("--web", is_flag=True, help="Serve the demo to a browser on this machine.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    metavar="PORT",
    help="Port for --web; 0 takes any. [8000]",
)
@click.pass_context
def demo(ctx: click.Context, screen: str, tour: bool, speed: float, web: bool, port: int) -> int:
    """Open the app on an account server with sample data.

    The server runs on this machine and ends with the app. Neither your keychain nor your home folder nor
    the network is touched.
    """
    from app.cli.start import need_terminal
    from app.demo.sample_server import need_server, start

    need_server()
    if web:
        from app.demo.browser import serve

        return serve(port, ("--tour", "--speed", str(speed)) if tour else ("--screen", screen))
    need_terminal()
    if tour:
        from app.demo.tour.start import start as start_tour

        return start_tour(speed, flags(ctx))
    return start(screen.replace("-", "_"), flags(ctx))
