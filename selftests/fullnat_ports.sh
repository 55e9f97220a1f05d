#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Local ports: as many connections with a real server as there are ports, to
# the last one; whom a port belongs to; in what order ports are used.
#
#   client ---------- director ------------ server1, server2
#   192.0.2.1         VIP 192.0.2.100       198.51.100.1, .2
#                     LIP 198.51.100.201, .202

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"
# shellcheck source=crowd.sh
. "$HERE/crowd.sh"

# N ports are these
N=24 PORTS=10000-10023
MANY=4200 MANY_PORTS=8190-12389

# all_ports FIRST LAST: one line of them
all_ports()
{
	seq -s ' ' "$1" "$2"
}

in_order()
{
	tr ' ' '\n' <<<"$1" | sort -n | tr '\n' ' ' | sed 's/ $//'
}

# full KIND SERVICE LADDR: N connections stand, no further one
full()
{
	assert_answers "$N good" open "$N"
	assert_answers yes unique
	traffic ports
	assert_eq "ports" "$(all_ports 10000 10023)" "$(in_order "$REPLY")"
	assert_counts "sessions no-port" "$1" "$2" "$N 0"
	assert_eq "used" "$3 $N/$N" "$(used "$1" "$2")"
}

# exact NAME ADDRESS LADDR CLIENT: to the last port, and one more
exact()
{
	local service SEEN

	SEEN=$(events exhausted 80)
	service=$(service_of "$2" 80)
	policy -t "$service" "$3" "$PORTS"
	real_service -t "$service" 1
	traffic to "$2" 80
	traffic from "$4"
	full -t "$service" "$3"
	result "$1: $N ports, $N connections"

	traffic syn 1
	assert_counts_soon "no-port created sessions" -t "$service" "1 $N $N"
	assert_eq "$3: no-port" 1 "$(counts_at no-port "$3")"
	busywait happened $((SEEN + 1)) exhausted 80 || fault "no event"
	assert_eq "events" $((SEEN + 1)) "$(events exhausted 80)"
	traffic syn 9
	assert_counts_soon "no-port created sessions" -t "$service" "10 $N $N"
	assert_eq "$3: no-port" 10 "$(counts_at no-port "$3")"
	assert_match "laddr show" " 10\$" \
		"$(fnatctl laddr show -t "$service" | tail -n 1)"
	assert_answers "$N" alive
	result "$1: what comes then is refused and counted, one by one"
}

require_fullnat ip_vs_rr bridge
plan 23
fullnat_topology 2
dir=$(mktemp -d)
defer rm -rf "$dir"
ulimit -n $((2 * MANY)) || die "a process cannot have so many sockets"
start_crowd
traffic up -t 80
traffic up -u 53
start_monitor "$dir/events"

# To the last port

exact "TCP" "$VIP" "$(laddr 1)" "$CLIENT"
assert_match "events" '^[12]$' "$(events exhausted 80)"
assert_match "event" "\"address\":\"$VIP\",\"port\":80" \
	"$(grep exhausted "$EVENTS" | head -n 1)"
result "an event says which service has no port left, once a second"

traffic reset
assert_answers "$N good" open "$N"
assert_answers yes unique
traffic syn 1
assert_counts_soon "no-port" -t "$VIP:80" 11
assert_answers "$N" close
assert_answers "$N good" open "$N"
traffic syn 1
assert_counts_soon "no-port" -t "$VIP:80" 12
assert_eq "used" "$(laddr 1) $N/$N" "$(used -t "$VIP:80")"
assert_answers "$N" alive
result "after resets, and after closing, as many again"

fnatctl laddr add -t "$VIP:80" --laddr "$(laddr 2)"
assert_answers "$N good" open "$N"
assert_answers yes unique
assert_answers "$(laddr 2)" laddrs_of_last
assert_eq "used" "$(laddr 1) $N/$N,$(laddr 2) $N/$N" "$(used -t "$VIP:80")"
fnatctl stats reset
traffic syn 1
assert_counts_soon "no-port" -t "$VIP:80" 1
assert_eq "no-port of each address" "1 1" \
	"$(counts_at no-port "$(laddr 1)") $(counts_at no-port "$(laddr 2)")"
