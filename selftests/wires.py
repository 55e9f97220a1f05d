# SPDX-License-Identifier: GPL-2.0
"""The links of fullnat_topology, broken in every way and mended again."""

import rtnl
from still import VIPS

LABELS = range(201, 207)
MTUS = 1480, 1400, 1300, 1280
OTHER_END = {"cli": "client", "lan1": "server1", "lan2": "server2"}


def laddrs_of(family):
    net = "2001:db8:2::" if family == 6 else "198.51.100."
    return [f"{net}{label}" for label in LABELS]


class Wires:
    """All links, with the addresses and routes that they should have."""

    def __init__(self, client, director, servers, draw):
        self.draw = draw
        self.names = {"client": client, "director": director}
        self.names.update((f"server{n}", name)
                          for n, name in enumerate(servers, 1))
        self.links = {place: rtnl.links_of(name)
                      for place, name in self.names.items()}
        self.addresses = {
            ("client", "eth0"): ["192.0.2.1/24", "2001:db8:1::1/64"],
            ("director", "cli"): ["192.0.2.254/24", "2001:db8:1::254/64",
                                  VIPS[4] + "/32", VIPS[6] + "/128"],
            ("director", "lan"):
                ["198.51.100.254/24", "2001:db8:2::254/64"] +
                [laddr + "/32" for laddr in laddrs_of(4)] +
                [laddr + "/128" for laddr in laddrs_of(6)]}
        self.routes = {"client": [("0.0.0.0/0", "192.0.2.254"),
                                  ("::/0", "2001:db8:1::254")]}
        for n in 1, 2:
            self.addresses[f"server{n}", "eth0"] = [
                f"198.51.100.{n}/24", f"2001:db8:2::{n}/64"]
            self.routes[f"server{n}"] = [
                ("192.0.2.0/24", "198.51.100.254"),
                ("2001:db8:1::/64", "2001:db8:2::254")]
        self.devices = list(self.addresses) + [("director", "lan1"),
                                               ("director", "lan2")]
        # that neighbours know, so it is to be the same when a link comes anew,
        # and that of a bridge must not be that of whichever port there is
        self.mac = {which: bytes([2, 0, 0, 0, 0, number])
                    for number, which in enumerate(self.devices)}
        self.mend_all()

    @staticmethod
    def change(how, *arguments):
        """It may be so already, or not be possible just now."""
        try:
            how(*arguments)
        except OSError as error:
            if not rtnl.is_gone(error):
                raise

    def mend(self, place, device):
        links = self.links[place]
        self.change(links.set_mac, device, self.mac[place, device])
        self.change(links.up, device)
        for where in self.addresses.get((place, device), []):
            self.change(links.add_address, where, device)
        for where, gateway in self.routes.get(place, []):
            self.change(links.add_route, where, gateway)

    def mend_all(self):
        for place, device in self.devices:
            self.mend(place, device)

    # Return: how to break it, and how to mend it

    def down(self):
        place, device = self.draw.choice(self.devices)
        return (lambda: self.links[place].down(device),
                lambda: self.mend(place, device))

    def delete(self):
        """A pair goes, and comes anew."""
        device = self.draw.choice(list(OTHER_END))
        director, place = self.links["director"], OTHER_END[device]

        def mend():
            with open(f"/run/netns/{self.names[place]}", "rb") as there:
                director.add_veth(device, "eth0", there.fileno())
            if device.startswith("lan"):
                director.set_master(device, "lan")
            self.mend("director", device)
            self.mend(place, "eth0")
        return lambda: director.delete(device), mend

    def mtu(self):
        place, device = self.draw.choice(self.devices)
        links, mtu = self.links[place], self.draw.choice(MTUS)

        def mend():
            links.set_mtu(device, 1500)
            self.mend(place, device)
        return lambda: links.set_mtu(device, mtu), mend

    def address(self):
        place, device = self.draw.choice(list(self.addresses))
        where = self.draw.choice(self.addresses[place, device])
        return (lambda: self.links[place].del_address(where, device),
                lambda: self.mend(place, device))

    def route(self):
        place = self.draw.choice(list(self.routes))
        which, links = self.draw.choice(self.routes[place]), self.links[place]
        return (lambda: links.del_route(*which),
                lambda: links.add_route(*which))

    def any_fault(self):
        return self.draw.choice((self.down, self.delete, self.mtu,
                                 self.address, self.route))()
