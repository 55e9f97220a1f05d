#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A director with a firewall, as people write them: filters without states, and
# with them; connection tracking of IPVS off and on; NAT rules for others;
# sysctls of IPVS; policy routing; IPsec; a bridge whose packets the firewall
# sees; a program that is asked about every packet. The director is strict about
# where packets come from (rp_filter).
#
#   client ---------- director ------------ server1, server2
#   192.0.2.1         VIP 192.0.2.100       198.51.100.1, .2
#                     LIP 198.51.100.201, .202

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"
# shellcheck source=crowd.sh
. "$HERE/crowd.sh"
# shellcheck source=firewall.sh
. "$HERE/firewall.sh"
# shellcheck source=verdicts.sh
. "$HERE/verdicts.sh"

FAR=203.0.113.9

require_fullnat ip_vs_rr bridge nft_ct nft_masq nft_queue \
	nfnetlink_queue br_netfilter
require nft
plan 12
firewall_topology

# Filters without states

stateless()
{
	rules <<-END
		chain input {
			type filter hook input priority filter; policy drop;
			iif lo accept
			meta l4proto { icmp, icmpv6 } accept
			ip daddr $VIP tcp dport 80 counter name request accept
			ip daddr $VIP udp dport 53 accept
			ip6 daddr $VIP6 tcp dport 80 counter name request6 accept
			ip6 daddr $VIP6 udp dport 53 accept
			ip saddr ${NET}0/24 ip daddr $(pool "$VIP") \
				th sport { 53, 80 } counter name reply accept
			ip6 saddr ${NET6}/64 ip6 daddr $(pool "$VIP6") \
				th sport { 53, 80 } counter name reply6 accept
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
			oif lo accept
			meta l4proto { icmp, icmpv6 } accept
			ip daddr ${NET}0/24 ip saddr $(pool "$VIP") th dport { 53, 80 } accept
			ip6 daddr ${NET6}/64 ip6 saddr $(pool "$VIP6") th dport { 53, 80 } accept
			ip saddr $VIP th sport { 53, 80 } accept
			ip6 saddr $VIP6 th sport { 53, 80 } accept
			counter name other
		}
	END
}

assert_eq "rp_filter" 1 "$(knob "$director" ipv4/conf/all/rp_filter)"
stateless
works "filtered"
unreachable
assert_eq "other packets" 0 "$(passed other)"
done_with
result "a filter that drops all but requests and replies"

on "$director" nft insert rule inet filter input ip saddr "$CLIENT" drop
ip -n "$client" address add 192.0.2.2/24 dev eth0
before=$(counts created -t "$VIP:80")
traffic from "$CLIENT"
traffic syn 5
traffic from 192.0.2.2
assert_answers "5 good" open 5
assert_counts "created" -t "$VIP:80" $((before + 5))
traffic reset
traffic from "$CLIENT"
result "a client that the filter drops does not reach the service"

stateless
for n in 1 2; do
	on "$director" nft insert rule inet filter input \
		ip daddr "$(laddr "$n")" meta l4proto tcp reject with tcp reset
done
traffic to "$VIP" 80
assert_answers "2 lost" open 2
assert_eq "replies that passed" 0 "$(passed reply)"
result "replies pass the input chain as they come from the real server"

# What a program has passed comes by that program, not by the device: both what
# makes a session, and what it takes.

verdicts
rules <<-END
	chain input {
		type filter hook input priority filter
		meta l4proto { tcp, udp, icmp } counter name other queue num 0
		icmpv6 type 1-4 counter name other queue num 0
	}
END
works "queued"
unreachable
asked=$(passed other)
rules </dev/null
no_verdicts
assert_eq "packets passed by the program" "$asked" "$ASKED"
assert_ge "packets" 700 "$ASKED"
done_with
result "a program that is asked about every packet"

# Untracked, with states. An error about what is not tracked is invalid.

rules <<-END
	chain raw {
		type filter hook prerouting priority raw;
		ip daddr $VIP th dport { 53, 80 } notrack
		ip daddr $(pool "$VIP") th sport { 53, 80 } notrack
		ip6 daddr $VIP6 th dport { 53, 80 } notrack
		ip6 daddr $(pool "$VIP6") th sport { 53, 80 } notrack
	}
	chain input {
		type filter hook input priority filter; policy drop;
		meta l4proto { icmp, icmpv6 } accept
		ct state vmap { invalid : drop, established : accept, \
			related : accept, untracked : accept }
		iif lo accept
		counter name other
	}
	chain output {
		type filter hook output priority filter; policy accept;
		ct state untracked counter name reply
		th dport { 53, 80 } ct state != untracked counter name other
	}
END
works "untracked"
unreachable
assert_eq "other packets" 0 "$(passed other)"
done_with
result "conntrack=0: notrack, and states"

