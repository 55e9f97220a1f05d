#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Everything is edited while connections go on, for SECONDS= and drawn from
# SEED=: policies, local addresses, services, real servers, schedulers, links,
# addresses, routes, MTUs, sysctls, sessions, whole namespaces. What nobody
# edits loses nothing, what is edited never gets a wrong byte, and in the end
# all counters add up and all of it goes away.
#
#   client ------+                +------ server1, server2
#   192.0.2.1    |                |       198.51.100.1, 2
#                director --------+
#   still        | VIPs 192.0.2.100, 203.0.113.100
#   203.0.113.1 -+ LIPs 198.51.100.201-206, 10.9.0.201-204
#                |
#                +--------- calm 10.9.0.1
#
# Nobody edits what is between still and calm.

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"
# shellcheck source=still.sh
. "$HERE/still.sh"

LOADED=" $(cut -d' ' -f1 /proc/modules | tr '\n' ' ')"

require_fullnat ip_vs_rr ip_vs_wrr ip_vs_wlc ip_vs_sh bridge
require rmmod
plan 9
note "SEED=$SEED SECONDS=$DURATION"
fullnat_topology 2 6
still_group
stock_routes
# longer than any answer takes on a busy machine; policies have shorter ones
ipvs --set 20 4 60
servers+=("$still" "$calm")
start_traffic fullnat_churn.py

traffic begin
traffic churn "$DURATION"
note "$REPLY changes:"
traffic changes
note "$REPLY"
traffic mend
assert_still
result "who is not edited loses nothing"

traffic stop
note "who was edited: $REPLY"
# a fault would be told after a colon
assert_match "who was edited" '^[1-9][0-9]+ good; [^:]*$' "$REPLY"
result "who is edited gets no wrong byte, and nobody else's"

traffic namespaces
assert_match "namespaces" '^[1-9][0-9]* made$' "$REPLY"
result "namespaces of a moment serve, and go with all that they have"

traffic talk 300
assert_match "all is whole again" '^[1-9][0-9]+ good; $' "$REPLY"
result "what was mended serves as before"

assert_adds_up
traffic sessions
assert_ge "sessions" 1 "$REPLY"
result "created = ended + live; used ports are live sessions"

assert_empties
result "flushed, all have ended"

traffic phases $((DURATION / 4))
note "unloaded and loaded $REPLY"
assert_match "the module" '^[1-9][0-9]* times; [1-9][0-9]* good; [^:]*$' \
	"$REPLY"
result "it is unloaded and loaded beside traffic, which gets no wrong byte"

assert_goes ip_vs_fullnat
result "the module can be unloaded"

assert_all_goes "$LOADED"
result "and so can IPVS, with all schedulers; no namespace is left"
