#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# An unmodified keepalived with lvs_method NAT, under a policy that it knows
# nothing of: it takes real servers out and brings them back, reloads, removes
# the service and sets it up again. Its checks go to the port of the service
# from a local address of the pool, while every port of the pool is in use.
#
#   client ---------- director ------------ server1 .. server3
#   192.0.2.1         VIP 192.0.2.100       198.51.100.1 .. 3
#                     LIP 198.51.100.201    server3 is checked by port 9000
#                     keepalived

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"
# shellcheck source=crowd.sh
. "$HERE/crowd.sh"

N=20 CHECKED=9000

# listed: "SERVER:WEIGHT" of those that IPVS has
listed()
{
	local line list=()

	while read -r line; do
		[[ $line =~ -r\ ${NET//./\\.}([0-9]+):80\ -m\ -w\ ([0-9]+) ]] &&
			list+=("${BASH_REMATCH[1]}:${BASH_REMATCH[2]}")
	done < <(ipvs -Sn)
	[ "${list[*]}" = "$1" ]
}

assert_listed()
{
	busywait listed "$1" && return
	fault "expected $1, there are: $(ipvs -Sn)"
	tail -n 20 "$dir/log" | sed 's/^/# /'
}

# real_server NUMBER WEIGHT [LINE...]
real_server()
{
	cat <<-END
		real_server ${NET}$1 80 {
			weight $2
			$(printf '%s\n' "${@:4}")
			TCP_CHECK {
				connect_port $3
				bindto $(laddr 1)
				connect_timeout 3
				retry 0
				delay_before_retry 1
			}
		}
	END
}

# configure SCHEDULER WEIGHTS: of server1, server2 and so on; none, no service
configure()
{
	local n=0 weight

	cat <<-END
		global_defs {
			router_id selftest
			script_user root
			enable_script_security
		}
	END
	[ $# -gt 0 ] || return 0
	cat <<-END
		virtual_server $VIP 80 {
			delay_loop 1
			lvs_sched $1
			lvs_method NAT
			protocol TCP
	END
	for weight in $2; do
		n=$((n + 1))
		if [ "$n" -eq 3 ]; then
			real_server 3 "$weight" "$CHECKED" inhibit_on_failure
		else
			real_server "$n" "$weight" 80
		fi
	done
	echo "}"
}

# reload SCHEDULER WEIGHTS
reload()
{
	configure "$@" >"$dir/keepalived.conf"
	kill -HUP "$keepalived"
}

start_keepalived()
{
	ip netns exec "$director" keepalived --check --dont-fork --log-console \
		--log-detail --use-file "$dir/keepalived.conf" \
		--pid "$dir/pid" --checkers_pid "$dir/checkers.pid" \
		>"$dir/log" 2>&1 &
	keepalived=$!
	defer kill "$keepalived"
}

# visited SERVER COUNT: has it been checked so often, from the local address?
visited()
{
	traffic visits "$(laddr 1)" "$1"
	[ "$REPLY" -ge "$2" ]
}

# checked SERVER: it is, several times from now on
checked()
{
	traffic visits "$(laddr 1)" "$1"
	busywait visited "$1" $((REPLY + 3)) || fault "server $1 is not checked"
}

no_service()
{
	[ -z "$(ipvs -Sn)" ]
}

# unserved COUNT: so many connections say something while there is no service
unserved()
{
	local before

	before=$(count_of no-service -t "$VIP:80")
	traffic say
	busywait counted_unserved $((before + $1)) ||
		fault "no-service was $before, is $(count_of no-service -t "$VIP:80")"
}

counted_unserved()
{
	[ "$(count_of no-service -t "$VIP:80")" -ge "$1" ]
}

# calm: the flood ends, and nothing was lost in it
calm()
{
	traffic calm
	assert_match "the flood" '^[0-9]+ good$' "$REPLY"
}

require_fullnat ip_vs_rr ip_vs_wrr bridge
require keepalived
plan 10
fullnat_topology 3
dir=$(mktemp -d)
defer rm -rf "$dir"
start_crowd
traffic up -t 80
traffic up -t "$CHECKED"
knob "$director" ipv4/ip_local_port_range "$((10000 + N)) 11999"
policy -t "$VIP:80" "$(laddr 1)" "10000-$((10000 + N - 1))"
assert_match "service show" "no service yet" \
	"$(fnatctl service show -t "$VIP:80")"

configure rr "1 1" >"$dir/keepalived.conf"
start_keepalived
assert_listed "1:1 2:1"
assert_match "service show" "scheduler rr, 2 real servers, 2 masquerading" \
	"$(fnatctl service show -t "$VIP:80")"
traffic to "$VIP" 80
assert_answers "10 good" open 10
assert_answers "$(laddr 1)" laddrs
assert_answers "5 5 0" shares
result "a service set up by keepalived is FULLNAT"

# At full load

assert_answers "$((2 * N - 10)) good" open $((2 * N - 10))
assert_answers yes unique
assert_eq "used" "$(laddr 1) $N/$N" "$(used -t "$VIP:80")"
traffic syn 2
assert_counts_soon "no-port" -t "$VIP:80" 2
checked 1
checked 2
assert_ok "both are there" listed "1:1 2:1"
assert_answers $((2 * N)) alive
result "all ports in use: checks go out from the same address"

traffic down -t 80 2
assert_listed "1:1"
traffic up -t 80
assert_listed "1:1 2:1"
assert_answers $((2 * N)) alive
traffic syn 2
assert_counts_soon "no-port" -t "$VIP:80" 4
assert_answers $((2 * N)) alive
result "all ports in use: one fails its check and recovers, and nothing is lost"

traffic reset
fnatctl session flush >/dev/null
assert_answers "6 good" open 6
traffic down -t 80 2
assert_listed "1:1"
assert_answers "20 good" cycle 20 4
traffic flood 2
flood_on 20
calm
traffic up -t 80
assert_listed "1:1 2:1"
assert_answers 6 alive
traffic reset
assert_answers "6 good" open 6
assert_answers "3 3 0" shares
assert_answers "$(laddr 1)" laddrs
traffic reset
result "one is down: the other has all, nothing is lost; then up again"

# Reload

scheduled_by()
{
	[[ $(ipvs -Sn) == *"-s $1"* ]]
}

# While a scheduler goes and another comes, IPVS has none for a grace period, and
# refuses who is new: so nobody comes before it is there.
policy -t "$VIP:80" "$(laddr 1)" 12000-15000
reload wrr "1 1"
assert_ok "another scheduler" busywait scheduled_by wrr
assert_listed "1:1 2:1"
traffic flood 2
flood_on 10
reload wrr "1 2 1"
assert_listed "1:1 2:2 3:1"
flood_on 10
calm
assert_match "service show" "scheduler wrr, 3 real servers, 3 masquerading" \
	"$(fnatctl service show -t "$VIP:80")"
assert_answers "8 good" open 8
assert_answers "2 4 2" shares
assert_answers "$(laddr 1)" laddrs
result "reload: scheduler, weight and a third one, nothing is lost"

traffic flood 2
flood_on 10
traffic down -t "$CHECKED"
assert_listed "1:1 2:2 3:0"
flood_on 20
traffic up -t "$CHECKED"
assert_listed "1:1 2:2 3:1"
flood_on 20
calm
assert_answers 8 alive
result "inhibit_on_failure: weight 0 and back, nothing is lost"

traffic reset
reload wrr "1 2"
assert_listed "1:1 2:2"
assert_answers "6 good" open 6
assert_answers "2 4 0" shares
traffic flood 2
flood_on 20
calm
result "reload without the third one"

# The service goes and comes

reload
assert_ok "no service" busywait no_service
assert_match "service show" "no service yet" \
	"$(fnatctl service show -t "$VIP:80")"
assert_answers "2 refused" open 2
unserved 6
reload wrr "1 2"
assert_listed "1:1 2:2"
assert_answers 6 hear
assert_answers 6 alive
assert_answers "6 good" open 6
assert_answers "$(laddr 1)" laddrs_of_last
assert_answers 12 alive
result "the service removed and set up by reloads: connections live"

kill "$keepalived"
wait "$keepalived"
assert_ok "no service" busywait no_service
unserved 12
start_keepalived
assert_listed "1:1 2:2"
assert_answers 12 hear
assert_answers 12 alive
assert_answers "6 good" open 6
assert_answers "$(laddr 1)" laddrs_of_last
assert_answers 18 alive
traffic close
result "keepalived ends and starts again: connections live, the policy is there"

kill "$keepalived"
wait "$keepalived"
assert_kernel_content
result "the kernel has not complained"
