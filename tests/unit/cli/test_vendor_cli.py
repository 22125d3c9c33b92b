"""What is left to the vendor's own command is refused, with the line that runs it there."""

from collections.abc import Sequence

import click
import pytest

from app.cli import root, vendor_cli
from tests.support.cli import Loopin

ROWS = [
    ((*group, name), words) for group, names in vendor_cli.COMMANDS.items() for name, words in names.items()
]
FLAGS = [(path, option) for path, options in vendor_cli.OPTIONS.items() for option in sorted(options)]


def command(path: Sequence[str]) -> tuple[click.Command, click.Context]:
    """A command of the tree behind `loopin chainloop`, with its context."""
    found: click.Command = root.tree
    ctx = click.Context(found, info_name="loopin")
    for name in ("chainloop", *path):
        assert isinstance(found, click.Group)
        inner = found.get_command(ctx, name)
        assert inner is not None
        found, ctx = inner, click.Context(inner, parent=ctx, info_name=name)
    return found, ctx


@pytest.mark.parametrize(("path", "words"), ROWS, ids=lambda value: " ".join(value))
def test_a_command_that_is_left_says_the_line(
    loopin: Loopin, path: tuple[str, ...], words: tuple[str, ...]
) -> None:
    theirs = " ".join((*path[:-1], *words))
    said = loopin("chainloop", *path, "--name", "x y").fails(2, f"chainloop {theirs} is left to the vendor's")
    assert said.err.endswith(f"\n  next: run it with: loopin run -- chainloop {theirs} --name 'x y'\n")
    group, ctx = command(path[:-1])
    assert isinstance(group, click.Group)
    assert group.get_command(ctx, path[-1]) is None


@pytest.mark.parametrize(("path", "option"), FLAGS, ids=str)
def test_an_option_that_is_left_says_the_line(loopin: Loopin, path: tuple[str, ...], option: str) -> None:
    theirs, rest = " ".join(path), ("--name", "acme", f"{option}=true", "--api-token-max-days-inactive", "90")
    said = loopin("chainloop", *path, *rest).fails(2, f"chainloop {theirs} {option} is left to the vendor's")
    assert said.err.endswith(f"\n  next: run it with: loopin run -- chainloop {theirs} {' '.join(rest)}\n")
    leaf, ctx = command(path)
    assert option not in {name for param in leaf.get_params(ctx) for name in param.opts}


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("-n acme wf ls", "loopin run -- chainloop -n acme wf ls"),
        ("workflow", "loopin run -- chainloop workflow"),
        ("--profile work workflow list -y", "loopin run --profile work -- chainloop workflow list -y"),
        ("--read-only workflow ls --profile=work", "loopin run --profile=work -- chainloop workflow ls"),
        ("--debug -c f.toml wf ls -o json", "loopin run -- chainloop --debug -c f.toml wf ls -o json"),
        ("org invitation ls", "loopin run -- chainloop org member invitation ls"),
        ("help workflow", "loopin run -- chainloop help workflow"),
        ("org update --block -h", "loopin run -- chainloop org update --block -h"),
    ],
)
def test_the_line_has_the_given_arguments(loopin: Loopin, given: str, line: str) -> None:
    """Those of Loopin stand before the vendor's."""
    said = loopin("chainloop", *given.split()).fails(2, "is left to the vendor's own command line")
    assert said.err.splitlines()[-1 if "--debug" not in given else -2] == f"  next: run it with: {line}"


SECRET = "not-a-real-secret-of-mine"
JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJub2JvZHkifQ.bm90LWEtc2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (f"workflow ls --token {SECRET}", "workflow ls --token '[secret]'"),
        (f"--token={SECRET} workflow ls", "'--token=[secret]' workflow ls"),
        (f"workflow ls -t {SECRET}", "workflow ls -t '[secret]'"),
        (f"workflow ls -t{SECRET}", "workflow ls '-t[secret]'"),
        (f"workflow ls -yt {SECRET} -n x", "workflow ls -yt '[secret]' -n x"),
        (f"-t {SECRET} wf describe --name {SECRET}", "-t '[secret]' wf describe --name '[secret]'"),
        (f"cas-backend add oci --password {SECRET}", "cas-backend add oci --password '[secret]'"),
        (f"cas-backend add oci -p {SECRET}", "cas-backend add oci -p '[secret]'"),
        (f"cas-backend add aws-s3 --secret-access-key {SECRET}", "--secret-access-key '[secret]'"),
        (f"cas-backend add aws-s3 --access-key-id {SECRET}", "--access-key-id '[secret]'"),
        (f"cas-backend add azure-blob --client-secret={SECRET}", "'--client-secret=[secret]'"),
        (f"att add --registry-password {SECRET}", "att add --registry-password '[secret]'"),
        (f"integration registered add x --opt k={SECRET}", "add x --opt '[secret]'"),
        (f"att push --annotation a={JWT}", "'a=[secret]'"),
        (f"org update --block --token {SECRET}", "org update --block --token '[secret]'"),
    ],
)
def test_no_secret_is_in_the_line(loopin: Loopin, given: str, shown: str) -> None:
    said = loopin("chainloop", *given.split()).fails(2, shown)
    assert SECRET not in said.out + said.err
    assert JWT not in said.out + said.err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("workflows", "there is no command 'workflows'"),
        ("organization update --blok", "No such option"),
        ("organization describe --block", "No such option"),
        ("auth workflow", "there is no command 'workflow'"),
    ],
)
def test_a_slip_is_a_slip(loopin: Loopin, given: str, words: str) -> None:
    assert "run it with" not in loopin("chainloop", *given.split()).fails(2, words).err


def test_elsewhere_the_words_mean_nothing(loopin: Loopin) -> None:
    loopin("gumloop", "workflow").fails(2, "there is no command 'workflow'")
    loopin("workflow", "chainloop").fails(2, "there is no command 'workflow'")
