#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Edits under traffic: weights, real servers that come and go, a scheduler
# exchanged. Nobody starves, nobody gets a burst, nothing gets lost, and what
# is switched off gets nothing from then on.
#
#   client --------- director -------- server (16 addresses, one process)
#   192.0.2.1        VIP 192.0.2.100   198.51.100.1 .. 16

. "$(dirname "$0")/lib.sh"

require ip ipvsadm
require_modules ip_vs "ip_vs_$SCHED"
plan 15
topology 1 16
start_traffic traffic.py

# one_packet SCHEDULER WEIGHTS
one_packet()
{
	virtual_service -u "$VIP:53" "$1" "$2" -o
	traffic to "$VIP" 53
}

# churn NAME SCHEDULER PICKS EVERY CHANGE WEIGHTS: $LAG, $STARVED, $WRONG
churn()
{
	one_packet "$2" "$6"
	traffic churn "$3" "$4" "$5" "$6"
	read -r LAG STARVED WRONG <<<"$REPLY"
	note "$1: $2: off by $LAG picks, $STARVED of 16 got none, $WRONG lost"
}

# steady LIMIT: the last churn kept within so many hundredths of a pick
steady()
{
	assert_le "hundredths of a pick" "$1" $((10#${LAG//./} / 10))
	assert_eq "servers without a turn" 0 "$STARVED"
	assert_eq "picks lost, or of weight 0" 0 "$WRONG"
}

mixed=$(weights 16 50 100 3)

# Weights

churn "a weight redrawn before every datagram" "$SCHED" 3000 1 redraw "$mixed"
steady 125
result "a weight redrawn before every datagram: within 1.25 picks"

churn "a weight redrawn every 5" "$SCHED" 640 5 redraw "$mixed"
steady 125
if installed ip_vs_wrr; then
	churn "a weight redrawn every 5" wrr 640 5 redraw "$mixed"
fi
result "a weight redrawn before every fifth: within 1.25 picks, none starves"

churn "a weight one up or down" "$SCHED" 2000 1 drift "$mixed"
steady 125
result "a weight one up or down before every datagram: within 1.25 picks"

churn "a server on or off" "$SCHED" 3000 1 flip "$mixed"
steady 200
result "a server off or on before every datagram: none off is picked"

one_packet "$SCHED" 5,1,1
assert_traffic "3 0 0" udp 3
traffic weight 2 1
assert_traffic "2 0 0" udp 2
ipvs -e -u "$VIP:53" -r "${NET}3:53" -m -w 1
assert_traffic "9 0 0" udp 9
traffic all
assert_traffic yes smooth 5,1,1
assert_traffic "10 2 2" counts 3
result "edits that change nothing do not disturb the order"

one_packet "$SCHED" 5,1,1
assert_traffic "10 0 0" udp 10
ipvs -e -u "$VIP:53" -r "${NET}1:53" -m -w 0
assert_traffic "20 0 0" udp 20
assert_traffic "0 10 10" counts 3
assert_traffic 1 run
ipvs -e -u "$VIP:53" -r "${NET}1:53" -m -w 5
assert_traffic "70 0 0" udp 70
assert_traffic yes modest 5,1,1 1,2,3
traffic run
assert_le "longest run" 3 "$REPLY"
assert_traffic yes cycles 5,1,1
result "weight 0 quiesces at once; back without a burst, exact cycles again"

# Real servers

one_packet "$SCHED" 2,1
assert_traffic "6 0 0" udp 6
ipvs -a -u "$VIP:53" -r "${NET}3:53" -m -w 3
assert_traffic "60 0 0" udp 60
assert_traffic yes modest 2,1,3 1,2,3
assert_traffic yes cycles 2,1,3
traffic run
assert_le "longest run" 2 "$REPLY"
result "one added: its share from then on, and no more"

ipvs -d -u "$VIP:53" -r "${NET}1:53"
assert_traffic "40 0 0" udp 40
assert_traffic "0 10 30" counts 3
assert_traffic yes absent 1
result "one deleted: never picked again, the others share by weight"

ipvs -a -u "$VIP:53" -r "${NET}1:53" -m -w 2
assert_traffic "60 0 0" udp 60
assert_traffic "20 10 30" counts 3
assert_traffic yes modest 2,1,3 1,2,3
result "one deleted and added again: its share, without a burst"

# A deleted server with a live connection waits in the trash; adding it again
# finds it there.
virtual_service -t "$VIP:80" "$SCHED" 1,1
traffic to "$VIP" 80 -t
assert_traffic "4 0 0" tcp 4
ipvs -d -t "$VIP:80" -r "${NET}1:80"
assert_traffic "4 0 0" tcp 4
assert_traffic "0 4" counts 2
ipvs -a -t "$VIP:80" -r "${NET}1:80" -m -w 3
assert_traffic "8 0 0" tcp 8
assert_traffic "6 2" counts 2
assert_traffic 16 alive
traffic load 1
assert_eq "connections of the revived" 8 "$REPLY"
result "one deleted and revived keeps its connections and gets its new share"

# While traffic goes on

service=$VIP:53
virtual_service -u "$service" "$SCHED" 4,3,2,1 -o
traffic to "$VIP" 53
traffic flood udp
for n in 1 2 3 4 5; do
	flood_on 20
	ipvs -R <<-END
		-e -u $service -r ${NET}1:53 -m -w $n
		-e -u $service -r ${NET}2:53 -m -w 0
		-d -u $service -r ${NET}3:53
		-a -u $service -r ${NET}3:53 -m -w $n
		-e -u $service -r ${NET}2:53 -m -w 1
	END
done
ipvs -d -u "$service" -r "${NET}4:53"
flood_on 101
traffic calm
assert_match "datagrams" '^[0-9]+ 0 0$' "$REPLY"
# The one that was under way at the deletion was counted after it.
traffic since $((SENT + 1))
assert_traffic yes absent 4
assert_traffic yes cycles 5,1,5
result "datagrams during 26 edits: none lost, none to the deleted"

virtual_service -t "$VIP:81" "$SCHED" 2,2,1
traffic to "$VIP" 81 -t
traffic flood tcp
for n in 1 2 3; do
	ipvs -e -t "$VIP:81" -r "${NET}$n:81" -m -w 0
	flood_on 10
	ipvs -R <<-END
		-d -t $VIP:81 -r ${NET}$n:81
		-a -t $VIP:81 -r ${NET}$n:81 -m -w $n
	END
done
flood_on 10
traffic calm
assert_match "connections" '^[0-9]+ 0 0$' "$REPLY"
assert_traffic "12 0 0" tcp 12
assert_traffic "2 4 6" counts 3
result "connections while servers are drained, deleted, added: none lost"

# Schedulers

others=
for other in rr wrr; do
	installed "ip_vs_$other" && others+=" $other"
done
if [ -n "$others" ]; then
	virtual_service -t "$VIP:82" "$SCHED" 5,1,1
	traffic to "$VIP" 82 -t
	assert_traffic "7 0 0" tcp 7
	for other in $others; do
		ipvs -E -t "$VIP:82" -s "$other"
		assert_traffic "3 0 0" tcp 3
		ipvs -E -t "$VIP:82" -s "$SCHED"
		assert_traffic "14 0 0" tcp 14
		assert_traffic yes cycles 5,1,1
		assert_traffic yes smooth 5,1,1
	done
	traffic alive
	assert_match "connections alive" '^(24|41)$' "$REPLY"
	result "-E to$others and back: exact cycles, connections stay"

	one_packet "$SCHED" 5,1,1
	traffic flood udp
	for other in $others $others; do
		ipvs -E -u "$service" -s "$other" -o
		flood_on 10
		ipvs -E -u "$service" -s "$SCHED" -o
		flood_on 10
	done
	traffic calm
	read -r answered refused lost <<<"$REPLY"
	assert_eq "datagrams lost" 0 "$lost"
	assert_le "least answered" "$answered" 1
	note "$answered answered, $refused refused while IPVS had no scheduler"
	assert_traffic "70 0 0" udp 70
	assert_traffic "50 10 10" counts 3
	result "-E to$others and back while datagrams come: none lost"
else
	skip "-E to another scheduler and back" "no other scheduler"
	skip "-E while datagrams come" "no other scheduler"
fi

one_packet "$SCHED" 5,1,1
assert_traffic "3 0 0" udp 3
ipvs -E -u "$service" -s "$SCHED" -o -b flag-3
assert_traffic "4 0 0" udp 4
traffic all
assert_traffic yes cycles 5,1,1
result "-E with the same scheduler does not disturb the order"
