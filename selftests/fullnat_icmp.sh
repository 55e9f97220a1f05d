#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# ICMP errors about FULLNAT packets: all types and codes, from routers on both
# sides and from both ends. What arrives quotes, to the byte, what its receiver
# had sent, whatever that looked like where the error was made.
#
#   client ------- near ------- director ------- far ------- server
#   203.0.113.1                 VIP 192.0.2.100              198.51.100.1
#                               LIP 10.0.0.201

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"
# shellcheck source=verdicts.sh
. "$HERE/verdicts.sh"

PORT=9 REAL_PORT=1009
# of a service by mark; the director has other addresses alone
ELSEWHERE=192.0.2.50 ELSEWHERE6=2001:db8:1::50
# to whom errors of that side go
declare -A ways

start_errors()
{
	servers=("$server" "$near" "$far")
	start_traffic errors.py
	servers=("$server")
}

# right EXPECTED COMMAND...: a command that fails is a fault
right()
{
	ask "${@:2}"
	[ "$REPLY" = "$1" ] || fault "${*:2}: expected '$1', got '$REPLY'"
}

# relayed: errors that were passed on to clients, to servers, and dropped
relayed()
{
	local name

	for name in icmp-to-client icmp-to-server icmp-bad; do
		count_of "$name" "${policy[@]}"
	done | paste -sd' '
}

# family ADDRESS: what differs
family()
{
	address=$1
	service=$(service_of "$1" "$PORT") policy=(-u "$service")
	case $1 in
	*:*)
		version=IPv6 kinds=14 least=48 headers=48 lies=10 lengths=$((16 << 24))
		near_address=2001:db8:c::254 far_address=${NET6}254
		own=$CLIENT6 real=${NET6}1 local=$(laddr6 1)
		ways=([far]="2001:db8:c::/64 via 2001:db8:1::1"
			[near]="${NET6}/64 via ${LOCAL6}1")
		exceeded="EHOSTUNREACH 3/0" refused="ECONNREFUSED 1/4"
		big="EMSGSIZE 2/0 1400"
		;;
	*)
		version=IPv4 kinds=22 least=28 headers=28 lies=12 lengths=$((32 << 16))
		near_address=203.0.113.254 far_address=${NET}254
		own=$CLIENT real=${NET}1 local=$(laddr 1)
		ways=([far]="203.0.113.0/24 via 192.0.2.1"
			[near]="${NET}0/24 via ${LOCAL}1")
		exceeded="EHOSTUNREACH 11/0" refused="ECONNREFUSED 3/3"
		big="EMSGSIZE 3/4 1400"
		;;
	esac
}

forged()
{
	local side before

	right up flow "$address" "$PORT" "$REAL_PORT"
	before=$(relayed)
	assert_eq "relayed before" "0 0 0" "$before"
	for side in far near; do
		right "$kinds" forge_all "$side"
	done
	assert_eq "relayed" "$kinds $kinds 0" "$(relayed)"
	right "there back" still
	result "$version: $kinds types and codes of errors, both ways"

	for side in far near; do
		right yes forge "$side" 3 1 0 100 "$least"
		right yes forge "$side" 3 1 0 0
		right yes forge "$side" 3 1 0 1000
		right yes forge "$side" 3 1 "$lengths" 200 128 \
			2000a7f4000801010001f101
	done
	result "$version: errors that quote 8 bytes, all, and have extensions"

	traffic headers on
	for side in far near; do
		right yes forge "$side" 3 1 0 100
	done
	traffic headers off
	result "$version: errors that quote options or extension headers"

	assert_eq "relayed" "$((kinds + 5)) $((kinds + 5)) 0" "$(relayed)"
	right "there back" still
	for side in far near; do
		right yes zero "$side"
	done
	result "$version: errors that quote a checksum of ffff"

	for side in far near; do
		right yes lies "$side"
	done
	assert_eq "relayed" "$((kinds + 7)) $((kinds + 7)) $lies" "$(relayed)"
	right "there back" still
	result "$version: errors that lie about what they quote are dropped"

	if [ "$version" = IPv4 ]; then
		right yes spoilt far
		right yes spoilt near
		assert_eq "relayed" "30 30 14" "$(relayed)"
		result "$version: an error with a wrong checksum is dropped"
	fi
	pieces
	errors_begin
}

