# SPDX-License-Identifier: GPL-2.0
"""Commands that a script sends line by line, each answered by a line."""

import errno
import sys


def serve(target):
    """The commands are the methods of an object whose names begin with do_.

    An answer that begins with ! says why there is none.
    """
    for line in sys.stdin:
        command, *arguments = line.split()
        try:
            answer = getattr(target, "do_" + command)(*arguments) or "done"
        except OSError as error:
            answer = f"! {errno.errorcode.get(error.errno)}: {command}"
        except Exception as error:  # pylint: disable=broad-except
            answer = f"! {command}: {type(error).__name__}: {error}"
        print(answer, flush=True)
