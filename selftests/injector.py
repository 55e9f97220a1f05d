# SPDX-License-Identifier: GPL-2.0
"""Allocations that fail: the n-th one of a system call, and n counts up."""

import errno
import gc
import os
import random

from tell import fault, note

# what may become of a call then
NO_MEMORY = (errno.ENOMEM, errno.ENOBUFS)
FAR = 1 << 24
# of a call with many allocations: so many at its beginning and at its end, and
# so many in between, as they are drawn
FIRST, LAST, BETWEEN = 40, 8, 12


class Injector:
    """For the thread that makes it."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.file = os.open("/proc/thread-self/fail-nth", os.O_RDWR)
        gc.disable()

    def call(self, number, function):
        """(whether it failed so far, what the call returned, its error)"""
        result = error = None
        os.pwrite(self.file, b"%d" % number, 0)
        try:
            result = function()
        except OSError as caught:
            error = caught
        rest = int(os.pread(self.file, 16, 0).strip(b"\0\n"))
        os.pwrite(self.file, b"0", 0)
        return rest == 0, FAR - rest if number == FAR else result, error

    def numbers(self, total, first, last):
        """Which allocations of so many are to fail."""
        chosen = set(range(1, min(first, total) + 1))
        chosen.update(range(max(1, total - last + 1), total + 1))
        rest = [one for one in range(1, total + 1) if one not in chosen]
        chosen.update(self.random.sample(rest, min(BETWEEN, len(rest))))
        return sorted(chosen)

    def each(self, name, function, before=lambda: None, after=None,
             first=FIRST, last=LAST):
        """Call a function over and over, with another allocation failing each
        time. AFTER is told (number, result, error) of each."""
        before()
        _, total, error = self.call(FAR, function)
        if error:
            fault(f"{name}: {error} though nothing failed")
        if after:
            after(0, None, error)
        failed = 0
        for number in self.numbers(total, first, last):
            before()
            injected, result, error = self.call(number, function)
            if error and error.errno not in NO_MEMORY:
                fault(f"{name}: allocation {number} of {total}: {error}")
            elif error and not injected:
                fault(f"{name}: {error} though nothing failed")
            failed += bool(error)
            if after:
                after(number, result, error)
        note(f"{name}: {total} allocations, refused {failed} times")
