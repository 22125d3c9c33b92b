"""Runs a program and notes every millisecond where it is: `sampler.py OUT -m MODULE …` or `… OUT FILE …`.

Adds lines of collapsed stacks ("outer;inner;innermost COUNT", as flame graph tools read) to OUT at the end,
or when SIGUSR1 comes. While the main thread waits, what another thread does counts; when all wait, nothing.
"""

import os
import runpy
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType

EVERY = 0.001
WAITING = {"select", "wait", "poll", "_wait_for_tstate_lock"}
stacks: Counter[str] = Counter()


def main() -> None:
    """Run the program, and write what was noted."""
    out, *arguments = sys.argv[1:]
    signal.signal(signal.SIGALRM, lambda _, frame: _note(frame))
    signal.signal(signal.SIGUSR1, lambda *_: _leave(out))
    signal.setitimer(signal.ITIMER_REAL, EVERY, EVERY)
    try:
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit:
        pass
    _leave(out)


def _note(main_thread: FrameType | None) -> None:
    me = threading.get_ident()
    others = (frame for number, frame in sys._current_frames().items() if number != me)
    for frame in (main_thread, *others):
        if frame is not None and frame.f_code.co_name not in WAITING:
            stacks[";".join(_names(frame))] += 1
            return


def _names(frame: FrameType) -> list[str]:
    """The frames, outermost first; those of the import system and of this file are left out."""
    names = []
    at: FrameType | None = frame
    while at is not None:
        file = at.f_code.co_filename
        if file != __file__ and not file.startswith("<frozen"):
            names.append(f"{_short(file)}:{at.f_code.co_name}")
        at = at.f_back
    return names[::-1]


def _short(file: str) -> str:
    """The path below the folder that it is imported from."""
    folders = [folder for folder in sys.path if folder and file.startswith(f"{folder}/")]
    return file[len(max(folders, key=len)) + 1 :] if folders else file


def _leave(out: str) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    with Path(out).open("a", encoding="utf-8") as file:
        file.writelines(f"{stack} {count}\n" for stack, count in stacks.items())
    sys.stdout.flush()
    os._exit(0)


main()
