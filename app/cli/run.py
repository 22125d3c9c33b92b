"""`loopin run`: another program with the credentials in effect in its environment."""

import os

import click

from app.cli import child_process, debug, exit_codes
from app.cli.groups import Leaf
from app.cli.options import debuggable
from app.cli.runtime import run as with_container
from app.domain.credentials import Provider
from app.domain.errors import LoopinError
from app.domain.secret import VARIABLES


@click.command(
    "run",
    cls=Leaf,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
    },
)
@click.option(
    "--provider",
    "providers",
    multiple=True,
    type=click.Choice([provider.value for provider in Provider]),
    help="Whose credential; without it, of every provider that is signed in. May be given again.",
)
@click.option("--profile", metavar="NAME", help="Stored login to use.")
@click.option("--no-masking", is_flag=True, help="Let the secrets through where the output is piped.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@debuggable
@click.pass_context
def run(
    ctx: click.Context,
    providers: tuple[str, ...],
    profile: str | None,
    no_masking: bool,
    command: tuple[str, ...],
) -> int:
    """Run COMMAND with the credentials in effect as environment variables, and nowhere else.

    Example: loopin run -- gumloop models list. Signals and the exit status are passed on; 125 when Loopin
    itself failed, 126 when COMMAND cannot be executed, 127 when there is none.
    """
    wanted = [Provider(name) for name in dict.fromkeys(providers)]
    try:
        variables = with_container(
            ctx,
            lambda container: container.run_environment.do(wanted),
            gumloop_profile=profile,
            chainloop_profile=profile,
        )
    except LoopinError as error:
        debug.note(error)
        exit_codes.tell(error)
        return child_process.NOT_STARTED
    secrets = [secret.reveal() for secret in variables.secrets]
    # What the job was given beside them passes on to the command, and is masked too.
    given = [os.environ.get(name, "") for name in VARIABLES]
    secrets += [text for value in given for text in {value, value.strip()} if len(text) >= debug.SHORTEST]
    return child_process.run(command, variables.over(os.environ), [] if no_masking else secrets)
