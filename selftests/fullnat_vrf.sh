#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A director with a VRF: the clients' side in it, the real servers', or both.
# IPVS routes requests by the main table, so that must know the real servers;
# replies are routed by the table of the side that they come from, so that must
# know the clients.
#
#   client ---------- director ------------ server1
#   192.0.2.1         VIP 192.0.2.100       198.51.100.1
#                     LIP 198.51.100.201, .202

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"
# shellcheck source=crowd.sh
. "$HERE/crowd.sh"

# works ADDRESS: connections, flows, bytes, and an error from the real server
works()
{
	traffic from "$([[ $1 == *:* ]] && echo "$CLIENT6" || echo "$CLIENT")"
	traffic to "$1" 80
	assert_answers "8 good" open 8
	assert_answers 8 bulk 20000
	assert_answers "20 good" cycle 20 4
	traffic to "$1" 53 -u
	assert_answers "4 good" open 4
	assert_answers 12 alive
	traffic down -u 53
	assert_answers "2 refused" open 2
	traffic up -u 53
	traffic close
}

# in_vrf DEVICE...: these, and no others
in_vrf()
{
	local device

	for device in cli lan; do
		ip -n "$director" link set "$device" nomaster
	done
	for device; do
		ip -n "$director" link set "$device" master red
	done
}

# leak TABLE DEVICE: the network behind the device is known there as well
leak()
{
	local network=${NET}0/24 network6=${NET6}/64

	[ "$2" = lan ] || network=192.0.2.0/24 network6=2001:db8:1::/64
	ip -n "$director" -batch - <<-END
		route replace $network dev $2 table $1
		route replace $network6 dev $2 table $1
	END
}

# unrouted COUNT: were so many replies dropped for that?
unrouted()
{
	[ "$(counts no-route -t "$VIP:80")" -ge "$1" ]
}

assert_works()
{
	works "$VIP"
	works "$VIP6"
}

require_fullnat ip_vs_rr bridge vrf
plan 4
fullnat_topology 1
knob "$director" ipv6/conf/all/keep_addr_on_down 1
knob "$director" ipv4/conf/all/rp_filter 0
ip -n "$director" link add red type vrf table 100 || die "cannot add a VRF"
ip -n "$director" -batch - <<-END
	link set red up
	route add unreachable 0.0.0.0/0 table 100 metric 4278198272
	route add unreachable ::/0 table 100 metric 4278198272
END
start_crowd
traffic up -t 80
traffic up -u 53
for address in "$VIP" "$VIP6"; do
	for kind in -t:80 -u:53; do
		service=$(service_of "$address" "${kind#*:}")
		policy "${kind%:*}" "$service" "$(pool "$address")" 20000-29999
		real_service "${kind%:*}" "$service" 1
	done
done

in_vrf cli
leak main cli
assert_works
result "clients by a VRF"

in_vrf lan
leak main lan
traffic to "$VIP" 80
traffic from "$CLIENT"
traffic syn 2
assert_ok "no route to the client" busywait unrouted 2
leak 100 cli
assert_works
result "real servers by a VRF"

in_vrf cli lan
leak main lan
assert_works
result "both by a VRF"

assert_kernel_content
result "the kernel has not complained"