# created COUNT: has the service had so many sessions?
created()
{
	[ "$(count_of created "${policy[@]}")" = "$1" ]
}

# With schedule_icmp IPVS has errors begin connections, which it translates in
# its own way. Others are translated as ever.
errors_begin()
{
	local side before

	before=$(count_of created "${policy[@]}")
	traffic unknown 7
	scheduled 1
	traffic unknown 8
	assert_ok "an error begins a connection" busywait created $((before + 1))
	for side in far near; do
		right yes forge "$side" 3 1 0 1000
		right yes lies "$side"
	done
	scheduled 0
	assert_ok "no other does" created $((before + 1))
	result "$version: errors about sessions, with schedule_icmp=1"
}

pieces()
{
	local side before

	read -ra before <<<"$(relayed)"
	traffic pieces 24
	for side in far near; do
		right yes forge "$side" 3 1 0 1000
		right yes lies "$side"
	done
	assert_eq "relayed" \
		"$((before[0] + 2)) $((before[1] + 2)) $((before[2] + lies))" \
		"$(relayed)"
	right "there back" still
	traffic pieces 0
	result "$version: errors in fragments"
}

# elsewhere LIES [HOW]: what comes back to the address of a service by mark is
# forwarded, and so many lies about it are dropped
elsewhere()
{
	local size

	case $version in
	IPv4) address=$ELSEWHERE policy=(-f 7) ;;
	IPv6) address=$ELSEWHERE6 policy=(-f 7 -6) ;;
	esac
	right up flow "$address" "$PORT" "$REAL_PORT"
	for size in 0 24; do
		fnatctl stats reset "${policy[@]}"
		traffic pieces "$size"
		right yes forge near 3 1 0 1000
		right yes lies near
		assert_eq "relayed" "0 2 $1" "$(relayed)"
	done
	right "there back" still
	result "$version: errors that are forwarded, in fragments as well${2-}"
}

# by_mark: such a service, of either family
by_mark()
{
	forward "$director"
	ip -n "$near" -batch - <<-END
		route add $ELSEWHERE via 192.0.2.254
		route add $ELSEWHERE6 via 2001:db8:1::254
	END
	on "$director" nft -f - <<-END || die "nft does not mark"
		table inet marks {
			chain prerouting {
				type filter hook prerouting priority mangle
				ip daddr $ELSEWHERE udp dport $PORT meta mark set 7
				ip6 daddr $ELSEWHERE6 udp dport $PORT meta mark set 7
			}
		}
	END
	ip -n "$director" -6 rule add fwmark 7 lookup 100
	ip -n "$director" -batch - <<-END
		rule add fwmark 7 lookup 100
		route add local 0.0.0.0/0 dev lo table 100
		route add local ::/0 dev lo table 100
	END
	fnatctl service add -f 7 --laddr "$(laddr 1)" || die "cannot add a policy"
	fnatctl service add -f 7 -6 --laddr "$(laddr6 1)" ||
		die "cannot add a policy"
	ipvs -R <<-END || die "cannot add a service by mark"
		-A -f 7 -s $SCHED
		-A -f 7 -6 -s $SCHED
		-a -f 7 -r ${NET}1:$REAL_PORT -m
		-a -f 7 -6 -r [${NET6}1]:$REAL_PORT -m
	END
}

# no_route COUNT: so many have been dropped for that
no_route()
{
	[ "$(count_of no-route -u "$service")" -eq "$1" ]
}

# The director knows no way to the one who is to hear of it
no_way()
{
	local side count=0

	for side in far near; do
		traffic pass "$side"
		# shellcheck disable=SC2086 # words
		ip -n "$director" route del ${ways[$side]} || die "no way to delete"
		traffic complain "$side"
		count=$((count + 1))
		busywait no_route "$count" || fault "$side: not counted"
		# shellcheck disable=SC2086 # words
		ip -n "$director" route add ${ways[$side]} || die "no way to add"
		right yes forge "$side" 3 1
	done
	result "$version: errors that have no way are dropped, and counted"
}

# Time exceeded at every hop
hops()
{
	right "$exceeded $near_address" ttl far 1
	right "$exceeded $address" ttl far 2
	right "$exceeded $address" ttl far 3
	right arrived ttl far 4
	right "$exceeded $far_address" ttl near 1
	right "$exceeded $local" ttl near 2
	right "$exceeded $local" ttl near 3
	right arrived ttl near 4
	result "$version: time exceeded at each hop, both ways"
}