assert_answers "$((2 * N))" alive
traffic reset
assert_answers "$((2 * N)) good" open "$((2 * N))"
assert_answers yes unique
traffic reset
result "two local addresses, twice as many"

ipvs -D -t "$VIP:80"
policy -t "$VIP:80" "$(laddr 1)" "$PORTS"
real_service -t "$VIP:80" "1 2"
assert_answers "$((2 * N)) good" open "$((2 * N))"
assert_answers "$N $N" shares
assert_answers yes unique
assert_eq "used" "$(laddr 1) $N/$N" "$(used -t "$VIP:80")"
traffic syn 2
assert_counts_soon "no-port" -t "$VIP:80" 2
assert_answers "$((2 * N))" alive
traffic reset
ipvs -D -t "$VIP:80"
result "one local address, two real servers, twice as many"

# 23 and 24 are another policy's, with the same real server.
policy -t "$VIP:80" "$(laddr 1)" "$PORTS"
policy -t "$VIP:81" "$(laddr 1)" 10022-10025
real_service -t "$VIP:80" 1
{
	echo "-A -t $VIP:81 -s rr"
	echo "-a -t $VIP:81 -r ${NET}1:80 -m"
} | ipvs -R
traffic to "$VIP" 81
assert_answers "4 good" open 4
traffic to "$VIP" 80
assert_answers "$((N - 2)) good" open "$((N - 2))"
assert_answers yes unique
traffic syn 1
assert_counts_soon "no-port" -t "$VIP:80" 1
assert_answers "$((N + 2))" alive
traffic reset
ipvs -C
fnatctl service del -t "$VIP:81"
result "two services share an address, and never a port with a real server"

exact "TCP, IPv6" "$VIP6" "$(laddr6 1)" "$CLIENT6"
traffic reset
ipvs -C

policy -u "$VIP:53" "$(laddr 1)" "$PORTS"
real_service -u "$VIP:53" 1
traffic from "$CLIENT"
traffic to "$VIP" 53 -u
full -u "$VIP:53" "$(laddr 1)"
traffic datagrams 3
assert_counts_soon "no-port created" -u "$VIP:53" "3 $N"
assert_eq "event" 1 "$(busywait happened 1 exhausted 53 && echo 1)"
result "UDP: $N ports, $N flows, what comes then is refused"

fnatctl service set -u "$VIP:53" --udp-timeout 1
assert_answers "$N" alive
assert_counts_soon "sessions ended" -u "$VIP:53" "0 $N"
traffic close
fnatctl service set -u "$VIP:53" --udp-timeout 0
assert_answers "$N good" open "$N"
assert_answers "$N" alive
traffic close
ipvs -C
fnatctl service del -u "$VIP:53"
result "UDP: after --udp-timeout, as many again"

# Whole parts of the map of ports are full, and a client's port is not that of a
# flow before

no_flows()
{
	[ "$(fnatctl session show | grep -c '^udp ')" -eq 0 ]
}

fnatctl session flush >/dev/null
assert_ok "flows are flushed" busywait no_flows
policy -u "$VIP:53" "$(laddr 2)" "$MANY_PORTS"
real_service -u "$VIP:53" 1
assert_answers "$MANY good" open "$MANY"
assert_answers yes unique
assert_eq "used" "$(laddr 2) $MANY/$MANY" "$(used -u "$VIP:53")"
traffic datagrams 1
assert_counts_soon "no-port sessions" -u "$VIP:53" "1 $MANY"
traffic close
ipvs -C
fnatctl service del -u "$VIP:53"
fnatctl session flush >/dev/null
result "UDP: $MANY ports, $MANY flows"

# In what order

policy -t "$VIP:80" "$(laddr 1)" 10000-10011
real_service -t "$VIP:80" 1
traffic to "$VIP" 80
traffic order 36
read -ra order <<<"$REPLY"
assert_eq "the first 12" "$(all_ports 10000 10011)" \
	"$(in_order "${order[*]:0:12}")"
