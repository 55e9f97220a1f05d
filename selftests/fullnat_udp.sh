#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# FULLNAT of UDP: DNS with dnsmasq as the real servers; and datagrams of every
# shape both ways: in fragments, empty, without a checksum or with one that
# comes out as 0, with IP options and extension headers, with headers cut off.
#
#   client --------- director --------- server1, server2
#   192.0.2.1        VIP 192.0.2.100    198.51.100.1, .2
#                    LIP 198.51.100.201, .202

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"

QUESTIONS=240
PORT=9

# dns_server NUMBER: whatever is asked for, it is its own address
dns_server()
{
	local n=$1

	on "${servers[n - 1]}" dnsmasq --conf-file=/dev/null --no-resolv \
		--no-hosts --user=root --bind-interfaces --keep-in-foreground \
		--address="/test/$NET$n" --address="/test/$NET6$n" \
		--log-queries=extra --log-facility="$dir/$n.log" \
		--pid-file="$dir/$n.pid" --dns-forward-max=1000 &
	defer kill "$!"
	busywait listens "${servers[n - 1]}" || die "dnsmasq does not start"
}

listens()
{
	# shellcheck disable=SC2016 # $ is awk's
	on "$1" awk '$2 ~ /:0035$/ { n++ } END { exit n < 2 }' \
		/proc/net/udp /proc/net/udp6
}

# dns ADDRESS KIND
dns()
{
	local first second quarter=$((QUESTIONS / 4))

	truncate -s 0 "$dir"/*.log
	traffic to "$1" "$PORT" -u
	traffic aim 53
	assert_traffic "$QUESTIONS 0 0" dns "$QUESTIONS" "$2"
	assert_traffic "$((quarter * 3)) $quarter" counts 2
	assert_traffic yes cycles 3,1
	first=$(laddr 1) second=$(laddr 2)
	[[ $1 != *:* ]] || first=$(laddr6 1) second=$(laddr6 2)
	assert_eq "peers in the logs" "$first $second" \
		"$(sed -n "s/.* query\[$2\] .* from //p" "$dir"/*.log |
			sort -u | paste -sd' ')"
	assert_eq "questions logged once" "$QUESTIONS" \
		"$(sed -n "s/.* query\[$2\] \([^ ]*\) from .*/\1/p" \
			"$dir"/*.log | sort -u | wc -l)"
	assert_eq "sessions" "$QUESTIONS" \
		"$(fnatctl session show -u "$(service_of "$1" 53)" |
			grep -c '^udp ')"
	assert_eq "connections of IPVS" "$QUESTIONS" \
		"$(ipvs -Lnc | grep -cF "$(service_of "$1" 53) ")"
	result "DNS, $1: $QUESTIONS $2 questions, all answered, shares exact"
}

# right EXPECTED COMMAND...: as assert_traffic, and ValueErrors are faults
right()
{
	ask "${@:2}"
	[ "$REPLY" = "$1" ] || fault "${*:2}: expected '$1', got '$REPLY'"
}

# snmp NAMESPACE NAME: a counter of IP, of both families together
snmp()
{
	# shellcheck disable=SC2016 # $ is awk's
	on "$1" awk -v name="$2" '
		FILENAME ~ /snmp6/ { if ($1 == "Ip6" name) sum += $2; next }
		/^Ip:/ {
			if (!n) n = split($0, key)
			else for (i = 1; i <= n; i++)
				if (key[i] == name) sum += $i
		}
		END { print sum + 0 }' /proc/net/snmp /proc/net/snmp6
}

# zeros ADDRESS NAME
zeros()
{
	traffic to "$1" "$PORT" -u
	traffic flow
	right fine zeros
	result "$2: a checksum that comes out as 0 is sent as ffff"
}

# behind MTU DEVICE...: that of the link behind the director to the first
# server, or, with cli, to the client
behind()
{
	local device

	for device in "${@:2}"; do
		ip -n "$director" link set "$device" mtu "$1"
	done
	case $2 in
	cli) ip -n "$client" link set eth0 mtu "$1" ;;
	*) ip -n "${servers[0]}" link set eth0 mtu "$1" ;;
	esac
}

