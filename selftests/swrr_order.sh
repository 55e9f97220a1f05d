#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The order in which real servers get datagrams of a one-packet service: each
# within one of its share at all times, exact in every cycle, no longer runs
# than the weights force. Stock wrr on the same weights is printed beside it.
#
#   client --------- director -------- server (100 addresses, one process)
#   192.0.2.1        VIP 192.0.2.100   198.51.100.1 .. 100
#                    2001:db8:1::100   2001:db8:2::1 .. 100

. "$(dirname "$0")/lib.sh"

# beside WEIGHTS PICKS: what stock wrr does with the same
beside()
{
	installed ip_vs_wrr || return
	virtual_service -u "$VIP:54" wrr "$1" -o
	traffic to "$VIP" 54
	traffic udp "$2"
	traffic run
	local run=$REPLY
	traffic lag "$1"
	note "  wrr, $2 picks: longest run $run, largest lag $REPLY"
	ipvs -D -u "$VIP:54"
}

# order NAME WEIGHTS CYCLES PICKS RUN: PICKS are the CYCLES' picks together
order()
{
	local name=$1 weights=$2 cycles=$3 picks=$4 run=$5

	virtual_service -u "$VIP:53" "$SCHED" "$weights" -o
	traffic to "$VIP" 53
	assert_traffic "$picks 0 0" udp "$picks"
	assert_traffic yes smooth "$weights"
	assert_traffic yes cycles "$weights"
	assert_traffic yes repeats "$weights"
	traffic lag "$weights"
	note "$name: $SCHED, $picks picks: largest lag $REPLY"
	traffic run
	assert_le "longest run" "$run" "$REPLY"
	beside "$weights" $((picks < 3000 ? picks : 3000))
	result "$name: smooth, exact in $cycles cycles, runs of at most $run"
}

require ip ipvsadm
require_modules ip_vs "ip_vs_$SCHED"
plan 10
topology 1 100
start_traffic traffic.py

order '5,1,1' 5,1,1 4 28 3
order '3,2' 3,2 4 20 2
order '4,3,2' 4,3,2 4 36 2
order '1,1,1' 1,1,1 4 12 1

mixed=$(weights 16 1 100 1)
total=$((${mixed//,/+}))
order "16 servers of weight 1..100" "$mixed" 2 $((2 * total)) 1

# Weights without a common factor behave like themselves divided by it.
order '20,8,12' 20,8,12 4 40 1

heavy=10000,$(same 99 1)
order '10000 and 99 times 1' "$heavy" 2 20198 102

virtual_service -u "[$VIP6]:53" "$SCHED" 5,3,1 -o
traffic to "$VIP6" 53
assert_traffic "36 0 0" udp 36
assert_traffic yes smooth 5,3,1
assert_traffic yes cycles 5,3,1
assert_traffic "20 12 4" counts 3
result "IPv6: 5,3,1 is smooth and exact in 4 cycles"

# The sequence is the service's, not the client's: two ports, one order.
virtual_service -u "$VIP:53" "$SCHED" 3,2,2 -o
virtual_service -u "$VIP:54" "$SCHED" 3,2,2 -o
traffic to "$VIP" 53
assert_traffic "7 0 0" udp 7
traffic picks
first=$REPLY
traffic to "$VIP" 54
traffic udp 7
assert_traffic "$first" picks
traffic to "$VIP" 53
traffic udp 7
assert_traffic "$first" picks
result "services with the same weights have the same order of their own"

# Whoever draws which turn, each is drawn once.
virtual_service -u "$VIP:53" "$SCHED" 5,1,1 -o
traffic to "$VIP" 53
assert_traffic "14000 0 0" parallel 14000
assert_traffic "10000 2000 2000" counts 3
virtual_service -u "$VIP:53" "$SCHED" "$mixed" -o
traffic to "$VIP" 53
assert_traffic "$((2 * total)) 0 0" parallel $((2 * total))
assert_traffic yes exact "$mixed"
result "from all processors at once: exact shares"
