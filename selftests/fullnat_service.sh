#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What a virtual service under a policy may be: every kind, scheduler and way
# of forwarding that IPVS has, either FULLNAT or as ever, and nothing in
# between; clients and real servers on the director itself; policies and
# services that come and go without each other.
#
#   client ---------- director ------------ server1 .. server3
#   192.0.2.1         VIP 192.0.2.100       198.51.100.1 .. 3
#      |              LIP 198.51.100.201       |
#      +-- back1, back2 --------- back --------+
#
# Answers of server1 and server2 that are not masqueraded return by the links
# back.

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"
# shellcheck source=crowd.sh
. "$HERE/crowd.sh"

PORTS=10000-19999
# a virtual address that the director does not have
ELSEWHERE=203.0.113.50

# state KIND SERVICE: what service show says that IPVS has
state()
{
	fnatctl --json service show "$@" |
		sed -n 's/.*"ipvs":{"state":"\([^"]*\)".*/\1/p'
}

assert_state()
{
	assert_eq "service show ${*:2}" "$1" "$(state "${@:2}")"
}

marks()
{
	on "$director" nft -f - <<-END || die "nft does not mark"
		table inet marks {
			chain prerouting {
				type filter hook prerouting priority mangle
				ip daddr { $VIP, $ELSEWHERE } th dport { 8003, 8004 } meta mark set 7
				ip6 daddr $VIP6 th dport { 8003, 8004 } meta mark set 7
			}
		}
	END
}

# Ways for answers that do not return by the director
links_back()
{
	local n

	for n in 1 2; do
		ip link add back netns "${servers[n - 1]}" type veth \
			peer name "back$n" netns "$client"
		ip -n "$client" link set "back$n" up
		ip -n "${servers[n - 1]}" -batch - <<-END
			link set back up
			route add $CLIENT/32 dev back
		END
		knob "${servers[n - 1]}" ipv4/conf/all/arp_ignore 1
		knob "${servers[n - 1]}" ipv4/conf/all/arp_announce 2
		knob "$client" "ipv4/conf/back$n/rp_filter" 0
	done
}

require_fullnat ip_vs_rr bridge ipip ip_vs_ftp
require nft
plan 21
fullnat_topology 3
# the director serves a port, too, as number 4
servers+=("$director")
marks
start_crowd

# Kinds of services

traffic up -t 8001 1 2 3
traffic up -t 8002 1 2 3
policy -t "$VIP:0" "$(laddr 1)" "$PORTS"
{
	echo "-A -t $VIP:0 -s rr -p 100"
	for n in 1 2 3; do echo "-a -t $VIP:0 -r $NET$n:0 -m"; done
} | ipvs -R
traffic to "$VIP" 8001
assert_answers "4 good" open 4
assert_seen "$(laddr 1)"
traffic to "$VIP" 8002
assert_answers "4 good" open 4
assert_seen "$(laddr 1)"
assert_answers 8 alive
traffic shares
assert_match "all with one server" '^(8 0 0 0|0 8 0 0|0 0 8 0)$' "$REPLY"
assert_counts "created no-port" -t "$VIP:0" "8 0"
assert_state ready -t "$VIP:0"
traffic reset
ipvs -C
fnatctl service del -t "$VIP:0"
result "any port"

for kind in -t -u; do
	traffic up "$kind" 8003 1 2 3
	traffic up "$kind" 8004 1 2 3
done
assert_ok "policy by mark" fnatctl service add -f 7 --laddr "$(laddr 1)" \
	--ports "$PORTS"
assert_ok "policy by mark" fnatctl service add -f 7 -6 --laddr "$(laddr6 1)" \
	--ports "$PORTS"
{
	echo "-A -f 7 -s rr"
	echo "-A -f 7 -6 -s rr"
	for n in 1 2 3; do
		echo "-a -f 7 -r $NET$n:0 -m"
		echo "-a -f 7 -6 -r [$NET6$n]:0 -m"
	done
} | ipvs -R
for port in 8003 8004; do
	for kind in -t -u; do
		traffic from "$CLIENT"
		traffic to "$VIP" "$port" "$kind"
		assert_answers "3 good" open 3
		assert_seen "$(laddr 1)"
		traffic from "$CLIENT6"
		traffic to "$VIP6" "$port" "$kind"
		assert_answers "3 good" open 3
		assert_seen "$(laddr6 1)"
	done
done
assert_answers "8 8 8 0" shares
assert_answers 24 alive
assert_counts "created" -f 7 12
assert_eq "created, IPv6" 12 "$(select_counts created '' \
	< <(fnatctl stats show -f 7 -6))"
assert_state ready -f 7
assert_state ready -f 7 -6
traffic close
result "by a mark: TCP and UDP, IPv4 and IPv6, two ports"

