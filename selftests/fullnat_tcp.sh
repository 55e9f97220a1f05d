#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What TCP and IPVS can be told to do otherwise: data in the SYN (TCP fast
# open), and IPVS's other table of states (secure_tcp).
#
#   client ---------- director ------------ server1
#   192.0.2.1         VIP 192.0.2.100       198.51.100.1
#                     LIP 198.51.100.201, .202

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"
# shellcheck source=crowd.sh
. "$HERE/crowd.sh"

# early_so_far: connections whose data came with the SYN, as the client and as
# the server has them
early_so_far()
{
	echo "$(tcp_ext "$client" TCPFastOpenActive)" \
		"$(tcp_ext "${servers[0]}" TCPFastOpenPassive)"
}

# early ADDRESS
early()
{
	local service before

	service=$(service_of "$1" 80)
	policy -t "$service" "$(pool "$1" | cut -d- -f1)" 20000-29999
	real_service -t "$service" 1
	traffic from "$([[ $1 == *:* ]] && echo "$CLIENT6" || echo "$CLIENT")"
	traffic to "$1" 80
	# it gets a cookie, for the local address
	assert_answers "1 good" open 1
	read -ra before <<<"$(early_so_far)"
	assert_answers "8 good" open 8
	assert_eq "with data" "$((before[0] + 8)) $((before[1] + 8))" \
		"$(early_so_far)"
	assert_answers 9 alive
	assert_answers 9 bulk 20000
	traffic reset
	result "$1: data in the SYN"

	# few ports, so that numbers are translated
	policy -t "$service" "$(pool "$1" | cut -d- -f1)" 20000-20003
	assert_answers "40 good" cycle 40 2
	assert_answers "20 good" cycle 20 2 client
	assert_ge "adjusted" 1 "$(counts adjusted -t "$service")"
	# a cookie is of one local address, and no good from the other
	policy -t "$service" "$(pool "$1")" 20000-29999
	assert_answers "8 good" open 8
	assert_answers 8 alive
	traffic reset
	result "$1: data in the SYN: ports used again, and other local addresses"
}

# in_state STATE: connections of the service, as fnatctl and as ipvsadm shows
# them; STATE as both spell it
in_state()
{
	echo "$(fnatctl session show -t "$service" | grep -cw "${1,,}")" \
		"$(ipvs -Lnc | awk -v state="${1//-/_}" -v service="$service" \
			'$3 == state && $5 == service' | wc -l)"
}

# It is noticed within a second
hardened()
{
	traffic close
	traffic tcp 1
	[ "$(in_state SYNACK)" = "1 1" ]
}

# secure ADDRESS
secure()
{
	service=$(service_of "$1" 81)
	fullnat_service -t "$1" 81 1
	traffic to "$1" 81 -t
	assert_ok "secure_tcp" busywait hardened
	traffic close
	assert_traffic "14 0 0" tcp 14
	assert_eq "the server has not acknowledged anything" "14 14" \
		"$(in_state SYNACK)"
	assert_traffic 14 alive
	assert_eq "it has" "14 14" "$(in_state ESTABLISHED)"
	traffic finish 0 7
	assert_eq "after the server's FIN" "7 7" "$(in_state FIN-WAIT)"
	assert_eq "the others" "7 7" "$(in_state ESTABLISHED)"
	assert_traffic 7 alive
	traffic close
	assert_eq "after resets" "0 0" "$(in_state ESTABLISHED)"
	assert_traffic "14 0 0" tcp 14
	assert_traffic 14 alive
	traffic close
	result "$1: secure_tcp"
}

require_fullnat ip_vs_rr bridge
plan 7
fullnat_topology 1
knob "${servers[0]}" ipv4/tcp_fastopen 1027
start_crowd
traffic up -t 80
traffic early on
early "$VIP"
early "$VIP6"
stop_traffic

knob "$director" ipv4/vs/secure_tcp 3
start_traffic traffic.py
secure "$VIP"
secure "$VIP6"

assert_kernel_content
result "the kernel has not complained"