# Fragments of 1500 bytes for links of 1400: made anew, or, in IPv6, refused
# until their sender makes them smaller
narrow()
{
	traffic to "$VIP" "$PORT" -u
	traffic flow
	behind 1400 lan1 lan
	right 3 exchange 5000 3
	behind 1500 lan1 lan
	behind 1400 cli
	right 3 exchange 5000 3
	behind 1500 cli
	right whole unsplittable 5000 1480
	right whole unsplittable 5000 800
	result "IPv4: fragments for links of MTU 1400, both ways"

	traffic to "$VIP6" "$PORT" -u
	traffic flow
	right 1 exchange 5000
	behind 1400 lan1 lan
	right learnt learn there 5000 1400
	right 3 exchange 5000 3
	behind 1500 lan1 lan
	behind 1400 cli
	right learnt learn back 5000 1400
	right 3 exchange 5000 3
	behind 1500 cli
	result "IPv6: fragments for links of MTU 1400, both ways"
}

# shapes ADDRESS NAME
shapes()
{
	local address=$1 made

	traffic to "$address" "$PORT" -u
	traffic flow
	right "to 1480" sizes 0 1480 37
	right 20 exchange 0 20
	result "$2: empty datagrams, and of every size up to 1480"

	made=$(($(snmp "$server" FragCreates) + $(snmp "$client" FragCreates)))
	right 20 exchange 5000 20
	right 3 exchange 65000 3
	assert_ge "fragments" $((2 * (20 * 4 + 3 * 44))) $((
		$(snmp "${servers[0]}" FragCreates) +
		$(snmp "${servers[1]}" FragCreates) +
		$(snmp "$client" FragCreates) - made))
	result "$2: 5000 and 65000 bytes both ways, in fragments"

}

# cut ADDRESS NAME: the ports of a session are there from 4 bytes on
cut()
{
	local service kind way size sum

	service=$(service_of "$1" "$PORT")
	traffic to "$1" "$PORT" -u
	for kind in -u -t; do
		traffic flow
		fnatctl stats reset
		size=8 sum=0
		[ "$kind" = -u ] || size=20
		for way in request reply; do
			right "$size" cut "$kind" "$way"
			sum=$((sum + size - 4))
			assert_eq "$way, $kind: malformed" "$sum" \
				"$(count_of malformed "$kind" "$service")"
		done
		[ "$kind" = -t ] || assert_eq "requests and replies" "4 4" \
			"$(count_of request-packets -u "$service") $(
				count_of reply-packets -u "$service")"
	done
	result "$2: packets with headers cut off are dropped, and counted"
}

require_fullnat bridge
require dnsmasq ethtool
plan 22
fullnat_topology 2
dir=$(mktemp -d)
defer rm -rf "$dir"
for n in 1 2; do dns_server "$n"; done
for address in "$VIP" "$VIP6"; do
	fullnat_service -u "$address" 53 3,1
	fullnat_service -u "$address" "$PORT" 1
	fullnat_service -t "$address" "$PORT" 1
done
start_traffic datagrams.py

dns "$VIP" A
dns "$VIP6" AAAA
cut "$VIP" IPv4
cut "$VIP6" IPv6

for way in on off; do
	offload "$way"
	shapes "$VIP" "IPv4, checksums offloaded: $way"
	right "0 0" unchecked 100
	right "0 0" unchecked 5000
	result "IPv4, checksums offloaded: $way: no checksum stays none"
	traffic flow
	right "both ways" options 100
	right "both ways" options 5000
	result "IPv4, checksums offloaded: $way: IP options"
	shapes "$VIP6" "IPv6, checksums offloaded: $way"
	traffic flow
	right "both ways" extensions 100
	right "both ways" extensions 5000
	result "IPv6, checksums offloaded: $way: extension headers"
done

# they are not to be seen before they are complete
zeros "$VIP" IPv4
zeros "$VIP6" IPv6
narrow
