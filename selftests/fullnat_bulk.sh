#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# FULLNAT of large transfers, both ways at once, every byte compared: with
# segments made late and early, checksums complete or not, small MTUs on every
# link of the way, and a network that loses, repeats and reorders.
#
#   client ------- near ------- director ------- far ------- server
#   203.0.113.1                 VIP 192.0.2.100              198.51.100.1
#                               LIP 10.0.0.201, .202

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"

PORT=5001
# KiB each way
LARGE=$((16384 / FEWER)) MEDIUM=$((6144 / FEWER)) SMALL=$((1024 / FEWER))

# transfer KIB
transfer()
{
	assert_traffic "$(($1 * 1024)) $(($1 * 1024))" transfer "$1" "$1"
}

# devices WORDS...: ethtool -K of every device that is at an end or the director
offloads()
{
	features "$client" eth0 "$@"
	features "$server" eth0 "$@"
	features "$near" client "$@"
	features "$near" director "$@"
	features "$far" director "$@"
	features "$far" server "$@"
	features "$director" cli "$@"
	features "$director" lan "$@"
}

features()
{
	on "$1" ethtool -K "$2" "${@:3}" >/dev/null ||
		die "ethtool -K $2 ${*:3} failed"
}

# offloaded NAME KIB IN OUT: a transfer in both families. Packets come to the
# director, and leave it, as segments (many) or as what makes up many (few).
offloaded()
{
	local name=$1 size=$2 address before after

	for address in "$VIP" "$VIP6"; do
		traffic to "$address" "$PORT" -t
		traffic packets
		before=$REPLY
		transfer "$size"
		traffic packets
		after=$REPLY
		count "in" "$3" $((${after% *} - ${before% *}))
		count "out" "$4" $((${after#* } - ${before#* }))
	done
	result "$name: $size KiB both ways, IPv4 and IPv6"
}

# count WAY many|few PACKETS; a slow kernel has less to merge at a time
count()
{
	local segments=$((2 * size * 1024 / 1460))
	local few=$((SLOWER > 1 ? segments * 9 / 10 : segments / 3))

	case $2 in
	many) assert_ge "packets $1" "$segments" "$3" ;;
	few) assert_le "packets $1" "$few" "$3" ;;
	esac
}

# narrow NAME MTU NAMESPACE DEVICE NAMESPACE DEVICE: the link's
narrow()
{
	local name=$1 mtu=$2 address

	ip -n "$3" link set "$4" mtu "$mtu"
	ip -n "$5" link set "$6" mtu "$mtu"
	for address in "$VIP" "$VIP6"; do
		traffic to "$address" "$PORT" -t
		transfer "$SMALL"
		assert_traffic "$mtu $mtu" mtus
	done
	ip -n "$3" link set "$4" mtu 1500
	ip -n "$5" link set "$6" mtu 1500
	forget "$client"
	forget "$server"
	traffic to "$VIP" "$PORT" -t
	transfer 64
	assert_traffic "1500 1500" mtus
	result "MTU $mtu $name: both ends find it, $SMALL KiB both ways"
}

# forget NAMESPACE: what it knows of paths
forget()
{
	ip -n "$1" route flush cache
	ip -n "$1" -6 route flush cache
}

# netem NAME DISTURBANCE...: on both ways out of the director
disturbed()
{
	local name=$1 device address
	shift

	for device in cli lan; do
		on "$director" tc qdisc add dev "$device" root netem "$@" ||
			die "no netem"
	done
	for address in "$VIP" "$VIP6"; do
		traffic to "$address" "$PORT" -t
		transfer "$MEDIUM"
	done
}

undisturbed()
{
	local device

	for device in cli lan; do
		on "$director" tc qdisc del dev "$device" root
	done
}

# tcp_counter NAME: of both ends together
tcp_counter()
{
	local namespace

	for namespace in "$client" "$server"; do
		on "$namespace" cat /proc/net/netstat
	done | awk -v name="$1" '/^TcpExt:/ {
			if (++line % 2) n = split($0, key)
			else for (i = 1; i <= n; i++)
				if (key[i] == name) sum += $i
		}
		END { print sum + 0 }'
}

# lost DEVICE: packets that netem has dropped
lost()
{
	on "$director" tc -s qdisc show dev "$1" |
		sed -n 's/.*dropped \([0-9]*\).*/\1/p' | head -n 1
}

require_fullnat veth
require ethtool tc
plan 11
fullnat_routed_topology
on "$client" sh -c 'echo 0 >/proc/sys/net/ipv4/tcp_no_metrics_save'
for address in "$VIP" "$VIP6"; do
	fullnat_service -t "$address" "$PORT" 1
done
start_traffic bulk.py

offloaded "segmentation by the last device" "$LARGE" few few
offloads tso off gso off gro off
offloaded "segments, checksums by the last device" "$MEDIUM" many many
offloads tx off rx off
offloaded "segments, checksums complete" "$MEDIUM" many many
for device in cli lan; do
	features "$director" "$device" gro on tx on tso on gso on
done
# before 5.13, veth merges nothing unless it has an XDP program
[ "$(printf '%s\n' 5.13 "$(uname -r)" | sort -V | head -n 1)" = 5.13 ] &&
	merged=few || merged=many
offloaded "segments merged by the director" "$MEDIUM" many "$merged"
offloads tx on rx on
offloads tso on gso on gro off

narrow "before the client" 1400 "$near" client "$client" eth0
narrow "before the director" 1400 "$near" director "$director" cli
narrow "after the director" 1400 "$director" lan "$far" director
narrow "before the server" 1400 "$far" server "$server" eth0

offloads tso off gso off
if modprobe -q sch_netem; then
	disturbed "loss" loss 1%
	assert_ge "lost" 1 "$(lost cli)"
	assert_ge "lost" 1 "$(lost lan)"
	undisturbed
	result "loss: $MEDIUM KiB both ways"
	before=$(tcp_counter TCPDSACKRecv)
	disturbed "duplicates" duplicate 2%
	assert_ge "duplicates" 1 $(($(tcp_counter TCPDSACKRecv) - before))
	undisturbed
	result "duplicates: $MEDIUM KiB both ways"
	before=$(tcp_counter TCPOFOQueue)
	disturbed "reordering" delay 5ms reorder 90% 50%
	assert_ge "reordered" 1 $(($(tcp_counter TCPOFOQueue) - before))
	undisturbed
	result "reordering: $MEDIUM KiB both ways"
else
	skip "loss" "no module sch_netem"
	skip "duplicates" "no module sch_netem"
	skip "reordering" "no module sch_netem"
fi
