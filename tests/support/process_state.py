"""What a command may change in its process, put back afterwards."""

import contextlib
import gc
import logging
import os
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import keyring.core


@contextmanager
def isolated(environment: Mapping[str, str], cwd: Path) -> Iterator[None]:
    """Inside, `environment` and `cwd` are the process's own; afterwards everything is as it was.

    That is: the environment, the folder, the umask, logging (levels and handlers), signal handlers, warning
    filters, the garbage collector, and what `keyring` and `tempfile` read from the environment only once.
    """
    with ExitStack() as stack:
        for change in (_environment(environment), contextlib.chdir(cwd), _read_once(), _umask(), _logging()):
            stack.enter_context(change)
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(_garbage_collector())
        stack.enter_context(_streams())
        stack.enter_context(_signals())
        yield


@contextmanager
def _environment(environment: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _read_once() -> Iterator[None]:
    """keyring chooses its backend once, and tempfile its folder."""
    backend, folder = keyring.core._keyring_backend, tempfile.tempdir
    keyring.core._keyring_backend = tempfile.tempdir = None
    try:
        yield
    finally:
        keyring.core._keyring_backend, tempfile.tempdir = backend, folder


@contextmanager
def _umask() -> Iterator[None]:
    before = os.umask(0o077)
    os.umask(before)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _logging() -> Iterator[None]:
    known = [one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    before = [
        (one, one.level, one.disabled, one.propagate, list(one.handlers)) for one in (logging.root, *known)
    ]
    raises = logging.raiseExceptions
    try:
        yield
    finally:
        logging.raiseExceptions = raises
        for logger, level, disabled, propagate, handlers in before:
            if logger.level != level:
                logger.setLevel(level)
            logger.disabled = disabled
            logger.propagate = propagate
            logger.handlers[:] = handlers


@contextmanager
def _garbage_collector() -> Iterator[None]:
    enabled, threshold = gc.isenabled(), gc.get_threshold()
    try:
        yield
    finally:
        gc.set_threshold(*threshold)
        (gc.enable if enabled else gc.disable)()


@contextmanager
def _streams() -> Iterator[None]:
    before = sys.stdin, sys.stdout, sys.stderr
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


@contextmanager
def _signals() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        # Nobody can set a handler here.
        yield
        return
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: not set from Python, so not by a command.
            if handler is not None and signal.getsignal(number) != handler:
                signal.signal(number, handler)
