#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Ports that are used again while the real server still remembers the last
# connection (TIME_WAIT): no client waits or is reset, whatever its sequence
# numbers and timestamps; how that fails without; loss and selective
# acknowledgements where sequence numbers are translated; ports that have rested
# for long.
#
#   client ---------- director ------------ server1, server2
#   192.0.2.1 .. 60   VIP 192.0.2.100       198.51.100.1, .2
#                     LIP 198.51.100.201

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"
# shellcheck source=crowd.sh
. "$HERE/crowd.sh"

N=200 PORTS=10000-10199 COUNT=$((3000 / FEWER))
BYTES=3000000
# milliseconds; the kernel sends a SYN again after 1000, which is counted as well
PATIENCE=$((900 * SLOWER))

remembered()
{
	[ "$(time_waits "$1")" -eq "$2" ]
}

# assert_remembered: the real server remembers a connection by each port, as soon
# as the last ones' last packets have arrived
assert_remembered()
{
	busywait remembered "${servers[0]}" "$N" ||
		fault "remembered: $(time_waits "${servers[0]}") of $N"
}

# at_once: did the last connections take no time?
at_once()
{
	traffic slowest
	assert_le "slowest, ms" "$PATIENCE" "$REPLY"
	note "slowest: $REPLY ms"
}

# sent_again: to $SYNS, the SYNs that the client had to send again since then
sent_again()
{
	local now

	now=$(tcp_ext "$client" TCPSynRetrans)
	SYNS=$((now - SYNS_BEFORE))
	SYNS_BEFORE=$now
}

# assert_again: almost all of 20, for where all is slow a FIN is sent twice, and
# the reset that it meets has the real server forget the connection
assert_again()
{
	sent_again
	assert_ge "SYNs sent again" $((SLOWER > 1 ? 15 : 20)) "$SYNS"
}

# assert_not_again COUNT: none of so many; but where all is slow, a real server
# that others interrupt between its last ACK and TIME-WAIT may lose a SYN that comes
# at once
assert_not_again()
{
	sent_again
	assert_le "SYNs sent again" $((SLOWER > 1 ? 2 + $1 / 100 : 0)) "$SYNS"
}

# proof NAME ADDRESS NUMBERS COUNT
proof()
{
	local service

	service=$(service_of "$2" 80)
	fnatctl stats reset -t "$service"
	traffic to "$2" 80
	traffic numbers "$3"
	assert_answers "$4 good" cycle "$4" 8
	at_once
	assert_not_again "$4"
	assert_counts "created no-port stale" -t "$service" "$4 0 0"
}

# lossy NAMESPACE DEVICE
lossy()
{
	on "$1" tc qdisc add dev "$2" root netem loss 2% ||
		die "no netem"
}

# wrong NAMESPACE: TCP segments with a wrong checksum that have come there
wrong()
{
	# shellcheck disable=SC2016 # $ is awk's
	on "$1" awk '/^Tcp:/ { value = $NF } END { print value }' /proc/net/snmp
}

# with_loss ADJUSTED: bytes both ways where packets are lost, by connections of
# which so many have been translated so far. With reordering either end has some
# blocks that are too old; were they another connection's, it would have no other.
with_loss()
{
	local recovered discarded

	lossy "$director" lan1
	lossy "${servers[0]}" eth0
	assert_answers "4 good" open 4
	assert_counts "adjusted" -t "$VIP:80" "$1"
	recovered=$(tcp_ext "$client" TCPSackRecovery)
	discarded=$(tcp_ext "$client" TCPSACKDiscard)
	assert_answers 4 bulk "$BYTES"
	recovered=$(($(tcp_ext "$client" TCPSackRecovery) - recovered))
	discarded=$(($(tcp_ext "$client" TCPSACKDiscard) - discarded))
	note "SACK: $recovered recoveries, $discarded blocks discarded"
	assert_ge "recoveries by SACK at the client" 10 "$recovered"
	assert_le "SACKs that the client cannot read" "$recovered" "$discarded"
	on "$director" tc qdisc del dev lan1 root
	on "${servers[0]}" tc qdisc del dev eth0 root
	traffic close
}

require_fullnat ip_vs_rr bridge sch_netem
require tc ethtool
plan 13
fullnat_topology 2
for n in {2..60}; do
	echo "address add 192.0.2.$n/24 dev eth0"
	echo "address add 2001:db8:1::$n/64 dev eth0 nodad"
done | ip -n "$client" -batch -
start_crowd
traffic up -t 80
traffic up -t 90 2
SYNS_BEFORE=0

# This port rests until the end of all.
policy -t "$VIP:90" "$(laddr 1)" 9000-9000
real_service -t "$VIP:90" 2
traffic to "$VIP" 90
traffic numbers old
assert_answers "1 good" cycle 1
assert_ok "the real server remembers it" remembered "${servers[1]}" 1

# Clients that the kernel gives unrelated sequence numbers and timestamps

# Where all is slow a FIN is sent twice, and the client resets what answers the
# second one: that is not to have the real server forget the connection (RFC 1337).
[ "$SLOWER" -eq 1 ] || knob "${servers[0]}" ipv4/tcp_rfc1337 1
# shellcheck disable=SC2046 # a list
traffic from $(printf '192.0.2.%d ' {1..60})
policy -t "$VIP:80" "$(laddr 1)" "$PORTS"
real_service -t "$VIP:80" 1
proof "IPv4" "$VIP" any "$COUNT"
assert_counts "reused adjusted" -t "$VIP:80" "$((COUNT - N)) $((COUNT - N))"
assert_eq "reused at the address" $((COUNT - N)) \
	"$(counts_at reused "$(laddr 1)")"