ip -n "$director" -batch - <<-END
	rule add fwmark 7 lookup 100
	route add local 0.0.0.0/0 dev lo table 100
END
traffic from "$CLIENT"
traffic to "$ELSEWHERE" 8003
assert_answers "3 good" open 3
assert_seen "$(laddr 1)"
traffic to "$ELSEWHERE" 8003 -u
assert_answers "3 good" open 3
assert_answers 6 alive
traffic close
ip -n "$director" rule del fwmark 7
ipvs -C
fnatctl service del -f 7
fnatctl service del -f 7 -6
result "by a mark: to an address that is not the director's"

# Persistence and thresholds

ip -n "$client" address add 192.0.2.2/24 dev eth0
traffic up -t 80 1 2 3
policy -t "$VIP:80" "$(laddr 1)" "$PORTS"
real_service -t "$VIP:80" "1 2 3" -p 300
traffic to "$VIP" 80
assert_answers "6 good" open 6
traffic shares
first=$REPLY
assert_match "all with one server" '^(6 0 0 0|0 6 0 0|0 0 6 0)$' "$first"
traffic reset
assert_answers "6 good" open 6
assert_answers "$first" shares
traffic from 192.0.2.2
assert_answers "6 good" open 6
traffic shares
assert_match "the other's are with the next" '^(6 6 0 0|0 6 6 0|6 0 6 0)$' \
	"$REPLY"
assert_answers 12 alive
assert_counts "created sessions" -t "$VIP:80" "18 18"
traffic reset
traffic from "$CLIENT"
ipvs -D -t "$VIP:80"
assert_match "flush" '^18 sessions? flushed' \
	"$(fnatctl session flush -t "$VIP:80")"
result "persistence"

policy -t "$VIP:80" "$(laddr 1)" "$PORTS"
{
	echo "-A -t $VIP:80 -s rr"
	for n in 1 2; do echo "-a -t $VIP:80 -r $NET$n:80 -m -x 3 -y 2"; done
} | ipvs -R
assert_answers "6 good" open 6
assert_answers "3 3 0 0" shares
assert_answers "2 refused" open 2
assert_counts "created no-port" -t "$VIP:80" "6 0"
traffic reset 4
fnatctl session flush >/dev/null
assert_counts_soon "sessions" -t "$VIP:80" 0
traffic reset
assert_answers "6 good" open 6
assert_answers "2 refused" open 2
assert_answers 6 alive
traffic reset
ipvs -D -t "$VIP:80"
fnatctl session flush >/dev/null
result "thresholds"

# Schedulers

# ovf takes as many connections as the weights say
policy -t "$VIP:80" "$(laddr 1)" "$PORTS"
{
	echo "-A -t $VIP:80 -s rr"
	for n in 1 2 3; do echo "-a -t $VIP:80 -r $NET$n:80 -m -w 100"; done
} | ipvs -R
known=0
for name in rr wrr lc wlc sh dh sed nq mh fo ovf lblc lblcr twos "$SCHED"; do
	installed "ip_vs_$name" || continue
	known=$((known + 1))
	ipvs -E -t "$VIP:80" -s "$name" || fault "no scheduler $name"
	assert_answers "6 good" open 6
	assert_seen "$(laddr 1)"
done
assert_ge "schedulers" 12 "$known"
assert_answers "$((6 * known))" alive
assert_counts "created" -t "$VIP:80" $((6 * known))
assert_match "service show" "scheduler $SCHED, 3 real servers, 3 masquerading" \
	"$(fnatctl service show -t "$VIP:80")"
traffic reset
result "every scheduler: $known"

# On the director itself

ipvs -E -t "$VIP:80" -s rr
policy -t "[$VIP6]:80" "$(laddr6 1)" "$PORTS"
real_service -t "[$VIP6]:80" "1 2 3"
assert_answers "6 good" own_local "$VIP" 80 6
assert_answers "$(laddr 1)" own_laddrs
assert_answers "6 good" own_local "$VIP6" 80 6
assert_answers "$(laddr 1) $(laddr6 1)" own_laddrs
assert_answers 12 own_alive
traffic own_close
assert_counts "created" -t "[$VIP6]:80" 6
result "clients on the director"
ipvs -C

for address in "$VIP" "$VIP6"; do
	service=$(service_of "$address" 9)
	policy -u "$service" "$(pool "$address")" "$PORTS"
	real_service -u "$service" 1
	assert_answers ECONNREFUSED own_datagram "$address" 9
	assert_counts "created icmp-to-client" -u "$service" "1 1"
	traffic up -u 9 1
	assert_answers 1 own_datagram "$address" 9
	traffic down -u 9 1
	fnatctl service del -u "$service"
