#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Full real servers give up their turns, the others get them by weight, and
# who comes back gets no more than its share. Full is what the thresholds of
# IPVS say and, by the scheduler flags, who has as many connections as weight.
#
#   client --------- director -------- server (100 addresses, one process)
#   192.0.2.1        VIP 192.0.2.100   198.51.100.1 .. 100
#
# Most services here are of a mark: TCP connections fill the real servers, and
# datagrams, scheduled one by one, show the turns without adding to the load.

. "$(dirname "$0")/lib.sh"

# marked WEIGHTS: a one-packet service of mark 1
marked()
{
	virtual_service -f 1 "$SCHED" "$1" -o
	traffic to "$VIP" 8000 1
}

# limit WEIGHTS FIRST LAST UPPER [LOWER]: thresholds of some real servers
limit()
{
	local all n

	IFS=, read -ra all <<<"$1"
	for ((n = $2; n <= $3; n++)); do
		traffic weight "$n" "${all[n - 1]}" "${@:4}"
	done
}

# flood_until_return SERVER LOAD MORE: goes on while connections run out, and
# for MORE datagrams after; at the return, $SENT had been sent
flood_until_return()
{
	traffic flood udp
	busywait settled "$2" "$1" || fault "server $1 stayed full"
	flood_on "$3"
	traffic calm
	assert_match "datagrams" '^[0-9]+ 0 0$' "$REPLY"
}

# service KIND WEIGHTS [OPTION...]: on a port of its own, for real servers that
# come back to a port come back with the connections that they had there
service()
{
	PORT=$((PORT + 1))
	virtual_service "$1" "$VIP:$PORT" "${SCHEDULER:-$SCHED}" "${@:2}"
	traffic to "$VIP" "$PORT" "$1"
}
PORT=1000

require ip ipvsadm nft
require_modules ip_vs "ip_vs_$SCHED"
plan 20
topology 1 100
start_traffic traffic.py
on "$director" nft -f - <<-END
	table ip marks {
		chain prerouting {
			type filter hook prerouting priority mangle
			ip daddr $VIP th dport 8000 meta mark set 1
		}
	}
END
# Connections run out one second after the server's FIN, UDP ones after two.
ipvs --set 0 1 2

# Full by thresholds

