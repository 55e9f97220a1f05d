#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What happens at once, on two processors, for SECONDS= and drawn from SEED=:
# packets of the same client that begin, reset and answer the same connections;
# real connections from client ports that are used again at once, through few
# local ports; sessions that end while they are listed; policies and services
# that are deleted and made while connections are bound; connections that the
# sync daemon makes meanwhile; namespaces that end under traffic. Nothing is
# lost by others, or goes where it does not belong, and all of it ends.
#
#   client ------+                +------ server1, server2
#   192.0.2.1    |                |       198.51.100.1, 2
#                director --------+
#   still        | VIPs 192.0.2.100, 203.0.113.100
#   203.0.113.1 -+ LIPs 198.51.100.201-202, 10.9.0.201-204
#                |
#                +--------- calm 10.9.0.1

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"
# shellcheck source=still.sh
. "$HERE/still.sh"

LOADED=" $(cut -d' ' -f1 /proc/modules | tr '\n' ' ')"

# race NAME KIND...: these kinds at once
race()
{
	traffic race "$SHARE" "${@:2}"
	note "$REPLY"
	[[ $REPLY != *-* ]] || fault "somebody died"
	assert_kernel_content
	result "$1"
}

require_fullnat ip_vs_rr bridge
require rmmod
plan 12
note "SEED=$SEED SECONDS=$DURATION"
SHARE=$(((DURATION + 4) / 5))
fullnat_topology 2
still_group
stock_routes
# longer than any answer takes on a busy machine; policies have shorter ones
ipvs --set 20 1 60
# who sends faster than packets are worked off has none of others dropped
backlog=/proc/sys/net/core/netdev_max_backlog
defer sh -c "echo $(cat $backlog) >$backlog"
echo 100000 >$backlog
servers+=("$still" "$calm")
start_traffic fullnat_race.py
traffic begin
traffic go

race "the same tuple from two processors, and answers to it" forge
race "expiry and flushes during dumps" forge storm flush
race "policies and services that come and go while connections are bound" \
	forge storm edit
traffic daemons
race "connections that the sync daemon makes while policies change" \
	forge storm edit sync flush
traffic no_daemons
race "namespaces that end under traffic" storm edit flush namespaces
traffic namespaces
assert_match "namespaces" '^[1-9][0-9]* made$' "$REPLY"

traffic storms
note "$REPLY"
# a fault would be told after a colon
assert_match "real connections" '^[1-9][0-9]* good; [^:]*$' "$REPLY"
result "no answer of another, and no wrong byte"

traffic mend
assert_still
result "who has nothing to do with it loses nothing"

traffic talk 100
assert_match "all is whole again" '^[1-9][0-9]+ good; $' "$REPLY"
result "afterwards all is as before"

assert_adds_up
traffic sessions
assert_ge "sessions" 1 "$REPLY"
result "created = ended + live; used ports are live sessions"

assert_empties
result "flushed, all have ended"

assert_goes ip_vs_fullnat
result "the module can be unloaded"

assert_all_goes "$LOADED"
result "and so can IPVS; no namespace is left"
