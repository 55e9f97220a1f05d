#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The module's life: nobody can unload it in use, a flush and a deletion make it
# free, and then nothing is left; namespaces that die with sessions and traffic;
# loading and unloading beside traffic; another module that is in the way.
#
#   client ---------- director ------------ server1
#   192.0.2.1         VIP 192.0.2.100       198.51.100.1
#                     LIP 198.51.100.201
#
# The real server knows a way to the client by the director, which forwards, so
# that stock forwarding works as well.

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"
# shellcheck source=crowd.sh
. "$HERE/crowd.sh"

MODULE=ip_vs_fullnat
# of the same length
OTHER=ip_vs_fullnaX
PORTS=10000-19999

# assert_busy NAME: it cannot be unloaded
assert_busy()
{
	local output

	output=$(rmmod "$MODULE" 2>&1) && fault "$1: unloaded"
	assert_match "$1: rmmod" "in use" "$output"
	assert_ok "$1: still loaded" loaded "$MODULE"
}

# assert_unloads NAME: within seconds
assert_unloads()
{
	DEADLINE=$((15 * SLOWER)) busywait rmmod "$MODULE" 2>/dev/null ||
		fault "$1: users: $(cat "/sys/module/$MODULE/refcnt")"
	assert_fails "$1: loaded" loaded "$MODULE"
}

# users of ip_vs, by name
users()
{
	awk '$1 == "ip_vs" { print $4 }' /proc/modules
}

# assert_nothing_left NAME: and packets pass by where it was
assert_nothing_left()
{
	assert_eq "$1: users of ip_vs" "$USERS" "$(users)"
	assert_fails "$1: folder in sysfs" test -e "/sys/module/$MODULE"
	traffic to "$VIP" 53 -u
	assert_answers "2 good" open 2
	traffic to "$VIP" 80
	assert_answers "2 good" open 2
	assert_seen "$CLIENT"
	traffic reset 4
	assert_kernel_content
}

services()
{
	for port in 80 81; do real_service -t "$VIP:$port" 1; done
	real_service -u "$VIP:53" 1
	real_service -t "[$VIP6]:80" 1
}

# make_director: the topology, once more, with services and traffic
make_director()
{
	servers=()
	fullnat_topology 1
	knob "$director" ipv4/ip_forward 1
	ip -n "${servers[0]}" route add 192.0.2.0/24 via "${NET}254"
	services
	start_crowd
	traffic up -t 80
	traffic up -t 81
	traffic up -u 53
}

policies()
{
	policy -t "$VIP:80" "$(laddr 1)" "$PORTS"
	policy -u "$VIP:53" "$(laddr 1)" "$PORTS"
	policy -t "[$VIP6]:80" "$(laddr6 1)" "$PORTS"
}

no_policies()
{
	fnatctl restore <<<'# none' || fault "fnatctl restore"
}

# sessions of all kinds: live ones, closed ones, ghosts
sessions()
{
	traffic to "$VIP" 53 -u
	assert_answers "20 good" open 20
	traffic from "$CLIENT6"
	traffic to "$VIP6" 80
	assert_answers "20 good" open 20
	traffic from "$CLIENT"
	traffic to "$VIP" 80
	assert_answers "20 good" cycle 20 4
	fnatctl session flush >/dev/null
	traffic close
	assert_answers "20 good" cycle 20 4
	assert_answers "20 good" cycle 20 4 client
	assert_answers "20 good" open 20
}

require_fullnat ip_vs_rr bridge
require rmmod modprobe modinfo
plan 12
make_director
assert_ok "unload it" rmmod "$MODULE"
USERS=$(users)
assert_nothing_left "before"
assert_eq "policies" '' "$(fnatctl service show)"
assert_ok "fnatctl has it loaded" loaded "$MODULE"
assert_unloads "never used"
assert_nothing_left "never used"
result "loaded and unloaded: nothing is left"

for bits in 7 25; do
	assert_fails "session_tab_bits=$bits" \
		modprobe "$MODULE" "session_tab_bits=$bits"
	assert_match "kernel log" "session_tab_bits=$bits: give 8 to 24" \
		"$(kernel_log | grep "$MODULE: " | tail -n 1)"
	assert_fails "session_tab_bits=$bits: loaded" loaded "$MODULE"
done
# 256 lists for 400 sessions
assert_ok "modprobe" modprobe "$MODULE" session_tab_bits=8
assert_eq "parameter" 8 \
	"$(cat "/sys/module/$MODULE/parameters/session_tab_bits")"
policies
traffic to "$VIP" 80
assert_answers "400 good" open 400
assert_answers 400 alive
assert_match "flush" '^400 sessions flushed' "$(fnatctl session flush)"
no_policies
assert_unloads "with a small table"
traffic reset
assert_nothing_left "with a small table"
result "session_tab_bits: wrong ones are refused, the least one works"

