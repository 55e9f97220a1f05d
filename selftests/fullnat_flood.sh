#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Floods of SYNs and datagrams for DURATION seconds, from far more clients than
# there are ports. What has a connection keeps it, what comes is refused and
# counted one by one, other services notice nothing, and all is as before when
# the flood ends.
#
#   client ---------- director ------------ server1, server2
#   192.0.2.1         VIP 192.0.2.100       198.51.100.1, .2
#   100.64.0.0/10     LIP 198.51.100.201
#   2001:db8:f::/48

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"
# shellcheck source=crowd.sh
. "$HERE/crowd.sh"

# for each of two real servers
N=200
FLOODED=20000-20199 SPARED=21000-21199
ROUND=$((SLOWER > 1 ? 600 : 2000))

# services ADDRESS LADDR: the flooded ones, and one that has to be spared
services()
{
	policy -t "$(service_of "$1" 80)" "$2" "$FLOODED"
	policy -u "$(service_of "$1" 53)" "$2" "$FLOODED"
	policy -t "$(service_of "$1" 81)" "$2" "$SPARED"
	real_service -t "$(service_of "$1" 80)" "1 2"
	real_service -u "$(service_of "$1" 53)" "1 2"
	real_service -t "$(service_of "$1" 81)" "1 2"
}

# aim ADDRESS PORT [KIND]
aim()
{
	traffic from "$([[ $1 == *:* ]] && echo "$CLIENT6" || echo "$CLIENT")"
	traffic to "$@"
}

# bystanders ADDRESS: what must not notice
bystanders()
{
	assert_answers yes progress
	aim "$1" 81
	assert_answers "8 good" open 8
	assert_answers 8 alive
	traffic reset
	assert_eq "refused by the other service" 0 \
		"$(counts no-port -t "$(service_of "$1" 81)")"
}

connections_of_ipvs()
{
	on "$director" sed 1d /proc/net/ip_vs_conn | wc -l
}

# bounded: no more than the ports allow
bounded()
{
	traffic sessions
	assert_le "sessions" $((2 * N)) "$REPLY"
	# the spared ones, those that go on, and what is refused just now
	assert_le "connections of IPVS" $((2 * N * 4 + 500)) \
		"$(connections_of_ipvs)"
}

# given_up: ports that clients give up are used at once
given_up()
{
	local before

	traffic outcome
	before=${REPLY% *}
	assert_answers 20 give_up 20
	assert_answers exact storm $ROUND
	traffic outcome
	assert_ge "sessions so far" $((before + 20)) "${REPLY% *}"
}

# flood ADDRESS PORT KIND SECONDS NAME: exact to the last one
flood()
{
	local end memory

	aim "$1" 80
	assert_answers "2 good" open 2
	traffic download
	aim "$1" "$2" "$3"
	traffic begin
	assert_answers exact storm $ROUND
	traffic memory
	memory=$REPLY
	end=$((SECONDS + $4))
	while :; do
		assert_answers exact storm $ROUND
		bounded
		bystanders "$1"
		aim "$1" "$2" "$3"
		if [ "$3" = -t ]; then
			given_up
		fi
		assert_answers yes told
		[ "$SECONDS" -lt "$end" ] || break
		[ "$FAULTS" -eq 0 ] || break
	done
	traffic outcome
	note "$5: sessions and refusals: $REPLY"
	assert_ge "refusals" 1 "${REPLY#* }"
	traffic memory
	assert_le "KiB of slabs" $((memory + 8192)) "$REPLY"
	assert_answers right downloaded
	result "$5: refusals are exact, bystanders notice nothing"
}

# gone KIND SERVICE
gone()
{
	[ "$(fnatctl session show "$1" "$2" | grep -cE '^(tcp|udp) ')" = 0 ]
}

# flushed KIND SERVICE: what had a packet under way just now, as real servers
# answer SYNs again and again, is left to the next time
flushed()
{
	fnatctl session flush "$1" "$2" >/dev/null && gone "$1" "$2"
}

# again ADDRESS PORT KIND COUNT NAME
again()
{
	aim "$1" "$2" "$3"
	assert_answers "$4 good" open "$4"
	assert_answers "$4" alive
	traffic reset
	result "$5: new connections work at once"
}

# defend LEVEL: IPVS's own defence
defend()
{
	knob "$director" ipv4/vs/drop_entry "$1"
	knob "$director" ipv4/vs/drop_packet "$1"
}

require_fullnat ip_vs_rr bridge
plan 11
note "SEED=$SEED"
fullnat_topology 2
# its kernel drops what is for the forged ones
ip -n "$director" route add 100.64.0.0/10 via "$CLIENT"
ip -n "$director" route add 2001:db8:f::/48 via "$CLIENT6"
start_traffic flood.py
for port in -t:80 -t:81 -u:53; do traffic up "${port%:*}" "${port#*:}"; done
services "$VIP" "$(laddr 1)"
services "$VIP6" "$(laddr6 1)"

part=$((DURATION / 5 + 1))
for address in "$VIP" "$VIP6"; do
	name=$([[ $address == *:* ]] && echo IPv6 || echo IPv4)
	flood "$address" 80 -t "$part" "$name, SYNs"
	busywait flushed -t "$(service_of "$address" 80)" || fault "no flush"
	again "$address" 80 -t 100 "$name, flushed"
	# longer than it takes to use all ports
	ipvs --set 900 120 $((3 * SLOWER))
	flood "$address" 53 -u "$part" "$name, datagrams"
	busywait gone -u "$(service_of "$address" 53)" || fault "no end"
	ipvs --set 900 120 300
	again "$address" 53 -u $((2 * N)) "$name, after the timeout of UDP"
done

# Connections in SYN_RECV go at random, and every 10th packet that begins one is
# dropped before it comes to us.
defend 3
aim "$VIP" 80
assert_answers "2 good" open 2
traffic download
aim "$VIP" 80
traffic begin
end=$((SECONDS + part))
while [ "$SECONDS" -lt "$end" ]; do
	assert_answers exact storm $ROUND 10
	bounded
	assert_answers yes progress
done
assert_answers yes told
traffic outcome
note "with the defence: sessions and refusals: $REPLY"
assert_answers right downloaded
defend 0
result "with drop_entry and drop_packet, the same"

fnatctl session flush >/dev/null || fault "no flush"
for address in "$VIP" "$VIP6"; do
	aim "$address" 81
	assert_answers "100 good" open 100
	traffic reset
done
result "and after that"

ipvs -C
assert_eq "sessions" 0 "$(fnatctl session flush >/dev/null
	fnatctl session show | grep -cE '^(tcp|udp) ')"
assert_kernel_content
result "nothing is left"