done
ipvs -C
result "clients on the director hear of errors"

traffic up -t 82
policy -t "$VIP:82" "$(laddr 1)" "$PORTS"
policy -t "[$VIP6]:82" "$(laddr6 1)" "$PORTS"
{
	echo "-A -t $VIP:82 -s rr"
	echo "-a -t $VIP:82 -r ${NET}254:82 -m"
	echo "-a -t $VIP:82 -r ${NET}1:82 -m"
	echo "-A -t [$VIP6]:82 -s rr"
	echo "-a -t [$VIP6]:82 -r [${NET6}254]:82 -m"
	echo "-a -t [$VIP6]:82 -r [${NET6}1]:82 -m"
} | ipvs -R
traffic to "$VIP" 82
assert_answers "6 good" open 6
assert_seen "$CLIENT" "$(laddr 1)"
assert_answers "3 0 0 3" shares
assert_counts "created local-server" -t "$VIP:82" "3 3"
traffic from "$CLIENT6"
traffic to "$VIP6" 82
assert_answers "6 good" open 6
assert_seen "$CLIENT6" "$(laddr6 1)"
assert_counts "created local-server" -t "[$VIP6]:82" "3 3"
assert_answers 12 alive
traffic close
traffic from "$CLIENT"
ipvs -C
result "a real server on the director: stock forwarding, counted"

# Other ways of forwarding

links_back
ip -n "${servers[0]}" address add "$VIP/32" dev lo
modprobe ipip
ip -n "${servers[1]}" -batch - <<-END
	link set tunl0 up
	address add $VIP/32 dev tunl0
END
policy -t "$VIP:80" "$(laddr 1)" "$PORTS"
assert_state no-service -t "$VIP:80"
ipvs -A -t "$VIP:80" -s rr
assert_state no-masquerading -t "$VIP:80"
ipvs -a -t "$VIP:80" -r "${NET}1:80" -g
ipvs -a -t "$VIP:80" -r "${NET}2:80" -i
assert_state no-masquerading -t "$VIP:80"
traffic to "$VIP" 80
assert_answers "6 good" open 6
assert_seen "$CLIENT"
assert_counts "created local-server helper" -t "$VIP:80" "0 0 0"
assert_answers "3 3 0 0" shares
result "direct routing and tunnels: as ever, and service show says so"

ipvs -a -t "$VIP:80" -r "${NET}3:80" -m
assert_state ready -t "$VIP:80"
assert_match "service show" "3 real servers, 1 masquerading" \
	"$(fnatctl service show -t "$VIP:80")"
assert_answers "9 good" open 9
assert_seen "$CLIENT" "$(laddr 1)"
assert_answers "6 6 3 0" shares
assert_counts "created" -t "$VIP:80" 3
assert_answers 15 alive
traffic close
ipvs -C
result "direct routing, a tunnel and FULLNAT in one service"

# What IPVS rewrites or forgets

traffic up -t 21 1 2 3
policy -t "$VIP:21" "$(laddr 1)" "$PORTS"
real_service -t "$VIP:21" 3
# stock NAT: the real server routes by a director that forwards
ip -n "${servers[2]}" route add "$CLIENT/32" via "${NET}254"
knob "$director" ipv4/ip_forward 1
traffic to "$VIP" 21
assert_answers "3 good" open 3
assert_seen "$CLIENT"
assert_counts "created helper" -t "$VIP:21" "0 3"
assert_ok "ip_vs_ftp" modprobe ip_vs_ftp
assert_answers "3 good" open 3
assert_seen "$CLIENT"
assert_counts "created helper" -t "$VIP:21" "0 6"
assert_answers 6 alive
traffic close
ipvs -C
result "FTP, with the helper and without: stock NAT, counted"

# its data, by a service of all ports: nothing else tells it from others
traffic up -t 20 3
policy -t "$VIP:0" "$(laddr 1)" "$PORTS"
ipvs -A -t "$VIP:0" -s rr -p 60
ipvs -a -t "$VIP:0" -r "${NET}3:0" -m
traffic to "$VIP" 20
assert_answers "2 good" open 2
assert_seen "$CLIENT"
assert_counts "created helper" -t "$VIP:0" "0 2"
traffic close
ipvs -C
fnatctl service del -t "$VIP:0"
result "FTP's data connections, by a service of all ports: stock NAT, counted"

traffic up -u 53 1 2 3
policy -u "$VIP:53" "$(laddr 1)" "$PORTS"
real_service -u "$VIP:53" "1 2 3" -o
assert_state one-packet -u "$VIP:53"
assert_match "service show" "one-packet scheduling: datagrams are dropped" \
	"$(fnatctl service show -u "$VIP:53")"
