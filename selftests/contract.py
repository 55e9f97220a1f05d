# SPDX-License-Identifier: GPL-2.0
"""The netlink contract: what a request may say, and what an answer may.

It is read out of the file that the module's own tables are made of.
"""

import os
import re
import struct

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
FILE = os.path.join(HERE, "../kmod/uapi/ipvs-fullnat.yaml")
SOURCES = os.path.join(HERE, "../kmod/fullnat")
NESTED, BYTE_ORDER, NUMBER = 0x8000, 0x4000, 0x3fff
REMEMBERED = 1 << 14
SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "flag": 0, "pad": 0}


class Broken(Exception):
    """What the kernel said is not what the contract says."""


class Attribute:
    """One attribute of a set."""

    def __init__(self, number, spec, enums):
        self.number, self.name, self.type = number, spec["name"], spec["type"]
        self.set = spec.get("nested-attributes")
        self.many = spec.get("multi-attr", False)
        self.big = spec.get("byte-order") == "big-endian"
        self.checks = spec.get("checks", {})
        self.below = enums.get(spec.get("enum"))

    def check(self, data):
        """Whether a value in an answer can be right."""
        size = SIZES.get(self.type)
        if self.type == "binary":
            if len(data) not in (4, 16):
                raise Broken(f"{self.name} of {len(data)} bytes")
        elif len(data) != size:
            raise Broken(f"{self.name} of {len(data)} bytes, not {size}")
        value = int.from_bytes(data, "big" if self.big else "little")
        if self.below is not None and value >= self.below:
            raise Broken(f"{self.name} is {value}")
        if not self.checks.get("min", 0) <= value <= \
                self.checks.get("max", value):
            raise Broken(f"{self.name} is {value}")
        # nothing has counted so far
        if value >> 48 and self.type == "u64":
            raise Broken(f"{self.name} looks like a pointer: {value:x}")


class Operation:
    """A command: the attributes of its requests and its answers, by name."""

    def __init__(self, number, spec):
        self.number, self.name = number, spec["name"]
        self.set = spec.get("attribute-set")
        self.admin = "uns-admin-perm" in spec.get("flags", [])
        self.requests, self.answers = {}, {}
        for mode in "do", "dump":
            if mode in spec:
                self.requests[mode] = names(spec[mode].get("request"))
                self.answers[mode] = names(spec[mode].get("reply"))
        self.event = names(spec.get("event"))


def names(part):
    return (part or {}).get("attributes", [])


def attributes(data, own=True):
    """(number, flags, value) of each; they must fill the data exactly. OWN: the
    kernel made them; otherwise it sends on what it was given."""
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise Broken(f"{len(data) - at} bytes behind attributes")
        size, kind = struct.unpack_from("=HH", data, at)
        end = at + size
        if size < 4 or end > len(data):
            raise Broken(f"an attribute of {size} bytes")
        padding = data[end:end + (-size % 4)]
        if own and any(padding):
            raise Broken(f"padding that is {padding.hex()}")
        yield kind & NUMBER, kind & ~NUMBER, data[at + 4:end]
        at = end + (-size % 4)


class Contract:
    """All of it."""

    def __init__(self):
        with open(FILE, encoding="utf-8") as file:
            spec = yaml.load(file, getattr(yaml, "CSafeLoader",
                                           yaml.SafeLoader))
        enums = {one["name"]: len(one["entries"])
                 for one in spec["definitions"] if one["type"] == "enum"}
        self.sets, self.operations, self.events = {}, {}, {}
        self.by_number = {}
        # what was looked at before and is right: most of it comes again
        self.right, self.tables = set(), {}
        for one in spec["attribute-sets"]:
            self.sets[one["name"]] = self.read_set(one, enums)
        for number, one in enumerate(spec["operations"]["list"], 1):
            operation = Operation(number, one)
            if "do" in one:
                self.operations[operation.name] = operation
                self.by_number[number] = operation
            else:
                self.add_event(operation, one)

    def read_set(self, spec, enums):
        """{name: attribute}"""
        parent = self.sets.get(spec.get("subset-of"))
        if parent:
            return {one["name"]: parent[one["name"]]
                    for one in spec["attributes"]}
        return {one["name"]: Attribute(number, one, enums)
                for number, one in enumerate(spec["attributes"], 1)}

    def add_event(self, operation, spec):
        like = self.operations.get(spec.get("notify"))
        if like:
            operation.set, operation.event = like.set, like.answers["do"]
        self.events[operation.number] = operation

    def check(self, name, known, data, own=True):
        """Whether these are attributes of a set, out of those that are KNOWN;
        None: any. OWN: as with attributes()."""
        if (name, own, data) in self.right:
            return
        self.check_each(self.known(name, known), data, own)
        if known is None:
            if len(self.right) > REMEMBERED:
                self.right.clear()
            self.right.add((name, own, data))

    def known(self, name, known):
        """{number: attribute}"""
        key = name, known and tuple(known)
        if key not in self.tables:
            self.tables[key] = {
                attribute.number: attribute
                for attribute in self.sets[name].values()
                if known is None or attribute.name in known or
                attribute.type == "pad"}
        return self.tables[key]

    def check_each(self, known, data, own):
        seen = set()
        for number, flags, value in attributes(data, own):
            attribute = known.get(number)
            if not attribute:
                raise Broken(f"attribute {number}")
            if number in seen and not attribute.many and \
                    attribute.type != "pad":
                raise Broken(f"{attribute.name} is there twice")
            seen.add(number)
            if not own:
                flags &= ~BYTE_ORDER
            if flags != (NESTED if attribute.set else 0):
                raise Broken(f"{attribute.name} has flags {flags:#x}")
            if attribute.set:
                self.check(attribute.set, None, value, own)
            else:
                attribute.check(value)

    def check_answer(self, operation, mode, body):
        """Whether a message can answer a request."""
        command, version, rest = struct.unpack_from("=BBH", body)
        if (command, version, rest) != (operation.number, 1, 0):
            raise Broken(f"an answer that begins with {body[:4].hex()}")
        self.check(operation.set, operation.answers[mode], body[4:])

    def check_event(self, body):
        operation = self.events.get(body[0])
        if not operation:
            raise Broken(f"event {body[0]}")
        self.check(operation.set, operation.event, body[4:], False)


def sentences():
    """What the module can say of a refusal, out of its source."""
    found = set()
    for name in sorted(os.listdir(SOURCES)):
        if not name.endswith(".c"):
            continue
        with open(os.path.join(SOURCES, name), encoding="utf-8") as file:
            found.update(re.findall(
                r'SET_ERR_MSG(?:_ATTR)?\([^";]*"([^"]*)"\)', file.read()))
    return found
