# SPDX-License-Identifier: GPL-2.0
"""What a test has to say: a line each, to a script that knows which is what."""


def fault(text):
    print(text.replace("\n", "\\n"), flush=True)


def note(text):
    print("# " + text, flush=True)


def same(what, expected, got):
    if expected != got:
        fault(f"{what}: expected {expected}, got {got}")
