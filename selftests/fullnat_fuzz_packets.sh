#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Hostile packets at both sides of the director for DURATION seconds, beside
# connections and flows that must live: headers cut off and lying, options,
# fragments, ICMP errors, forged replies, flags, what virtio says of packets.
# Nothing is sent to anyone whom it was not for, nothing is mended or mixed, and
# all that is counted comes out.
#
#   client ---------- director ------------ server1, server2
#   192.0.2.1 .. .4   VIP 192.0.2.100       198.51.100.1, .2
#                     LIP 198.51.100.201, .202

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"
# shellcheck source=crowd.sh
. "$HERE/crowd.sh"

# of these services the latter two have few ports, and numbers are translated
PORTS=(-t:80 -u:53 -t:81 -u:54)

# services ADDRESS
services()
{
	local one kind port options

	for one in "${PORTS[@]}"; do
		kind=${one%:*} port=${one#*:} options=()
		case $port in
		81) options=(--ports 20000-20004) ;;
		54) options=(--ports 20000-20004 --udp-timeout 3) ;;
		esac
		fnatctl service add "$kind" "$(service_of "$1" "$port")" \
			--laddr "$(pool "$1")" "${options[@]}" ||
			die "cannot add a policy"
		real_service "$kind" "$(service_of "$1" "$port")" "1 2"
		traffic service "$kind" "$1" "$port" ${options[0]+scarce}
	done
}

# connections ADDRESS COUNT PORT...: so many of each service
connections()
{
	local one

	traffic from "$([[ $1 == *:* ]] && echo "$CLIENT6" || echo "$CLIENT")"
	for one in "${@:3}"; do
		traffic to "$1" "${one#*:}" "${one%:*}"
		assert_answers "$2 good" open "$2"
	done
}

# hostile SECONDS [LIES]: in slices, each of which can be repeated
hostile()
{
	local end=$((SECONDS + $1)) slice=0 sent=0

	traffic to "$VIP" 80
	traffic from "$CLIENT"
	while [ "$SECONDS" -lt "$end" ] && [ "$FAULTS" -eq 0 ]; do
		slice=$((slice + 1))
		traffic fuzz "$(($1 < 10 ? $1 : 10))" "$SEED.$slice" "${@:2}"
		if [[ $REPLY =~ ^[0-9]+$ ]]; then
			sent=$((sent + REPLY))
		else
			fault "$REPLY"
		fi
		assert_answers 0 faults
	done
	traffic taken
	note "packets: $sent, and $REPLY with headers of virtio so far"
}

comma()
{
	local IFS=,
	echo "$*"
}

unload_fullnat()
{
	rmmod ip_vs_fullnat
}

flushed()
{
	[ "$(fnatctl session show | grep -cE '^(tcp|udp) ')" = 0 ]
}

require_fullnat ip_vs_rr bridge
plan 6
note "SEED=$SEED"
fullnat_topology 2
for n in 2 3 4; do
	ip -n "$client" address add "192.0.2.$n/24" dev eth0
	ip -n "$client" address add "2001:db8:1::$n/64" dev eth0 nodad
done
start_traffic fuzz_packets.py
traffic world "$(comma 192.0.2.{1..4} 2001:db8:1::{1..4})" \
	"$(comma ${NET}{1,2} ${NET6}{1,2})" \
	"$(comma "$(laddr 1)" "$(laddr 2)" "$(laddr6 1)" "$(laddr6 2)")" \
	"$(comma "$VIP" "$VIP6")" \
	"$(comma 192.0.2.254 "${NET}254" 2001:db8:1::254 "${NET6}254")"
for port in "${PORTS[@]}"; do
	traffic up "${port%:*}" "${port#*:}"
done
for address in "$VIP" "$VIP6"; do services "$address"; done

for address in "$VIP" "$VIP6"; do
	connections "$address" 4 "${PORTS[@]:0:2}"
done
assert_answers 16 live
for address in "$VIP" "$VIP6"; do
	connections "$address" 6 "${PORTS[@]}"
done
fnatctl stats reset
traffic forget_seen
result "connections that must live, and such that may die"

hostile $((DURATION * 3 / 4))
result "nothing is sent to anyone whom it was not for"

assert_answers equal settle
assert_answers 0 waited
assert_answers 0 lost
assert_answers 0 faults
traffic counted
note "$REPLY"
for what in request reply "icmp to client" "icmp to server" marked; do
	traffic seen "$what"
	note "$what: $REPLY"
done
assert_answers 16 living
result "what was counted has come out, what is whole has, and nothing more"

hostile $((DURATION / 4 + 1)) lies
assert_answers 16 living
result "headers of virtio that lie"

traffic end
connections "$VIP" 8 "${PORTS[@]:0:2}"
connections "$VIP6" 8 "${PORTS[@]:0:2}"
assert_answers 32 alive
traffic reset
result "new connections work as ever"

fnatctl session flush >/dev/null || fault "no flush"
busywait flushed || fault "sessions are left"
for address in "$VIP" "$VIP6"; do
	for port in "${PORTS[@]}"; do
		fnatctl service del "${port%:*}" \
			"$(service_of "$address" "${port#*:}")"
	done
done
busywait unload_fullnat || fault "the module does not unload"
assert_kernel_content
result "nothing is left, and the module unloads"