assert_eq "the next 12" "${order[*]:0:12}" "${order[*]:12:12}"
assert_eq "and again" "${order[*]:0:12}" "${order[*]:24:12}"
result "a port is used again after all others"

traffic open 7
traffic order 15
read -ra order <<<"$REPLY"
assert_eq "the next 5" "${order[*]:0:5}" "${order[*]:5:5}"
assert_eq "and again" "${order[*]:0:5}" "${order[*]:10:5}"
assert_eq "all" 5 "$(printf '%s\n' "${order[@]}" | sort -u | wc -l)"
assert_answers 7 alive
traffic reset
result "a port is used again after all others that are free"

# neighbours PORTS: how many are the last one's neighbour
neighbours()
{
	awk '{
		for (i = 2; i <= NF; i++)
			n += $i - $(i - 1) == 1 || $(i - 1) - $i == 1
		print n + 0
	}' <<<"$1"
}

policy -t "$VIP:80" "$(laddr 1)" 11000-11511
traffic order 64
lent=$REPLY
assert_eq "ports" 64 "$(tr ' ' '\n' <<<"$lent" | sort -u | grep -c '^11')"
assert_le "neighbours" 16 "$(neighbours "$lent")"
policy -t "$VIP:80" "$(laddr 2)" 11000-11511
traffic order 64
assert_eq "ports" 64 "$(tr ' ' '\n' <<<"$REPLY" | sort -u | grep -c '^11')"
assert_le "neighbours" 16 "$(neighbours "$REPLY")"
[ "$lent" != "$REPLY" ] || fault "local addresses have the same order"
result "who knows a port does not know the next"

# A reset with a sequence number that the real server does not believe

policy -t "$VIP:80" "$(laddr 1)" 10900-10901
assert_answers "2 good" open 2
traffic forge_reset
assert_answers 2 alive
traffic syn 1
assert_counts_soon "no-port" -t "$VIP:80" 1
assert_answers 2 alive
result "a forged reset does not give a port away while the connection goes on"

# IPVS takes that for the end as well
closed()
{
	[ "$(ipvs -Lnc | grep -c " CLOSE .*$VIP:80 ")" -eq 2 ]
}

traffic reset
assert_answers "2 good" open 2
before=$(counts no-port -t "$VIP:80")
traffic forge_blank
assert_ok "closed" busywait closed
traffic syn 1
assert_counts_soon "no-port" -t "$VIP:80" $((before + 1))
assert_answers 2 alive
result "nor does a forged segment without flags"

traffic forge_reset
assert_answers "2 good" open 2
begin=$SECONDS
assert_answers 2 alive
# for silence they would wait longer than that, each
assert_le "seconds" $((DEADLINE / 2)) $((SECONDS - begin))
traffic reset
result "whose port went to another is told so"

# The director's own ports

fnatctl service del -t "$VIP:80"
fnatctl service add -t "$VIP:80" --laddr "$(laddr 1)"
assert_match "service show" 'ports +1024-32767,61000-65535 \(default\)' \
	"$(fnatctl service show -t "$VIP:80")"
knob "$director" ipv4/ip_local_port_range "2000 3000"
fnatctl service del -t "$VIP:80"
fnatctl service add -t "$VIP:80" --laddr "$(laddr 1)"
assert_match "service show" 'ports +1024-1999,3001-65535 \(default\)' \
	"$(fnatctl service show -t "$VIP:80")"
fnatctl service del -t "$VIP:80"
result "by default, ports are those outside of ip_local_port_range"

SENTENCE='ip_local_port_range.*ip_local_reserved_ports'
knob "$director" ipv4/ip_local_port_range "30016 30047"
for ports in 30000-30016 30047-30050 30020-30030 29999-30050 30016 30047; do
	refused "$SENTENCE" service add -t "$VIP:80" --laddr "$(laddr 1)" \
		--ports "$ports"