mixed=$(weights 16 1 10 5)
total=$((${mixed//,/+}))
marked "$mixed"
limit "$mixed" 1 8 1
assert_traffic "$total 0 0" tcp "$total"
traffic counts 16
assert_match "connections of the limited" '^1 1 1 1 1 1 1 1 ' "$REPLY"
assert_traffic "1000 0 0" udp 1000
assert_traffic yes absent 1,2,3,4,5,6,7,8
traffic all
assert_traffic yes shared "$mixed" 9,10,11,12,13,14,15,16
result "half of 16 full: the others get the turns by weight"

traffic finish
flood_until_return 0 1 $((2 * total))
traffic run
assert_le "longest run" 2 "$REPLY"
# Connections do not end all at once; who is back first has more than its share
# until the last one is.
traffic since "$SENT"
assert_traffic yes modest "$mixed" 1,2,3,4,5,6,7,8
traffic counts 8
assert_match "all eight are back" '^([1-9][0-9]* ?){8}$' "$REPLY"
result "half of 16 come back without a burst"

marked 5,1,1
limit 5,1,1 1 1 5
assert_traffic "7 0 0" tcp 7
assert_traffic "5 1 1" counts 3
assert_traffic "20 0 0" udp 20
assert_traffic "0 10 10" counts 3
assert_traffic 1 run
traffic finish
flood_until_return 1 0 70
assert_traffic yes modest 5,1,1 1
traffic run
assert_le "longest run" 3 "$REPLY"
assert_traffic "70 0 0" udp 70
assert_traffic "50 10 10" counts 3
assert_traffic yes cycles 5,1,1
assert_traffic 3 run
result "5,1,1: the heavy one full, then back: 1,1 and 5,1,1, no longer run"

marked 1,1
limit 1,1 1 1 4 2
assert_traffic "8 0 0" tcp 8
assert_traffic "4 4" counts 2
traffic finish 1 2
busywait settled 2 1 || fault "two connections did not end"
assert_traffic "10 0 0" udp 10
assert_traffic "0 10" counts 2
traffic finish 1 1
busywait settled 1 1 || fault "one connection did not end"
assert_traffic "10 0 0" udp 10
assert_traffic "5 5" counts 2
result "-x 4 -y 2: full from 4 connections on, and until there is but one"

service -t 2,1
limit 2,1 1 2 2
assert_traffic "4 0 0" tcp 4
assert_traffic "2 2" counts 2
assert_traffic "0 3 0" tcp 3
traffic finish 2 1
busywait settled 1 2 || fault "the connection did not end"
assert_traffic "1 2 0" tcp 3
assert_traffic "2 0 0" picks
assert_traffic 4 alive
result "TCP: all full, refused; one connection less, one more accepted"

traffic weight 1 2 3 0
assert_traffic "1 1 0" tcp 2
assert_traffic "1 0" picks
result "a threshold raised lets in at once"

service -u 1,1
limit 1,1 1 2 3
assert_traffic "6 2 0" flows 8
assert_traffic "3 3" counts 2
busywait settled 0 || fault "the flows did not end"
assert_traffic "6 2 0" flows 8
assert_traffic "3 3" counts 2
result "UDP: all full, refused; accepted again when the flows have ended"

# Full by weight

service -t 4,2,1 -b flag-1,flag-2
assert_traffic "7 0 0" tcp 7
assert_traffic "4 2 1" counts 3
assert_traffic "0 3 0" tcp 3
assert_traffic 7 alive
result "flag-1,flag-2: as many connections as weight, then refused"

traffic finish 2 1
assert_traffic "1 1 0" tcp 2
assert_traffic "2 0" picks
traffic finish
assert_traffic "7 0 0" tcp 7
assert_traffic "4 2 1" counts 3
result "flag-1,flag-2: who has closed does not count"

ipvs -E -t "$VIP:$PORT" -s "$SCHED" -b flag-1
assert_traffic "14 0 0" tcp 14
assert_traffic "8 4 2" counts 3
ipvs -E -t "$VIP:$PORT" -s "$SCHED" -b flag-1,flag-2
assert_traffic "0 1 0" tcp 1
ipvs -E -t "$VIP:$PORT" -s "$SCHED"
assert_traffic "7 0 0" tcp 7
result "flag-1 alone: all at their weight, turns by weight; -E counts at once"

service -t 2,1 -b flag-1
limit 2,1 1 1 3
assert_traffic "3 0 0" tcp 3
assert_traffic "2 1" counts 2
assert_traffic "9 0 0" tcp 9
assert_traffic "1 8" counts 2
result "flag-1 alone: the thresholds hold when all are at their weight"

service -t 4,2,1 -b flag-1,flag-2,flag-3
assert_traffic "7 0 0" tcp 7
traffic finish
assert_traffic "0 3 0" tcp 3
busywait settled 0 || fault "the connections did not end"
assert_traffic "7 0 0" tcp 7
assert_traffic "4 2 1" counts 3
result "flag-3: who has closed counts until its connection has ended"

service -u 4,2,1 -b flag-1,flag-2
assert_traffic "7 2 0" flows 9
assert_traffic "4 2 1" counts 3
assert_traffic yes again
result "UDP, flag-1,flag-2: every flow counts"

# Work per pick

# slowest_connect SCHEDULER WEIGHT CONNECTIONS: the heavy one is full
slowest_connect()
{
	SCHEDULER=$1 service -t 1,1
	traffic weight 1 "$2" 1
	traffic tcp 2
	while traffic counts 2 && [ "${REPLY% *}" -eq 0 ]; do
		traffic tcp 1
	done
	assert_traffic "$3 0 0" tcp "$3"
	assert_traffic "0 $3" counts 2
	traffic slowest
}

slowest_connect "$SCHED" 2147483647 20
assert_le "milliseconds of a connect" $((100 * SLOWER)) "$REPLY"
note "weights 2147483647 (full) and 1: $SCHED $REPLY ms"
# Not every kernel sees before the next connection that a new threshold is past.
traffic weight 2 1 1
traffic tcp 1
assert_traffic "0 20 0" tcp 20
traffic slowest
assert_le "milliseconds of a refusal" $((100 * SLOWER)) "$REPLY"
if installed ip_vs_wrr; then
	slowest_connect wrr 20000000 1
	note "weights 20000000 (full) and 1: wrr $REPLY ms"
fi
ipvs -C
result "a full server of weight 2^31-1 does not slow the others down"

many=$(same 100 1)
marked "$many"
limit "$many" 1 90 1
assert_traffic "100 0 0" tcp 100
assert_traffic "500 0 0" udp 500
assert_traffic yes absent "$(seq -s, 90)"
traffic all
assert_traffic yes shared "$many" "$(seq -s, 91 100)"
result "90 of 100 full: the ten others in turn"

traffic finish
flood_until_return 0 1 280
traffic since "$SENT"
assert_traffic yes modest "$many" "$(seq -s, 90)"
traffic counts 100
assert_match "all are back" '^([1-9][0-9]* ?){100}$' "$REPLY"
result "90 of 100 come back within 64 picks and a cycle, without a burst"

assert_traffic "1000 0 0" udp 1000
assert_traffic yes cycles "$many"
assert_traffic 1 run
result "all of 100 back: exact cycles again"

# Cycles that are kept, longer than what a search walks; and such as are not

# rest_shares NAME WEIGHTS FULL: the first so many of them are full
rest_shares()
{
	local servers left

	read -ra servers <<<"${2//,/ }"
	left=$(seq -s, $(($3 + 1)) ${#servers[@]})
	limit "$2" 1 "$3" 1
	assert_traffic "400 0 0" tcp 400
	traffic counts "$3"
	assert_match "connections of the limited" '^(1 ?)+$' "$REPLY"
	assert_traffic "600 0 0" udp 600
	assert_traffic yes absent "$(seq -s, "$3")"
	assert_traffic yes shared "$2" "$left"
	traffic finish
	# until all others are back, the first get more than they do later
	flood_until_return 0 1 $((10 * ${#servers[@]}))
	traffic since "$SENT"
	assert_traffic yes modest "$2" "$(seq -s, "$3")"
	result "$1: the others get the turns by weight, and who comes back its own"
}

long=$(weights 100 30 60 3)
total=$((${long//,/+}))
marked "$long"
assert_traffic "$((2 * total)) 0 0" udp $((2 * total))
assert_traffic yes cycles "$long"
assert_traffic yes repeats "$long"
rest_shares "97 of 100 full in a cycle of $total" "$long" 97

huge=$(weights 60 900000 1000000 4)
marked "$huge"
rest_shares "50 of 60 full in a cycle of $((${huge//,/+}))" "$huge" 50

heavy=10000,$(same 99 1)
marked "$heavy"
limit "$heavy" 1 1 10
assert_traffic "20 0 0" tcp 20
assert_traffic "198 0 0" udp 198
assert_traffic yes absent 1
assert_traffic 1 run
traffic finish
flood_until_return 1 0 500
assert_traffic yes modest "$heavy" 1
traffic run
assert_le "longest run" 102 "$REPLY"
assert_traffic "10099 0 0" udp 10099
assert_traffic yes cycles "$heavy"
traffic run
assert_le "longest run" 102 "$REPLY"
result "10000 and 99 times 1: the heavy one back, runs of at most 102"
