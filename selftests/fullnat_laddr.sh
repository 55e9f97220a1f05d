#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Local addresses come and go under traffic, and nothing breaks: drained ones
# take no new connection, those that are gone keep what they have.
#
#   client ---------- director ---------------- server1, server2
#   192.0.2.1         VIP 192.0.2.100           198.51.100.1, .2
#                     LIP 198.51.100.201 .. 208

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"
# shellcheck source=crowd.sh
. "$HERE/crowd.sh"

PORTS=10000-19999

# laddrs FIRST LAST: in one line, as the crowd says them
laddrs()
{
	local n list=()

	for ((n = $1; n <= $2; n++)); do list+=("$(laddr "$n")"); done
	echo "${list[*]}"
}

# calm: the flood ends, and nothing was lost in it
calm()
{
	traffic calm
	assert_match "the flood" '^[0-9]+ good$' "$REPLY"
}

# assert_sessions LADDR...: fnatctl knows as many of each as the crowd
assert_sessions()
{
	local n=0 laddr expected filter

	traffic held_at "$@"
	read -ra expected <<<"$REPLY"
	for laddr; do
		filter=$laddr
		[[ $laddr != *:* ]] || filter="[$laddr]"
		assert_ge "sessions of $laddr" "${expected[n]}" \
			"$(counts_at sessions "$laddr")"
		assert_eq "established of $laddr" "${expected[n]}" \
			"$(fnatctl session show --laddr "$filter" |
				grep -c established)"
		n=$((n + 1))
	done
}

# gone LADDR: is it known no more?
gone()
{
	[ "$(counts_at sessions "$1")" = none ]
}

require_fullnat ip_vs_rr bridge
plan 10
fullnat_topology 2 8
start_crowd
traffic up -t 80
real_service -t "$VIP:80" "1 2"
policy -t "$VIP:80" "$(laddr 1)-$(laddr 2)" "$PORTS"
traffic to "$VIP" 80

assert_answers "40 good" open 40
assert_answers "$(laddrs 1 2)" laddrs
traffic flood 4
flood_on 20
fnatctl laddr add -t "$VIP:80" --laddr "$(laddr 3)-$(laddr 4)"
assert_answers "40 good" open 40
assert_answers "$(laddrs 1 4)" laddrs_of_last
calm
assert_answers 80 alive
result "added: new connections go from them, too"

traffic flood 4
flood_on 20
fnatctl laddr drain -t "$VIP:80" --laddr "$(laddr 1),$(laddr 3)"
assert_answers "40 good" open 40
assert_answers "$(laddr 2) $(laddr 4)" laddrs_of_last
calm
created=$(counts_at created "$(laddr 1)")
assert_answers "60 good" cycle 60 4
assert_eq "created at a drained one" "$created" \
	"$(counts_at created "$(laddr 1)")"
assert_answers 120 alive
assert_sessions "$(laddr 1)" "$(laddr 3)"
assert_eq "shown as draining" "$(laddr 1) $(laddr 3)" \
	"$(fnatctl laddr show -t "$VIP:80" |
		awk '/ draining$/ { print $3 }' | paste -sd' ')"
result "drained: no new connection goes from them, those they have go on"

traffic flood 4
flood_on 20
fnatctl laddr del -t "$VIP:80" --laddr "$(laddr 1)-$(laddr 2)"
assert_answers "40 good" open 40
assert_answers "$(laddr 4)" laddrs_of_last
calm
assert_answers 160 alive
assert_sessions "$(laddr 1)" "$(laddr 2)"
assert_answers 160 bulk 20000
result "deleted: connections live on"

refused 'all addresses of the pool' laddr del -t "$VIP:80" \
	--laddr "$(laddr 3)-$(laddr 4)"
refused 'in the pool already' laddr add -t "$VIP:80" --laddr "$(laddr 4)"
refused 'not in the pool' laddr drain -t "$VIP:80" --laddr "$(laddr 1)"
refused "${NET}77" laddr add -t "$VIP:80" --laddr "$(laddr 5),${NET}77"
assert_answers "8 good" open 8
assert_answers "$(laddr 4)" laddrs_of_last
result "what makes no sense is refused, and changes nothing"

fnatctl laddr drain -t "$VIP:80" --laddr "$(laddr 4)"
before=$(counts created -t "$VIP:80")
traffic syn 3
assert_counts_soon "drained no-port created" -t "$VIP:80" "3 0 $before"
assert_answers 168 alive
fnatctl laddr add -t "$VIP:80" --laddr "$(laddr 3)"
assert_answers "8 good" open 8
assert_answers "$(laddr 3)" laddrs_of_last
result "all drained: refused and counted; added again, one is of use again"

traffic close
fnatctl session flush >/dev/null
assert_ok "the deleted ones are forgotten" busywait gone "$(laddr 1)"
assert_ok "the deleted ones are forgotten" busywait gone "$(laddr 2)"
assert_counts_soon "sessions" -t "$VIP:80" 0
result "deleted addresses go with their last connection"

# as a whole

assert_answers "20 good" open 20
traffic flood 4
flood_on 20
fnatctl service set -t "$VIP:80" --laddr "$(laddr 5)-$(laddr 6)"
assert_answers "20 good" open 20
assert_answers "$(laddrs 5 6)" laddrs_of_last
fnatctl service set -t "$VIP:80" --ports 20000-20999
assert_answers "20 good" open 20
assert_answers "$(laddrs 5 6)" laddrs_of_last
calm
traffic ports
assert_match "ports" '^(1[0-9]{4} ){40}(20[0-9]{3} ?){20}$' "$REPLY"
assert_answers 60 alive
traffic reset
result "another pool, and other ports: connections live on"

# An address of two policies

policy -t "$VIP:81" "$(laddr 5)-$(laddr 6)" "$PORTS"
real_service -t "$VIP:81" "1 2"
traffic up -t 81
traffic to "$VIP" 81
assert_answers "40 good" open 40
fnatctl laddr drain -t "$VIP:80" --laddr "$(laddr 5)"
fnatctl laddr del -t "$VIP:80" --laddr "$(laddr 5)"
assert_answers "40 good" open 40
assert_answers "$(laddrs 5 6)" laddrs_of_last
traffic to "$VIP" 80
assert_answers "40 good" open 40
assert_answers "$(laddr 6)" laddrs_of_last
fnatctl service del -t "$VIP:81"
assert_answers "40 good" open 40
assert_answers 160 alive
assert_sessions "$(laddr 5)" "$(laddr 6)"
traffic reset
result "what one policy does with an address is nothing to another"

# IPv6

traffic to "$VIP6" 80
traffic from "$CLIENT6"
real_service -t "[$VIP6]:80" "1 2"
policy -t "[$VIP6]:80" "$(laddr6 1)" "$PORTS"
assert_answers "20 good" open 20
traffic flood 4
flood_on 20
fnatctl laddr add -t "[$VIP6]:80" --laddr "$(laddr6 2)-$(laddr6 4)"
fnatctl laddr drain -t "[$VIP6]:80" --laddr "$(laddr6 1)-$(laddr6 2)"
fnatctl laddr del -t "[$VIP6]:80" --laddr "$(laddr6 1),$(laddr6 3)"
assert_answers "20 good" open 20
assert_answers "$(laddr6 4)" laddrs_of_last
calm
assert_answers 40 alive
assert_sessions "$(laddr6 1)" "$(laddr6 4)"
traffic reset
result "IPv6"

assert_kernel_content
result "the kernel has not complained"