assert_remembered
result "$COUNT connections by $N ports, closed first by the real server: none waits"

proof "IPv4" "$VIP" old 600
assert_counts "reused adjusted" -t "$VIP:80" "600 600"
assert_remembered
result "not even if each begins before the one before it"

# The same without; a client's reset makes room for its next SYN

knob "${servers[0]}" ipv4/tcp_rfc1337 0
policy -t "$VIP:80" "$(laddr 1)" "10200-10219" --adjust off
assert_answers "20 good" cycle 20 20
sent_again
assert_answers "20 good" cycle 20 20
assert_again
assert_counts "adjusted" -t "$VIP:80" 0
assert_ge "reused" 20 "$(counts reused -t "$VIP:80")"
result "--adjust off: numbers stay, and clients have to try again"

assert_ok "service set" fnatctl service set -t "$VIP:80" --adjust on
assert_answers "20 good" cycle 20 20
at_once
assert_not_again 20
assert_counts "adjusted" -t "$VIP:80" 20
assert_ok "service set" fnatctl service set -t "$VIP:80" --adjust off
assert_answers "20 good" cycle 20 20
assert_again
assert_counts "adjusted" -t "$VIP:80" 20
result "--adjust can be switched"

# Those that the client closes first leave nothing at the real server.

policy -t "$VIP:80" "$(laddr 1)" "10220-10239"
assert_answers "100 good" cycle 100 4 client
at_once
assert_not_again 100
result "closed first by the client: none waits"

# Both ends of a translated connection

policy -t "$VIP:80" "$(laddr 1)" "10240-10243"
assert_answers "4 good" cycle 4 4
assert_answers "4 good" open 4
assert_counts "adjusted" -t "$VIP:80" 4
assert_eq "sessions shown as adjusted" 4 \
	"$(fnatctl session show -t "$VIP:80" | grep -c 'established.* adjusted$')"
assert_answers 4 bulk "$BYTES"
assert_answers 4 close
assert_not_again 8
result "translated: $BYTES bytes there and back, 4 times, unchanged"

for name in "$client" "${servers[0]}"; do
	on "$name" ethtool -K eth0 tso off gso off >/dev/null
done
on "$director" ethtool -K cli tso off gso off gro off >/dev/null
with_loss 8
result "translated, with loss both ways: unchanged, and SACK does its work"

# checksums that are complete have to be right after translation
offload off
assert_answers "4 good" cycle 4 4
sent_again
traffic numbers any
assert_answers "20 good" cycle 20 4
at_once
assert_not_again 20
traffic numbers old
with_loss 36
assert_eq "segments with a wrong checksum" "0 0" \
	"$(wrong "$client") $(wrong "${servers[0]}")"
offload on
result "translated, with loss and complete checksums: the same"

# What IPVS has dropped, and the real server has not

no_sessions()
{
	[ "$(counts sessions -t "$VIP:80")" = 0 ]
}

policy -t "$VIP:80" "$(laddr 1)" "10250-10289"
assert_answers "20 good" open 20
fnatctl session flush >/dev/null
assert_ok "all sessions flushed" busywait no_sessions
traffic forget
for ((n = 0; n < 4; n++)); do
	assert_answers "20 good" cycle 20 4
	at_once
done
assert_counts "no-port" -t "$VIP:80" 0
result "the real server has connections that IPVS has not: none waits"
sent_again

# A connection that is used again in place, by the same client

sent_again
traffic numbers plain
traffic from "$CLIENT"
traffic sport 4000
policy -t "$VIP:80" "$(laddr 1)" "10300-10303"
for mode in 1 0; do
	knob "$director" ipv4/vs/conn_reuse_mode "$mode"
	assert_answers "20 good" cycle 20
	at_once
done
assert_not_again 40
assert_counts "no-port" -t "$VIP:80" 0
traffic sport 0
knob "$director" ipv4/vs/conn_reuse_mode 1
result "the same client port at once again, conn_reuse_mode 1 and 0"

# IPv6

traffic up -t 80
policy -t "[$VIP6]:80" "$(laddr6 1)" 10000-10049
real_service -t "[$VIP6]:80" 1
# shellcheck disable=SC2046 # a list
traffic from $(printf '2001:db8:1::%d ' {1..60})
sent_again
proof "IPv6" "$VIP6" any 300
assert_counts "reused adjusted" -t "[$VIP6]:80" "250 250"
proof "IPv6" "$VIP6" old 100
assert_counts "reused adjusted" -t "[$VIP6]:80" "100 100"
result "IPv6: 400 connections by 50 ports, none waits"

# After a minute nobody remembers anything.

traffic from "$CLIENT"
traffic to "$VIP" 90
traffic numbers old
DEADLINE=$((DEADLINE + 60)) busywait remembered "${servers[1]}" 0 ||
	fault "the real server does not forget"
fnatctl stats reset -t "$VIP:90"
assert_answers "1 good" open 1
assert_counts "created reused adjusted" -t "$VIP:90" "1 0 0"
assert_eq "sessions shown as adjusted" 0 \
	"$(fnatctl session show -t "$VIP:90" | grep -c 'established.* adjusted$')"
assert_answers 1 alive
traffic reset
result "a port that has rested for a minute: nothing is translated"

assert_kernel_content
result "the kernel has not complained"