# NAT of the director's own, for others

rules <<<"$(masquerade)"
works "masquerade"
done_with
result "conntrack=0: rules that masquerade leave FULLNAT alone"

# Tracked

tracking 1
stateful ''
works "tracked"
assert_eq "connections that the filter saw begin" 76 "$(passed new)"
assert_eq "invalid, and others" "0 0" "$(passed "invalid other")"
assert_ge "tracked both ways" 16 "$(tracked)"
unreachable
assert_eq "invalid, and others" "0 0" "$(passed "invalid other")"
done_with
result "conntrack=1: a filter with states sees one connection, both ways"

traffic to "$VIP" 80
assert_answers "8 good" open 8
assert_answers 8 bulk 300000
traffic close
assert_eq "invalid, and others" "0 0" "$(passed "invalid other")"
result "conntrack=1: bulk"

tracking 0

# Sysctls

rules </dev/null
for knob in nat_icmp_send=1 snat_reroute=0 conn_reuse_mode=0 \
	conn_reuse_mode=2 expire_nodest_conn=1 conntrack=1; do
	before=$(knob "$director" "ipv4/vs/${knob%=*}")
	knob "$director" "ipv4/vs/${knob%=*}" "${knob#*=}"
	assert_answers "8 good" open 8
	assert_answers 8 alive
	assert_answers "16 good" cycle 16 4
	unreachable
	traffic close
	knob "$director" "ipv4/vs/${knob%=*}" "$before"
done
result "sysctls of IPVS"

# A client that only a rule for the virtual address finds the way to

ip -n "$client" address add "$FAR/32" dev lo
ip -n "$director" -batch - <<-END
	rule add from $VIP lookup 100
	route add 203.0.113.0/24 via $CLIENT table 100
END
assert_fails "a way to the client but by rule" \
	ip -n "$director" route get "$FAR"
traffic from "$FAR"
traffic to "$VIP" 80
assert_answers "8 good" open 8
assert_answers 8 bulk 20000
assert_answers "16 good" cycle 16 4
traffic close
before=$(counts no-route -t "$VIP:80")
ip -n "$director" rule del from "$VIP"
knob "$director" ipv4/conf/all/rp_filter 0
knob "$director" ipv4/conf/cli/rp_filter 0
traffic syn 2
busywait [ "$(counts no-route -t "$VIP:80")" -ge $((before + 2)) ] ||
	fault "no-route: $(counts no-route -t "$VIP:80"), before $before"
knob "$director" ipv4/conf/all/rp_filter 1
traffic from "$CLIENT"
result "policy routing; without a route, replies are dropped and counted"

# IPsec

# came COUNT: so many replies have come to the director
came()
{
	[ "$(passed reply)" -ge "$1" ]
}

# forbidden ADDRESS CLIENT NETWORK: IPsec forbids what goes to the client, and
# then what comes from the real servers
forbidden()
{
	local service before

	service=$(service_of "$1" 80)
	traffic to "$1" 80
	traffic from "$2"
	before=$(counts no-route -t "$service")
	ip -n "$director" xfrm policy add src "$1" dst "$2" dir out action block
	traffic syn 2
	assert_counts_soon "no-route" -t "$service" $((before + 2))
	ip -n "$director" xfrm policy flush

	rules <<-END
		chain input {
			type filter hook input priority filter;
			tcp sport 80 counter name reply
		}
	END
	before=$(counts reply-packets -t "$service")
	ip -n "$director" xfrm policy add src "$3" dst "$3" dir in action block
	traffic syn 2
	busywait came 2 || fault "replies: $(passed reply)"
	assert_counts "reply-packets" -t "$service" "$before"
	ip -n "$director" xfrm policy flush
	assert_answers "8 good" open 8
	traffic close
}

if ip -n "$director" xfrm policy flush 2>/dev/null; then
	forbidden "$VIP" "$CLIENT" "${NET}0/24"
	forbidden "$VIP6" "$CLIENT6" "$NET6/64"
	traffic from "$CLIENT"
	rules </dev/null
	result "IPsec: what its policies forbid goes neither way"
else
	skip "IPsec" "the kernel has none"
fi

# The bridge

assert_ok "br_netfilter" modprobe br_netfilter
defer rmmod br_netfilter
for name in bridge-nf-call-iptables bridge-nf-call-ip6tables; do
	knob "$director" "bridge/$name" 1
done
stateless
works "bridge"
assert_eq "other packets" 0 "$(passed other)"
done_with
tracking 1
stateful ''
works "bridge, conntrack=1"
assert_eq "invalid, and others" "0 0" "$(passed "invalid other")"
done_with
rules </dev/null
assert_kernel_content
result "a bridge whose packets the firewall sees"
