"""The program: parse, run a command, turn what happened into an exit code.

Exit codes: 0 done, also when the reader of a pipe has gone; 1 an error, told in one line; 2 wrong usage, or
``--timeout`` was over before ``--count`` events came; 128 and the number of the signal that ended it: 130 for
Ctrl-C, 143 for SIGTERM. The standard output is only data; everything else goes to the standard error.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Callable, Sequence

from inotify_cffi.cli.ending import ending, terminating_cleanly
from inotify_cffi.cli.init import go_on_in_a_child
from inotify_cffi.cli.outputs import finish, give_up
from inotify_cffi.cli.parser import parse
from inotify_cffi.cli.service import Again
from inotify_cffi.cli.surroundings import Lines, Objects, logging_to_stderr, one_line
from inotify_cffi.errors import InotifyError

__all__ = ["main"]

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the arguments without the program's name; None for those of the process.

    Returns:
        The exit code.

    """
    if argv is None and os.getpid() == 1:
        code_of_child = go_on_in_a_child()
        if code_of_child is not None:
            return code_of_child
    arguments = sys.argv[1:] if argv is None else list(argv)
    with logging_to_stderr() as handler, terminating_cleanly():
        code = _code_of(lambda: _run(arguments, handler))
        if not ending.number:
            # Who reads may take long: a signal ends that, too.
            code = _code_of(lambda: _finished(code))
        if ending.number:
            give_up()
            code = 128 + ending.number
    return code


def _run(arguments: list[str], handler: logging.Handler) -> int:
    command, options, dispatcher = parse(arguments)
    while True:
        handler.setFormatter(Objects() if getattr(options, "log", "text") == "json" else Lines())
        try:
            code = command.run(options, dispatcher)
            # Here, for it may fail: what was printed is in a buffer still.
            if sys.stdout is not None:
                sys.stdout.flush()
        except Again:  # once for each SIGHUP
            # A daemon does not die of a slip in its configuration: it goes on with what it has.
            try:
                command, options, dispatcher = parse(arguments)
            except (Exception, SystemExit) as error:  # noqa: BLE001  # a plugin's may be any
                # What a signal raised in the middle of a plugin may come as the plugin's own.
                ending.check()
                logger.warning("the configuration stays as it was: %s", one_line(error))
        else:
            return code


def _finished(code: int) -> int:
    finish()
    return code


def _code_of(work: Callable[[], int]) -> int:
    """Return the exit code of *work*, whatever it raises; what is no signal's doing is told."""
    try:
        return work()
    except KeyboardInterrupt:
        return 130
    except SystemExit as error:
        return _exit_code(error)
    except BrokenPipeError:
        # Whoever read has read enough.
        return 0
    except (OSError, InotifyError) as error:
        if not ending.number:
            logger.error("%s", one_line(error))  # noqa: TRY400  # it is expected, and the line says all
        return 1
    except Exception as error:
        # A plugin's part that is not called as a hook: the type of an option, say. Or a defect of ours.
        text = f"{type(error).__name__}: {one_line(error)}; INOTIFY_CFFI_DEBUG=1 shows where"
        logger.exception("%s", text)
        return 1


def _exit_code(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    logger.error("%s", error.code)
    return 1
