#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What a service may be besides the plain one: UDP flows, persistence, a mark
# for several ports, a sorry server, saved and restored. Each shares by weight.
#
#   client --------- director -------- server (16 addresses, one process)
#   192.0.2.1 .. 8   VIP 192.0.2.100   198.51.100.1 .. 16

. "$(dirname "$0")/lib.sh"

require ip ipvsadm nft
require_modules ip_vs "ip_vs_$SCHED"
plan 8
topology 1 16
for n in 2 3 4 5 6 7 8; do
	echo "address add 192.0.2.$n/24 dev eth0"
done | ip -n "$client" -batch -
on "$director" nft -f - <<-END
	table ip marks {
		chain prerouting {
			type filter hook prerouting priority mangle
			ip daddr $VIP th dport { 8001, 8002 } meta mark set 7
		}
	}
END
start_traffic traffic.py

virtual_service -u "$VIP:53" "$SCHED" 5,1,1
traffic to "$VIP" 53
assert_traffic "21 0 0" flows 21
assert_traffic yes smooth 5,1,1
assert_traffic yes cycles 5,1,1
assert_traffic yes again
assert_traffic "15 3 3" loads
result "UDP flows: shared by weight, answered, each stays at its server"

virtual_service -t "$VIP:80" "$SCHED" 5,1,1 -p 60
traffic to "$VIP" 80 -t
for n in 1 2 3 4 5 6 7; do
	traffic from "192.0.2.$n"
	assert_traffic "1 0 0" tcp 1
	traffic picks
	first=$REPLY
	assert_traffic "3 0 0" tcp 3
	assert_traffic "$first $first $first" picks
done
traffic all
assert_traffic "20 4 4" counts 3
result "persistence: seven clients are spread by weight, each stays"

# The templates take no turns: what an eighth gets is the first turn again.
traffic from 192.0.2.8
assert_traffic "1 0 0" tcp 1
traffic counts 3
assert_eq "pick of the eighth" "1 0 0" "$REPLY"
assert_traffic 29 alive
result "persistence: connections of a known client take no turns"

virtual_service -f 7 "$SCHED" 3,2,1
traffic to "$VIP" 8001 7
assert_traffic "4 0 0" tcp 4
assert_traffic "3 0 0" flows 3
traffic to "$VIP" 8002 7
assert_traffic "5 0 0" tcp 5
assert_traffic "6 4 2" loads
result "mark: two ports, TCP and UDP share one order"

virtual_service -t "$VIP:81" "$SCHED" 2,1,0
traffic to "$VIP" 81 -t
assert_traffic "6 0 0" tcp 6
assert_traffic "4 2 0" counts 3
traffic weight 1 0
traffic weight 2 0
assert_traffic "0 2 0" tcp 2
traffic weight 3 1
assert_traffic "4 0 0" tcp 4
assert_traffic "0 0 4" counts 3
assert_traffic 10 alive
result "sorry server: all of it while the others have weight 0"

traffic weight 1 2 5
traffic weight 2 1 3
traffic weight 3 0
assert_traffic "2 3 0" tcp 5
assert_traffic "1 1 0" counts 3
traffic weight 3 1
assert_traffic "3 0 0" tcp 3
assert_traffic "0 0 3" counts 3
traffic weight 3 0
traffic weight 1 2
traffic weight 2 1
assert_traffic "6 0 0" tcp 6
assert_traffic "4 2 0" counts 3
result "sorry server: when the others are full, and nothing when they are back"

ipvs -C
ipvs -R <<-END
	-A -u $VIP:53 -s $SCHED -o -b flag-1,flag-3
	-a -u $VIP:53 -r ${NET}1:53 -m -w 5 -x 9 -y 4
	-a -u $VIP:53 -r ${NET}2:53 -m -w 1
	-a -u $VIP:53 -r ${NET}3:53 -m -w 1
	-A -t $VIP:80 -s $SCHED -p 360
	-a -t $VIP:80 -r ${NET}1:80 -g -w 2147483647
	-A -t [$VIP6]:80 -s $SCHED -b flag-2
	-a -t [$VIP6]:80 -r [${NET6}1]:80 -i -w 7
	-A -f 7 -s $SCHED
	-a -f 7 -r ${NET}1:0 -m -w 0
END
saved=$(ipvs -Sn)
assert_eq "lines saved" 10 "$(wc -l <<<"$saved")"
ipvs -C
ipvs -R <<<"$saved"
again=$(ipvs -Sn)
assert_eq "saved again" "$(sort <<<"$saved")" "$(sort <<<"$again")"
result "saved, restored and saved again: the same"

traffic to "$VIP" 53
assert_traffic "3 0 0" udp 3
ipvs -Sn >/dev/null
ipvs -Ln --stats >/dev/null
assert_traffic "11 0 0" udp 11
traffic all
assert_traffic yes smooth 5,1,1
assert_traffic yes cycles 5,1,1
result "the restored shares by weight, and looking does not disturb the order"
