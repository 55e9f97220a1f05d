#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The netlink family ipvs-fullnat, message by message: good and bad policies,
# addresses and ports, malformed messages, atomic restore, dumps while things
# change, events, permissions, the end of a namespace. No traffic.
#
#   director ------- other
#   eth0: 198.51.100.254 and all that is below

. "$(dirname "$0")/lib.sh"

MODULE=ip_vs_fullnat

# verdict NAME COMMAND...: passes if it prints nothing
verdict()
{
	local line

	while IFS= read -r line; do
		fault "$line"
	done < <("${@:2}" 2>&1)
	result "$1"
}

# family TEST NAME: a test of fullnat_netlink.py in the director
family()
{
	verdict "$2" on "$director" "$PYTHON" -sB "$HERE/fullnat_netlink.py" "$1"
}

require ip
require_modules ip_vs "$MODULE"
plan 16
other=
setup_ns director other
ip link add eth0 netns "$director" type veth peer name eth0 netns "$other"
ip -n "$other" link set eth0 up
{
	for n in {1..6}; do
		echo "address add 10.3.0.$n/29 dev eth0"
	done
	cat <<-END
		address add 198.51.100.254/24 broadcast + dev eth0
		address add 2001:db8:2::254/64 dev eth0 nodad
		link set eth0 up
		route add local 10.1.0.0/24 dev lo
		route add local 10.2.0.0/16 dev lo
		route add local 2001:db8:3::/48 dev lo
	END
} | ip -n "$director" -batch -
# waits for an answer of the other that never comes
on "$director" sh -c 'echo 1 > /proc/sys/net/ipv6/conf/eth0/accept_dad
	echo 1000 > /proc/sys/net/ipv6/conf/eth0/dad_transmits'
ip -n "$director" address add 2001:db8:4::1/64 dev eth0
if ip -n "$director" link add vrf1 type vrf table 100 2>/dev/null; then
	ip -n "$director" -batch - <<-END
		link set vrf1 up
		link add lan1 type dummy
		link set lan1 master vrf1 up
		address add 10.4.0.1/24 dev lan1
		address add 2001:db8:5::1/64 dev lan1 nodad
	END
fi

assert_fails "$MODULE is loaded" loaded "$MODULE"
on "$director" "$PYTHON" -sB "$HERE/fullnat_netlink.py" policy | head -n 1 |
	grep -q . && fault "the family does not load $MODULE"
assert_ok "$MODULE is loaded" loaded "$MODULE"
result "asking for the family loads the module"

family policy "policies of every kind, each setting"
family words "each refusal of a service or a setting has its sentence"
family ports "ports keep out of ip_local_port_range, or are reserved"
family addresses "addresses must be the director's own"
family pool "addresses are added, drained and deleted"
family malformed "malformed messages are refused and change nothing"
family noise "thousands of messages with random bytes do no harm"
family restore "restore is all or nothing"
family dump "10,240 addresses and 400 policies are dumped, each once"
family concurrent "dumps under change are marked, what stays is in them once"
family events "changes are told to who listens"
family counters "counters of services, addresses, and their sum"
family permission "without CAP_NET_ADMIN nothing changes, and no client is seen"

verdict "the owner of a namespace configures it" \
	unshare --user --map-root-user --net sh -c '
		ip link set lo up
		ip address add 10.9.9.9/32 dev lo
		exec "$@"' - "$PYTHON" -sB "$HERE/fullnat_netlink.py" owner

on "$director" "$PYTHON" -sB "$HERE/fullnat_netlink.py" leave
assert_fails "rmmod with a policy" rmmod "$MODULE"
ip netns del "$director"
assert_ok "unloaded after the namespace" busywait rmmod "$MODULE"
assert_kernel_content
result "a namespace that dies takes its policies along"
