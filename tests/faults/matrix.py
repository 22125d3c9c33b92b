"""The fault matrix: every way to sign in × every step × every fault.

A cell is the test that proves the end state (as before, signed out, or the new login; never a mix), or
"cannot happen, because …". Faults are grouped by what a step has to touch for them to matter.
"""

from collections.abc import Mapping
from enum import Enum
from itertools import product

from app.domain.login import Step

CANNOT = "cannot happen, because "


class Touch(Enum):
    """What a step has to do with; the value completes "the step … "."""

    SERVER = "asks no server"
    KEYCHAIN = "leaves the keychain alone"
    PORT = "neither takes nor holds a port"
    BROWSER = "opens no page"
    DISK = "writes no file"
    CLOCK = "compares no time"
    PROCESS = ""


FAULTS: Mapping[Touch, tuple[str, ...]] = {
    Touch.SERVER: ("refuses", "resets", "hangs", "answers 429", "answers 500", "garbage", "half a body"),
    Touch.KEYCHAIN: ("missing", "locked", "denied", "silent", "gone in the middle of a save"),
    Touch.PORT: ("taken before", "taken during"),
    Touch.BROWSER: ("no browser",),
    Touch.DISK: ("disk full",),
    Touch.CLOCK: ("clock 10 minutes off",),
    Touch.PROCESS: ("kill -9", "SIGTERM", "SIGHUP", "suspend and resume"),
}
STEPS: Mapping[str, tuple[Step, ...]] = {
    "gumloop oauth": (
        *(Step.KEYCHAIN, Step.LISTENING, Step.BROWSER, Step.WAITING),
        *(Step.STATE, Step.EXCHANGE, Step.VERIFIED, Step.SAVED),
    ),
    "gumloop key": (Step.KEYCHAIN, Step.VERIFIED, Step.SAVED),
    "gumloop token": (Step.KEYCHAIN, Step.VERIFIED, Step.SAVED),
    "chainloop browser": (
        *(Step.KEYCHAIN, Step.SERVER, Step.LISTENING, Step.BROWSER),
        *(Step.WAITING, Step.STATE, Step.VERIFIED, Step.SAVED),
    ),
    "chainloop token": (Step.KEYCHAIN, Step.VERIFIED, Step.SAVED),
    "keyless": (Step.SERVER, Step.VERIFIED, Step.SAVED),
}
TOUCHES: Mapping[Step, set[Touch]] = {
    Step.KEYCHAIN: {Touch.KEYCHAIN},
    Step.SERVER: {Touch.SERVER},
    Step.LISTENING: {Touch.PORT},
    Step.BROWSER: {Touch.BROWSER},
    Step.WAITING: {Touch.PORT, Touch.CLOCK},
    Step.STATE: {Touch.SERVER},
    Step.EXCHANGE: {Touch.SERVER},
    Step.VERIFIED: {Touch.SERVER, Touch.CLOCK},
    Step.SAVED: {Touch.KEYCHAIN, Touch.DISK, Touch.CLOCK},
}

_NET, _MACHINE, _PROCESS = (
    f"tests/faults/test_{name}.py::test_" for name in ("network", "machine", "processes")
)
_CUT = "tests/integration/chainloop/test_failures.py::test_an_answer_that_is_cut_half_way_is_a_bad_reply"
_KILL = "tests/integration/gumloop/test_kill.py::test_no_kill_mixes_two_logins"
_IN_STEP = "tests/faults/test_interrupted.py::test_an_interruption_in_a_step_mixes_no_logins"
_ON = f"{_PROCESS}suspended_while_waiting_it_takes_the_answer_when_it_goes_on"
_END = f"{_PROCESS}an_end_while_waiting_frees_the_port_and_leaves_the_login_from_before"
_CLOCK = f"{_MACHINE}a_clock_that_is_ten_minutes_off_keeps_nobody_out"
_JOB_CLOCK = "tests/integration/keyless/test_job.py::test_a_verified_token_is_kept_for_its_life"


def cell(method: str, step: Step, touch: Touch, fault: str) -> str:
    """What stands in the matrix."""
    if method == "keyless" and (reason := _keyless(step, touch)):
        return CANNOT + reason
    if touch is Touch.PROCESS:
        return _process(method, step, fault)
    if touch not in TOUCHES[step] or (method.startswith("chainloop") and step is Step.STATE):
        return f"{CANNOT}the step {touch.value}"
    match touch:
        case Touch.SERVER:
            return _server(method, step, fault)
        case Touch.KEYCHAIN:
            return _keychain(step, fault)
        case Touch.PORT:
            return _port(step, fault)
        case Touch.BROWSER:
            return f"{_MACHINE}without_a_browser_the_address_is_told_and_time_runs_out"
        case Touch.DISK:
            return f"{_MACHINE}a_full_disk_leaves_a_whole_login_or_none"
    return _JOB_CLOCK if method == "keyless" else _CLOCK


def _keyless(step: Step, touch: Touch) -> str:
    if step is Step.SERVER:
        return "the step reads variables that the job was started with"
    if step is Step.SAVED:
        return "nothing is stored: the login ends with the job"
    return "the sign-in holds nothing that could be left behind" if touch is Touch.PROCESS else ""


def _process(method: str, step: Step, fault: str) -> str:
    if step is Step.SAVED and fault == "kill -9" and method.startswith("gumloop"):
        # After each of the five changes; the other interruptions, in the middle of one.
        return _KILL
    if step is Step.WAITING:
        return _ON if fault == "suspend and resume" else _END
    if step in {Step.LISTENING, Step.BROWSER}:
        return (
            f"{CANNOT}the step is over as soon as it begins, and leaves nothing but a port that ends with us"
        )
    if step is Step.STATE and method.startswith("chainloop"):
        return f"{CANNOT}the step compares two words that are there"
    return _IN_STEP


def _server(method: str, step: Step, fault: str) -> str:
    if method == "keyless":
        return f"{_NET}issuer"
    if step is Step.STATE:
        return f"{_NET}a_server_that_publishes_nothing_usable_keeps_nobody_out"
    if method.startswith("gumloop"):
        return f"{_NET}gumloop"
    return _CUT if fault == "half a body" else f"{_NET}chainloop"


def _keychain(step: Step, fault: str) -> str:
    if step is Step.SAVED:
        return f"{_MACHINE}a_keychain_that_goes_away_in_the_middle_of_a_save_mixes_nothing"
    if fault == "gone in the middle of a save":
        return f"{CANNOT}the step only looks"
    return f"{_MACHINE}a_keychain_that_cannot_be_used_ends_it_before_anything_opens"


def _port(step: Step, fault: str) -> str:
    if step is Step.LISTENING and fault == "taken before":
        return f"{_MACHINE}a_port_that_is_taken_before_is_told_and_changes_nothing"
    if step is Step.WAITING and fault == "taken during":
        return f"{_PROCESS}two_at_one_port_and_the_second_is_told_by_whom"
    when = "before the waiting begins" if step is Step.WAITING else "in one call"
    return f"{CANNOT}the port is taken {when}, and held from then on"


MATRIX: Mapping[tuple[str, Step, str], str] = {
    (method, step, fault): cell(method, step, touch, fault)
    for method, steps in STEPS.items()
    for step, (touch, faults) in product(steps, FAULTS.items())
    for fault in faults
}