traffic to "$VIP" 53 -u
traffic datagrams 7
assert_counts_soon "one-packet created no-port" -u "$VIP:53" "7 0 0"
ipvs -E -u "$VIP:53" -s rr
assert_state ready -u "$VIP:53"
assert_answers "6 good" open 6
assert_seen "$(laddr 1)"
assert_counts "one-packet created" -u "$VIP:53" "7 6"
for n in 1 2 3; do
	assert_answers 0 visits "$CLIENT" "$n"
done
fnatctl service del -u "$VIP:53"
ipvs -E -u "$VIP:53" -s rr -o
traffic datagrams 2
result "one-packet scheduling: dropped, counted and shown"
traffic close
ipvs -C

# A policy's life, and a service's

policy -t "$VIP:80" "$(laddr 1)" "$PORTS"
real_service -t "$VIP:80" 3
traffic to "$VIP" 80
assert_answers "5 good" open 5
ipvs -D -t "$VIP:80"
assert_state no-service -t "$VIP:80"
assert_counts "sessions" -t "$VIP:80" 5
assert_answers "2 refused" open 2
real_service -t "$VIP:80" 3
assert_state ready -t "$VIP:80"
assert_answers 5 alive
assert_answers "5 good" open 5
assert_seen "$(laddr 1)"
assert_answers 10 alive
assert_answers 10 bulk 20000
assert_counts "created sessions" -t "$VIP:80" "10 10"
result "a service deleted and made again: connections of both times live"

fnatctl service del -t "$VIP:80"
refused '.' service show -t "$VIP:80"
assert_answers "5 good" open 5
assert_seen "$CLIENT"
assert_answers 15 alive
assert_eq "sessions shown" 10 \
	"$(fnatctl session show | grep -c established)"
policy -t "$VIP:80" "$(laddr 2)" "$PORTS"
assert_answers "5 good" open 5
assert_seen "$(laddr 2)"
assert_answers 20 alive
assert_answers 20 bulk 20000
assert_counts "created sessions" -t "$VIP:80" "5 5"
assert_eq "sessions shown" 15 \
	"$(fnatctl session show | grep -c established)"
result "a policy deleted and made again: connections of all times live"

ipvs -D -t "$VIP:80"
fnatctl service del -t "$VIP:80"
real_service -t "$VIP:80" 3
assert_answers 20 alive
policy -t "$VIP:80" "$(laddr 1)" "$PORTS"
assert_answers "5 good" open 5
assert_seen "$(laddr 1)"
assert_answers 25 alive
traffic close
result "both deleted and made again"

# A policy after its service
ipvs -C
fnatctl service del -t "$VIP:80"
real_service -t "$VIP:80" "3"
assert_answers "5 good" open 5
assert_seen "$CLIENT"
policy -t "$VIP:80" "$(laddr 1)" "$PORTS"
assert_answers "5 good" open 5
assert_seen "$(laddr 1)"
assert_answers 10 alive
assert_counts "created" -t "$VIP:80" 5
traffic close
knob "$director" ipv4/ip_forward 0
result "a policy after its service: what is there stays as it is"

# What another director's sync daemon tells of gets its port from its first
# packet: where there is none, or the real server is on this host

# told LADDR PORT SERVER: the other one has a connection from port 2000
told()
{
	ipvs -C
	fnatctl session flush >/dev/null
	policy -t "$VIP:82" "$1" "$2"
	ipvs -A -t "$VIP:82" -s rr
	ipvs -a -t "$VIP:82" -r "$3:82" -m
	traffic to "$VIP" 82
}

tell()
{
	on "$client" "$PYTHON" -sB "$HERE/sync.py" "$CLIENT" 2000 "$VIP" 82 \
		"$1" 82
	assert_counts_soon "sessions" -t "$VIP:82" "$2"
}

traffic up -t 82
ipvs --start-daemon backup --mcast-interface cli
told "$(laddr 1)" 10000-10000 "${NET}1"
assert_answers "1 good" open 1
tell "${NET}1" 2
assert_counts "no-port" -t "$VIP:82" 0
before=$(counts request-packets -t "$VIP:82")
traffic syn 1
assert_counts_soon "no-port created request-packets" -t "$VIP:82" "1 2 $before"
assert_answers 1 alive
traffic reset
result "a synced connection, and no port for it: dropped and counted"

told "$(laddr 1)" "$PORTS" "${NET}254"
tell "${NET}254" 1
traffic syn 1
assert_counts_soon "local-server request-packets" -t "$VIP:82" "1 0"
assert_match "session show" "^tcp +$CLIENT:2000 .* - " \
	"$(fnatctl session show -t "$VIP:82" | tail -n 1)"
ipvs --stop-daemon backup
result "a synced connection, and its real server is on this host: counted"

assert_kernel_content
result "the kernel has not complained"