done
knob "$director" ipv4/ip_local_reserved_ports 30016-30022,30024-30030
refused "$SENTENCE" service add -t "$VIP:80" --laddr "$(laddr 1)" \
	--ports 30016-30030
refused "$SENTENCE" service add -t "$VIP:80" --laddr "$(laddr 1)" \
	--ports 30024-30031
for ports in 30000-30015 30048-30050 30016-30022 30024-30030 30010-30022; do
	policy -t "$VIP:80" "$(laddr 1)" "$ports"
done
refused "$SENTENCE" service set -t "$VIP:80" --ports 30016-30030
assert_match "service show" 'ports +30010-30022$' \
	"$(fnatctl service show -t "$VIP:80" | grep ports)"
knob "$director" ipv4/ip_local_reserved_ports 30016-30031
assert_ok "service set" fnatctl service set -t "$VIP:80" --ports 30016-30031
result "ports of ip_local_port_range are refused unless they are reserved"

# 16 of ours, 16 of the director's own, of 32
assert_answers "16 good" open 16
traffic syn 1
assert_counts_soon "no-port" -t "$VIP:80" 1
assert_answers "16 good" own "$(laddr 1)" "${NET}1" 80 16
traffic own_ports
assert_eq "the director's own" "$(all_ports 30032 30047)" "$REPLY"
ask own "$(laddr 1)" "${NET}1" 80 1
assert_match "the 17th of its own" EADDRINUSE "$REPLY"
assert_answers 16 alive
assert_answers 16 own_alive
traffic own_close
result "full: the director's own connections to the real server have ports"

traffic reset
assert_answers "16 good" own "$(laddr 1)" "${NET}1" 80 16
assert_answers "16 good" open 16
assert_answers 16 own_alive
traffic reset
assert_answers "400 good" cycle 400 8
assert_answers 16 own_alive
traffic own_close
result "connections come and go beside the director's own"

# The borders move, and that is noticed within a second. What rests on a port
# gives way.
# none_left: is a connection refused?
none_left()
{
	traffic syn 1
	[ "$(counts no-port -t "$VIP:80")" -gt 0 ]
}

# only FIRST LAST: do connections get these ports, and no others?
only()
{
	traffic reset
	traffic open $(($2 - $1 + 1))
	traffic ports
	[ "$(in_order "$REPLY")" = "$(all_ports "$1" "$2")" ]
}

fnatctl stats reset
resting=$(counts sessions -t "$VIP:80")
assert_ge "resting" 10 "$resting"
knob "$director" ipv4/ip_local_reserved_ports ''
assert_ok "no port is left" busywait none_left
assert_answers "16 good" own "$(laddr 1)" "${NET}1" 80 16
assert_answers 16 own_alive
traffic own_close
knob "$director" ipv4/ip_local_port_range "30020 30047"
assert_ok "4 ports are left" busywait only 30016 30019
assert_eq "used" "$(laddr 1) 4/4" "$(used -t "$VIP:80")"
before=$(counts no-port -t "$VIP:80")
traffic syn 1
assert_counts_soon "no-port" -t "$VIP:80" $((before + 1))
knob "$director" ipv4/ip_local_reserved_ports 30025-30026
assert_answers "2 good" open 2
traffic ports
assert_eq "ports" "$(all_ports 30016 30019) 30025 30026" "$(in_order "$REPLY")"
traffic syn 1
assert_counts_soon "no-port" -t "$VIP:80" $((before + 2))
knob "$director" ipv4/ip_local_port_range "32768 60999"
assert_answers "10 good" open 10
assert_answers yes unique
assert_answers 16 alive
assert_eq "used" "$(laddr 1) 16/16" "$(used -t "$VIP:80")"
# some that are busy are covered, and count no longer
knob "$director" ipv4/ip_local_port_range "30020 30047"
assert_eq "used" "$(laddr 1) 6/6" "$(used -t "$VIP:80")"
assert_answers 16 alive
knob "$director" ipv4/ip_local_port_range "32768 60999"
traffic reset
result "changed later, the sysctls count"

assert_kernel_content
result "the kernel has not complained"
