"""`loopin completion`: a script that completes commands and options in a shell. Click's own."""

import click

from app.cli.groups import Leaf
from app.cli.options import debuggable
from app.cli.output import show

VARIABLE = "_LOOPIN_COMPLETE"
"""Set by the script when the shell asks; Click answers, and nothing else happens."""
SHELLS = ("bash", "zsh", "fish")


@click.command("completion", cls=Leaf)
@click.argument("shell", type=click.Choice(SHELLS))
@debuggable
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that completes loopin's commands and options in SHELL: bash, zsh or fish.

    Example: loopin completion fish > ~/.config/fish/completions/loopin.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"there is no completion for {shell}")
    script = kind(ctx.find_root().command, {}, "loopin", VARIABLE)
    show(script.source_template % script.source_vars())