modprobe "$MODULE"
policies
assert_busy "with policies"
no_policies
assert_unloads "policies deleted"
assert_nothing_left "policies deleted"
result "in use by a policy"

modprobe "$MODULE"
policies
sessions
no_policies
assert_busy "with sessions"
assert_answers 20 alive
assert_match "flush" '^[1-9][0-9]* sessions flushed' "$(fnatctl session flush)"
assert_unloads "sessions flushed"
assert_nothing_left "sessions flushed"
traffic reset
result "in use by sessions: a flush and a deletion make it free"

modprobe "$MODULE"
policies
sessions
ipvs -C
assert_busy "with sessions of no service"
fnatctl session flush >/dev/null
no_policies
assert_unloads "no service"
traffic reset
services
assert_nothing_left "no service"
result "services go first: a flush and a deletion make it free"

modprobe "$MODULE"
policies
traffic to "$VIP" 80
traffic flood 4
flood_on 20
for ((n = 0; n < 10; n++)); do assert_busy "under traffic"; done
flood_on 20
traffic calm
assert_match "the flood" '^[0-9]+ good$' "$REPLY"
result "under traffic it stays, and nothing is lost"

# From FULLNAT to stock forwarding, under traffic

traffic flood 4
flood_on 20
no_policies
flood_on 20
traffic calm
assert_match "the flood" '^[0-9]+ good$' "$REPLY"
assert_answers "4 good" open 4
assert_seen "$CLIENT"
fnatctl session flush >/dev/null
assert_unloads "after traffic"
assert_answers 4 alive
assert_answers "4 good" open 4
assert_seen "$CLIENT"
traffic reset
assert_nothing_left "after traffic"
result "without a policy, and without the module, IPVS is as it was"

# Beside traffic of a service that is none of its business

traffic to "$VIP" 81
traffic flood 4
for ((n = 0; n < 12; n++)); do
	traffic to "$VIP" 81
	flood_on 5
	modprobe "$MODULE" || fault "modprobe"
	fnatctl service add -t "$VIP:80" --laddr "$(laddr 1)" ||
		fault "service add"
	traffic to "$VIP" 80
	assert_answers "4 good" open 4
	assert_seen "$(laddr 1)"
	fnatctl service del -t "$VIP:80" || fault "service del"
	fnatctl session flush >/dev/null
	assert_unloads "round $n"
	traffic reset
done
traffic calm
assert_match "the flood" '^[0-9]+ good$' "$REPLY"
assert_nothing_left "12 rounds"
result "loaded, used and unloaded 12 times beside traffic: nothing is lost"

# Another module is in the way: this one with another name.

file=$(mktemp)
defer rm -f "$file"
sed "s/$MODULE/$OTHER/g" "$(modinfo -n "$MODULE")" >"$file"
defer rmmod "$OTHER"
modprobe "$MODULE"
assert_fails "insmod" insmod "$file"
assert_match "kernel log" "another module.*\[$MODULE\].*unload it first" \
	"$(kernel_log | grep "$OTHER: ")"
assert_unloads "beside another"
assert_nothing_left "beside another"
assert_ok "insmod" insmod "$file"
assert_fails "modprobe" modprobe "$MODULE"
assert_match "kernel log" "another module.*\[$OTHER\].*unload it first" \
	"$(kernel_log | grep "$MODULE: ")"
assert_fails "loaded" loaded "$MODULE"
assert_ok "rmmod" rmmod "$OTHER"
assert_nothing_left "another"
assert_ok "modprobe" modprobe "$MODULE"
assert_unloads "after another"
result "where another module has bound IPVS, it says so and does not load"

# Namespaces

modprobe "$MODULE"
policies
assert_eq "policies elsewhere" '' \
	"$("$FNATCTL" --netns "$client" service show)"
sessions
traffic to "$VIP" 80
traffic flood 4
flood_on 20
ip netns del "$director"
busywait rmmod "$MODULE" 2>/dev/null ||
	fault "users: $(cat "/sys/module/$MODULE/refcnt")"
traffic calm
stop_traffic
assert_kernel_content
result "a namespace deleted with sessions and traffic lets go of the module"

modprobe "$MODULE"
make_director
policies
sessions
other=$director
traffic forget
stop_traffic
make_director
policies
traffic to "$VIP" 80
traffic flood 4
flood_on 20
ip netns del "$other"
flood_on 40
traffic calm
assert_match "the flood" '^[0-9]+ good$' "$REPLY"
assert_busy "in another namespace"
assert_answers "4 good" open 4
assert_seen "$(laddr 1)"
result "a namespace deleted beside another: nothing is lost there"

no_policies
fnatctl session flush >/dev/null
busywait rmmod "$MODULE" 2>/dev/null || fault "rmmod"
assert_nothing_left "two namespaces"
result "and both are gone: nothing is left"
