"""The gate: every way to end has its code, and none shows a traceback."""

import logging
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from app.cli import debug, exit_codes, root
from app.domain import errors

TABLE = {
    errors.UsageError: 2,
    errors.ReadOnly: 1,
    errors.Cancelled: 130,
    errors.NotSignedIn: 3,
    errors.SessionEnded: 3,
    errors.Refused: 1,
    errors.InvalidInput: 1,
    errors.PermissionDenied: 1,
    errors.NotFound: 1,
    errors.AlreadyExists: 1,
    errors.RateLimited: 1,
    errors.Failed: 1,
    errors.BadReply: 1,
    errors.BrokenOff: 1,
    errors.ReplyTooLarge: 1,
    errors.LockUnavailable: 1,
    errors.Unreachable: 5,
    errors.TLSFailed: 5,
    errors.LoginFailed: 1,
    errors.AccessDenied: 1,
    errors.StateMismatch: 1,
    errors.PortBusy: 1,
    errors.BrowserUnavailable: 1,
    errors.LoginTimedOut: 1,
    errors.VaultError: 4,
    errors.VaultMissing: 4,
    errors.VaultLocked: 4,
    errors.VaultDenied: 4,
    errors.VaultSilent: 4,
    exit_codes.PartlyDone: 6,
}


def _raise(error: BaseException) -> int:
    raise error


def test_every_error_of_the_tree_has_the_code_of_its_branch() -> None:
    kinds = {value for value in vars(errors).values() if isinstance(value, type)} - {errors.LoopinError}
    for kind in kinds:
        branch = next(code for base, code in TABLE.items() if issubclass(kind, base))
        assert exit_codes.code_of(kind("it broke")) == branch, kind


@pytest.mark.parametrize(("kind", "code"), TABLE.items(), ids=lambda value: getattr(value, "__name__", None))
def test_every_error_is_one_sentence_a_next_step_and_its_code(
    kind: type[errors.LoopinError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    error = kind("it broke", hint="mend it")
    assert exit_codes.run_reporting_errors(lambda: _raise(error)) == code
    assert capsys.readouterr() == ("", "loopin: it broke\n  next: mend it\n")


def test_text_from_a_server_cannot_style_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    exit_codes.run_reporting_errors(lambda: _raise(errors.Refused("\x1b[2Jgone\nnext: pay")))
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert said.count("\n") == 1


def test_ctrl_c_is_cancelled(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_codes.run_reporting_errors(lambda: _raise(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "loopin: cancelled\n"


def test_the_unforeseen_is_one_sentence_that_names_debug(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_codes.run_reporting_errors(lambda: _raise(ZeroDivisionError("with-a-detail"))) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert "--debug" in said
    assert "with-a-detail" not in said


def test_a_reader_that_left_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_codes.run_reporting_errors(lambda: _raise(BrokenPipeError(32, "Broken pipe"))) == 141
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["activity", "--json"], ["status", "--offline"]]
)
def test_no_command_turns_a_closed_pipe_into_a_failure(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Click would: its `main` exits with 1."""

    def write(_text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys.stdout, "write", write)
    assert root.run(arguments) == 141
    assert capsys.readouterr().err == ""


def test_a_full_disk_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_codes.run_reporting_errors(lambda: _raise(OSError(28, "No space left on device"))) == 1
    assert "could not be written: No space left on device" in capsys.readouterr().err


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJmYWtlLWZha2UifQ.ZmFrZS1mYWtlLWZha2UtZmFrZQ"


@pytest.mark.parametrize(
    "text",
    [
        JWT,
        f"Bearer {JWT}",
        f"GET /auth/callback?state=a&t={JWT} HTTP/1.1",
        f"{{'authorization': 'Bearer {JWT[:30]}'}}",
        "authorization: bearer not-a-jwt-but-secret",
        "gum_0123456789abcdef",
        f"repr b'{JWT}'",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    masked = debug.mask(text)
    assert debug.MASK in masked
    for secret in (JWT, JWT[:30], "not-a-jwt-but-secret", "gum_0123456789abcdef"):
        assert secret not in masked


def test_the_log_is_private_and_masked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = debug.start(tmp_path / "state")
    debug.hide("a-secret-without-a-shape")
    error = ValueError(f"carries {JWT} and a-secret-without-a-shape")
    assert exit_codes.run_reporting_errors(lambda: _raise(error)) == 1
    text = path.read_text()
    assert "ValueError" in text
    assert "Traceback" in text
    assert JWT not in text
    assert "a-secret-without-a-shape" not in text
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert str(path) in capsys.readouterr().err
    assert not debug.active()


@pytest.fixture
def full_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A debug log on a disk that is full from the beginning."""
    monkeypatch.setattr(logging, "raiseExceptions", True)
    path = debug.start(tmp_path / "state")
    (handler,) = [each for each in logging.getLogger().handlers if isinstance(each, debug.LogFile)]
    before = handler.setStream(open("/dev/full", "w"))  # noqa: SIM115  # the handler closes it
    assert before is not None
    before.close()
    yield path
    debug.finish(0)


def test_a_log_on_a_full_disk_is_told_once_and_changes_nothing(
    full_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> int:
        for _ in range(5):
            logging.getLogger("loopin").warning("a line with %s", JWT)
        return exit_codes.FOUND

    assert exit_codes.run_reporting_errors(work) == exit_codes.FOUND
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "loopin: the debug log cannot be written: No space left on device; "
        f"what there is of it is in {full_log}\n"
    )


def test_a_line_that_cannot_be_put_together_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = debug.start(tmp_path / "state")
    (handler,) = [each for each in logging.getLogger().handlers if isinstance(each, debug.LogFile)]
    # Not through a logger: the test's own handler would complain.
    handler.handle(logging.makeLogRecord({"msg": "%d", "args": ("not a number",)}))
    handler.handle(logging.makeLogRecord({"msg": "the next one"}))
    assert debug.finish(0) == f"the log is in {path}"
    assert "the next one" in path.read_text()
    assert capsys.readouterr() == ("", "")


def test_no_log_prints_what_it_could_not_take(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of whatever library, wherever it writes."""
    monkeypatch.setattr(logging, "raiseExceptions", True)
    exit_codes.prepare_streams()
    logger = logging.getLogger("tests.full")
    logger.propagate = False
    with open("/dev/full", "w", buffering=1) as full:
        handler = logging.StreamHandler(full)
        logger.addHandler(handler)
        logger.warning("a line with %s", JWT)
        logger.removeHandler(handler)
        with suppress(OSError):
            full.close()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["chainloop", "organization", "list", "--org", "a\udcff"],
        ["chainloop", "organization", "api-token", "create", "--name", "x", "--description", "\udce9t\udce9"],
        ["chainloop", "organization", "api-token", "list", "--filter", "\udcff"],
        ["\udcff"],
        ["activity", "\udcff"],
    ],
)
def test_an_argument_that_is_no_text_is_bad_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Bytes that are not UTF-8, as the system hands them over."""
    assert root.run(arguments) == exit_codes.USAGE
    assert "has bytes that are not UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given", ["a-secret-without-a-shape\n", "Bearer a-secret-without-a-shape", '"a-secret-without-a-shape"']
)
def test_a_secret_is_masked_as_it_is_sent(given: str) -> None:
    """Not only as the variable has it."""
    debug.hide(given)
    try:
        assert "without-a-shape" not in debug.mask("sent: a-secret-without-a-shape.")
    finally:
        debug._known.clear()
