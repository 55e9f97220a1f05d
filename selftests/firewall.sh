# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A director with a firewall, for tests of FULLNAT beside it; after lib.sh,
# fullnat.sh and crowd.sh, which set:
: "${NET=}" "${NET6=}" "${VIP=}" "${VIP6=}" "${CLIENT=}" "${CLIENT6=}"
: "${REPLY=}" "${director=}" "${servers=}"

PORTS=10000-19999
COUNTERS='request request6 reply reply6 new established invalid other'

# rules: standard input is the director's ruleset from now on, in a table with
# the counters
rules()
{
	{
		echo "flush ruleset"
		echo "table inet filter {"
		for counter in $COUNTERS; do
			echo "counter $counter {}"
		done
		cat
		echo "}"
	} | on "$director" nft -f - || die "nft does not take the rules"
}

# passed NAMES: packets that these counters have seen
passed()
{
	local word name value values=()
	local -A value=()

	while read -r word name _; do
		case $word in
		counter) here=$name ;;
		packets) value[$here]=$name ;;
		esac
	done < <(on "$director" nft list counters table inet filter)
	for name in $1; do values+=("${value[$name]-none}"); done
	echo "${values[*]}"
}

# flushed: has every session ended? One with a packet under way lives on.
flushed()
{
	local text

	fnatctl session flush >/dev/null && text=$(fnatctl session show) &&
		[ "$(wc -l <<<"$text")" -le 1 ]
}

# tracking 0|1: IPVS's sysctl. A connection stays as it was made, and so would one
# that begins with the same client port, while the filter expects another.
tracking()
{
	knob "$director" ipv4/vs/conntrack "$1"
	assert_ok "all sessions flushed" busywait flushed
}

# tracked: entries of connection tracking that have a server's port 80 and a
# local address in their other direction
tracked()
{
	on "$director" grep -c "sport=80 dport=1[0-9]* .*ASSURED" \
		/proc/net/nf_conntrack
}

# works NAME: connections and flows, IPv4 and IPv6, with some bytes
works()
{
	local address

	for address in "$VIP" "$VIP6"; do
		case $address in
		*:*) traffic from "$CLIENT6" ;;
		*) traffic from "$CLIENT" ;;
		esac
		traffic to "$address" 80
		assert_answers "8 good" open 8
		traffic to "$address" 53 -u
		assert_answers "4 good" open 4
	done
	traffic laddrs
	assert_eq "$1: seen by the servers" \
		"$(laddr 1) $(laddr 2) $(laddr6 1) $(laddr6 2)" "$REPLY"
	assert_answers 24 alive
	traffic to "$VIP" 80
	traffic from "$CLIENT"
	assert_answers "40 good" cycle 40 4
	assert_answers "20 good" cycle 20 4 client
}

# done_with: what `works` has left open
done_with()
{
	traffic close
}

# unreachable NAME: ICMP from a real server reaches the client
unreachable()
{
	traffic down -u 53
	traffic to "$VIP" 53 -u
	assert_answers "2 refused" open 2
	traffic from "$CLIENT6"
	traffic to "$VIP6" 53 -u
	assert_answers "2 refused" open 2
	traffic up -u 53
	traffic from "$CLIENT"
	traffic to "$VIP" 80
}

# stateful RULES: a filter with states, as people write it, and more rules; of
# ICMPv6 it takes what neighbours say
stateful()
{
	rules <<-END
		chain input {
			type filter hook input priority filter; policy drop;
			ct state invalid counter name invalid drop
			ct state { established, related } counter name established accept
			iif lo accept
			icmpv6 type 130-143 accept
			ip daddr $VIP tcp dport 80 ct state new counter name new accept
			ip daddr $VIP udp dport 53 ct state new accept
			ip6 daddr $VIP6 tcp dport 80 ct state new counter name new accept
			ip6 daddr $VIP6 udp dport 53 ct state new accept
			counter name other
		}
		chain forward {
			type filter hook forward priority filter; policy drop;
			# what a bridge floods when hosts look for others
			ip daddr 224.0.0.0/4 accept
			ip6 daddr ff00::/8 accept
			counter name other
		}
		chain output {
			type filter hook output priority filter; policy drop;
			ct state invalid counter name invalid drop
			ct state { established, related } accept
			icmpv6 type 130-143 accept
			meta l4proto { tcp, udp } th dport { 53, 80 } ct state new accept
			counter name other
		}
		$1
	END
}

# masquerade: NAT of the director's own, for others
masquerade()
{
	cat <<-END
		chain nat {
			type nat hook postrouting priority srcnat;
			oifname "lan" masquerade
			oifname "cli" masquerade
		}
	END
}

# firewall_topology: two servers, and services and policies for TCP and UDP, IPv4
# and IPv6
firewall_topology()
{
	local kind name port

	fullnat_topology 2
	start_crowd
	traffic up -t 80
	traffic up -u 53
	# what the filter drops in one test does not come again in the next
	for name in "${servers[@]}"; do
		knob "$name" ipv4/tcp_synack_retries 0
	done
	for kind in -t -u; do
		port=80
		[ "$kind" = -t ] || port=53
		real_service "$kind" "$VIP:$port" "1 2"
		policy "$kind" "$VIP:$port" "$(pool "$VIP")" "$PORTS"
		real_service "$kind" "[$VIP6]:$port" "1 2"
		policy "$kind" "[$VIP6]:$port" "$(pool "$VIP6")" "$PORTS"
	done
}
