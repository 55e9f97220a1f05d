# SPDX-License-Identifier: GPL-2.0
"""System calls that Python lacks: network namespaces, modules."""

import contextlib
import ctypes
import os

CLONE_NEWNET = 0x40000000
SYS_DELETE_MODULE = 106 if os.uname().machine == "aarch64" else 176
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(status):
    if status:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _setns(fd):
    _checked(_libc.setns(fd, CLONE_NEWNET))


def enter(name):
    """Move the calling thread into what `ip netns` calls NAME, for good."""
    fd = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _setns(fd)
    finally:
        os.close(fd)


def unshare():
    """Move the calling thread into a namespace that has no name."""
    _checked(_libc.unshare(CLONE_NEWNET))


@contextlib.contextmanager
def inside(name):
    """What is opened in the block belongs to the namespace, and stays there."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter(name)
        yield
    finally:
        _setns(home)
        os.close(home)


def delete_module(name):
    _checked(_libc.syscall(SYS_DELETE_MODULE, name.encode(), os.O_NONBLOCK))