# link NAMESPACE DEVICE NAMESPACE DEVICE MTU
link()
{
	ip -n "$1" link set "$2" mtu "$5"
	ip -n "$3" link set "$4" mtu "$5"
}

# narrow SIDE WHO LINK...: a datagram of 1450 does not pass, one of 1400 does
narrow()
{
	local side=$1 who=$2 sender=client
	shift 2

	[ "$side" = far ] || sender=server
	forget
	link "$@" 1400
	right up flow "$address" "$PORT" "$REAL_PORT"
	right 1500 mtu "$sender"
	right "$big $who" big "$side" $((1450 - headers))
	right 1400 mtu "$sender"
	right arrived big "$side" $((1400 - headers))
	link "$@" 1500
}

# scheduled 0|1: may errors begin connections?
scheduled()
{
	# shellcheck disable=SC2016 # the inner shell's
	on "$director" sh -c 'echo "$1" >/proc/sys/net/ipv4/vs/schedule_icmp' \
		sh "$1"
}

# forget: the MTUs of paths
forget()
{
	for namespace in "$client" "$server"; do
		ip -n "$namespace" route flush cache
		ip -n "$namespace" -6 route flush cache
	done
}

too_big()
{
	narrow far "$near_address" "$near" director "$director" cli
	narrow far "$address" "$director" lan "$far" director
	narrow far "$address" "$far" server "$server" eth0
	narrow near "$far_address" "$far" director "$director" lan
	narrow near "$local" "$director" cli "$near" director
	narrow near "$local" "$near" client "$client" eth0
	result "$version: too big, at each hop, both ways"
}

# prohibit KIND NAMESPACE ADDRESS
route()
{
	ip -n "$2" route "$1" prohibit "$3" || die "no route prohibit $3"
}

unreachable()
{
	local prohibited=13 told=EHOSTUNREACH kind=3

	[ "$version" = IPv4 ] || prohibited=1 told=EACCES kind=1
	right up flow "$address" "$PORT" "$REAL_PORT"
	route add "$far" "$real"
	right "$told $kind/$prohibited $address" ttl far 64
	right "$told" connect "$address" "$PORT"
	route del "$far" "$real"
	right "there back" still
	route add "$near" "$own"
	right "$told $kind/$prohibited $local" ttl near 64
	route del "$near" "$own"
	right "there back" still
	result "$version: prohibited by a router, both ways; TCP too"

	# what the director says itself
	right up flow "$address" "$PORT" "$REAL_PORT"
	on "$director" nft -f - <<-END || die "no rule that rejects"
		table inet own {
			chain output {
				type filter hook output priority 0
				udp sport $PORT reject
			}
		}
	END
	right "$refused $local" ttl near 64
	on "$director" nft delete table inet own
	right "there back" still
	result "$version: rejected by the director itself"

	traffic shut server
	right "ECONNREFUSED $refused $address" refused far
	right up flow "$address" "$PORT" "$REAL_PORT"
	traffic shut client
	right "ECONNREFUSED $refused $local" refused near
	result "$version: port unreachable from both ends"
}

require_fullnat veth nft_reject_inet nft_queue nfnetlink_queue
require ethtool nft
plan 31
fullnat_routed_topology
offload off
for family in "$VIP" "$VIP6"; do
	family "$family"
	for kind in -u -t; do
		fnatctl service add "$kind" "$service" --laddr "$local" ||
			die "cannot add a policy"
		ipvs -A "$kind" "$service" -s "$SCHED"
		ipvs -a "$kind" "$service" -r "$(service_of "$real" "$REAL_PORT")" -m ||
			die "cannot add a virtual service"
	done
done
start_errors

for family in "$VIP" "$VIP6"; do
	family "$family"
	forged
	no_way
	hops
	too_big
	unreachable
done

by_mark
family "$VIP"
elsewhere 5
family "$VIP6"
elsewhere 4

verdicts
on "$director" nft -f - <<-END || die "nft does not queue"
	table inet asked {
		chain forward {
			type filter hook forward priority filter
			meta l4proto { icmp, icmpv6 } queue num 0
		}
	}
END
family "$VIP"
elsewhere 5 ", by a program"
on "$director" nft delete table inet asked
no_verdicts
assert_ge "packets" 10 "$ASKED"
result "the program has passed them"
