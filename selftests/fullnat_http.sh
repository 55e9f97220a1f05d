#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# FULLNAT of web servers that have no route to the client, by a director that
# does not forward: curl, and thousands of connections from several addresses,
# each answer checked; what the servers see, what IPVS and fnatctl count and
# show.
#
#   client ------------- director ------------- server1 .. server3, nginx
#   192.0.2.1, .11-.18   VIP 192.0.2.100        198.51.100.1 .. 3
#                        LIP 198.51.100.201, .202

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"

WEIGHTS=5,1,1
SHORT=$((1400 / FEWER)) SHORT6=$((700 / FEWER))
KEPT=70 TURNS=5

# web_server NUMBER
web_server()
{
	local n=$1

	cat >"$dir/$n.conf" <<-END
		pid $dir/$n.pid;
		error_log $dir/$n.log;
		master_process off;
		events { worker_connections 1024; }
		http {
			log_format peer '\$remote_addr \$remote_port \$status \$request_uri';
			access_log $dir/$n.access peer;
			keepalive_timeout 600;
			keepalive_requests 100000;
			client_body_temp_path $dir;
			proxy_temp_path $dir;
			fastcgi_temp_path $dir;
			uwsgi_temp_path $dir;
			scgi_temp_path $dir;
			server {
				listen 80 backlog=1024;
				listen [::]:80 ipv6only=on backlog=1024;
				location /who/ {
					return 200 "$n \$remote_addr \$remote_port \$request_uri\n";
				}
			}
		}
	END
	on "${servers[n - 1]}" nginx -e "$dir/$n.log" -c "$dir/$n.conf" ||
		die "nginx does not start: $(cat "$dir/$n.log")"
}

client_addresses()
{
	local n

	for n in {11..18}; do
		echo "address add 192.0.2.$n/32 dev eth0"
		echo "address add 2001:db8:1::$n/128 dev eth0"
	done | ip -n "$client" -batch -
}

# Counters that IPVS has no part in: what comes to the VIP, what real servers
# send, what leaves from the VIP.
count_packets()
{
	on "$director" nft -f - <<-END || die "nft does not count"
		table inet count {
			counter request {}
			counter reply {}
			counter answer {}
			counter request6 {}
			counter reply6 {}
			counter answer6 {}
			chain first {
				type filter hook prerouting priority -500
				ip daddr $VIP tcp dport 80 counter name request
				ip saddr ${NET}0/24 tcp sport 80 counter name reply
				ip6 daddr $VIP6 tcp dport 80 counter name request6
				ip6 saddr ${NET6}/64 tcp sport 80 counter name reply6
			}
			chain last {
				type filter hook postrouting priority 500
				ip saddr $VIP tcp sport 80 counter name answer
				ip6 saddr $VIP6 tcp sport 80 counter name answer6
			}
		}
	END
}

# packets NAME: "PACKETS BYTES" of a counter
packets()
{
	on "$director" nft list counter inet count "$1" |
		awk '$1 == "packets" { print $2, $4 }'
}

# ipvs_stats SERVICE: connections, packets and bytes in, out
ipvs_stats()
{
	ipvs -Ln --stats --exact -t "$1" |
		awk '$1 == "TCP" { print $3, $4, $6, $5, $7 }'
}

# IPVS sums its counters up every two seconds.
ipvs_counted()
{
	[ "$(ipvs_stats "$1")" = "$2" ]
}

# retransmitted NAMESPACE: SYNs sent again by it
retransmitted()
{
	# shellcheck disable=SC2016 # $ is awk's
	on "$1" awk '/^TcpExt:/ {
			if (!n) n = split($0, name)
			else for (i = 1; i <= n; i++)
				if (name[i] == "TCPSynRetrans") print $i
		}' /proc/net/netstat
}

# logged COUNT: have the servers logged so many requests?
logged()
{
	[ "$(cat "$dir"/*.access | wc -l)" -eq "$1" ]
}

# web ADDRESS: what follows is HTTP to it, from all of the client's addresses
web()
{
	traffic to "$1" 8080 -t
	traffic aim 80
	case $1 in
	*:*) traffic sources 2001:db8:1::{1,11,12,13,14,15,16,17,18} ;;
	*) traffic sources 192.0.2.{1,11,12,13,14,15,16,17,18} ;;
	esac
}

# halves "ADDRESS-COUNT ADDRESS-COUNT": each processor takes turns on its own
halves()
{
	local word addresses=''

	for word in $1; do
		addresses+="${word%-*} "
		assert_ge "connections of ${word%-*}" \
			$((count / 2 - $(nproc --all))) "${word##*-}"
	done
	assert_eq "local addresses" "$first $second " "$addresses"
}

# short_connections ADDRESS COUNT
short_connections()
{
	local count=$2 turn=$(($2 / 7)) first second

	web "$1"
	truncate -s 0 "$dir"/*.access
	traffic short "$count"
	assert_eq "answered, refused, lost" "$count 0 0" "$REPLY"
	assert_traffic nothing why
	assert_traffic "$((turn * 5)) $turn $turn" counts 3
	assert_traffic yes cycles "$WEIGHTS"
	result "$1: $count connections, none lost, shares exact"

	first=$(laddr 1) second=$(laddr 2)
	[[ $1 != *:* ]] || first=$(laddr6 1) second=$(laddr6 2)
	traffic whom
	halves "$REPLY"
	assert_ok "logs" busywait logged "$count"
	assert_eq "peers in the logs" "$first $second " \
		"$(cut -d' ' -f1 "$dir"/*.access | sort -u | tr '\n' ' ')"
	assert_eq "requests logged once" "$count" \
		"$(cut -d' ' -f3,4 "$dir"/*.access | grep -c '^200 /who/')"
	assert_eq "requests logged more than once" '' \
		"$(cut -d' ' -f4 "$dir"/*.access | sort | uniq -d)"
	assert_eq "peers logged more than once" '' \
		"$(for log in "$dir"/*.access; do
			cut -d' ' -f1,2 "$log" | sort | uniq -d
		done)"
	result "$1: the servers see the local addresses alone, half each"
}

# kept_connections ADDRESS
kept_connections()
{
	local turn=$((KEPT / 7))

	web "$1"
	assert_traffic "$KEPT 0 0" keep "$KEPT" "$TURNS"
	assert_traffic nothing why
	assert_traffic "$((turn * 5)) $turn $turn" counts 3
	assert_traffic yes connections
	assert_traffic yes sessions "$FNATCTL"
	result "$1: $KEPT connections kept, $TURNS requests each, all shown"

	traffic reset 7
	# not all: who answers a FIN that was sent again resets what has ended
	assert_eq "connections CLOSE" 7 "$(states "$1" CLOSE "$REPLY")"
	assert_traffic $((KEPT - 7)) ask
	assert_traffic yes connections
	assert_traffic yes sessions "$FNATCTL"
	traffic leave
	assert_eq "connections ESTABLISHED" 0 "$(states "$1" ESTABLISHED)"
	result "$1: resets and ends"
}

# states ADDRESS STATE [PORTS]: connections of IPVS that are in it, of any client
# or of those at these ports
states()
{
	ipvs -Lnc | awk -v state="$2" -v virtual="$(service_of "$1" 80)" \
		-v ports=" ${3-} " '
		$3 == state && $5 == virtual {
			port = $4
			sub(/.*:/, "", port)
			count += ports ~ /^ *$/ || index(ports, " " port " ")
		}
		END { print count + 0 }'
}

# The way of a connection's states, with servers of our own
tcp_states()
{
	local service

	service=$(service_of "$1" 81)
	traffic to "$1" 81 -t
	traffic tcp 14
	assert_eq "answered, refused, lost" "14 0 0" "$REPLY"
	assert_traffic 14 alive
	assert_eq "ESTABLISHED" 14 "$(in_state "$service" ESTABLISHED)"
	traffic finish 0 7
	assert_eq "FIN_WAIT after the server's FIN" 7 \
		"$(in_state "$service" FIN_WAIT)"
	assert_eq "ESTABLISHED" 7 "$(in_state "$service" ESTABLISHED)"
	traffic hang 7
	assert_eq "CLOSE_WAIT after the client's FIN" 7 \
		"$(in_state "$service" CLOSE_WAIT)"
	traffic shut
	assert_eq "TIME_WAIT after both" 14 "$(in_state "$service" TIME_WAIT)"
	result "$1: TCP states"
}

in_state()
{
	ipvs -Lnc | awk -v service="$1" -v state="$2" \
		'$3 == state && $5 == service' | wc -l
}

# packets_of request|reply SERVICE: "PACKETS BYTES", as fnatctl counts them
packets_of()
{
	echo "$(count_of "$1-packets" -t "$2") $(count_of "$1-bytes" -t "$2")"
}

# counters ADDRESS SUFFIX CONNECTIONS
counters()
{
	local service request reply answer

	service=$(service_of "$1" 80)
	request=$(packets "request$2")
	reply=$(packets "reply$2")
	answer=$(packets "answer$2")
	assert_eq "replies and answers" "$reply" "$answer"
	busywait ipvs_counted "$service" "$3 $request $answer" ||
		assert_eq "ipvsadm --stats" "$3 $request $answer" \
			"$(ipvs_stats "$service")"
	assert_eq "sessions created" "$3" "$(count_of created -t "$service")"
	assert_eq "requests" "$request" "$(packets_of request "$service")"
	assert_eq "replies" "$answer" "$(packets_of reply "$service")"
	result "$1: IPVS and fnatctl count what nft counts"
}

# pages ADDRESS: two, by curl, on one connection
pages()
{
	local url output

	url=http://$1
	[[ $1 != *:* ]] || url="http://[$1]"
	output=$(on "$client" curl -sS --max-time "$DEADLINE" -w '%{num_connects}\n' \
		"$url/who/a" "$url/who/b" 2>&1)
	assert_match "curl" "^([1-3]) ([^ ]+) ([0-9]+) /who/a
1
\1 \2 \3 /who/b
0$" "$output"
	output=$(on "$client" curl -sS --max-time "$DEADLINE" \
		-H 'Connection: close' "$url/who/[1-14]" 2>&1)
	assert_eq "14 times" "10 2 2 " "$(cut -d' ' -f1 <<<"$output" |
		sort -n | uniq -c | awk '{ printf "%d ", $1 }')"
}

require_fullnat bridge
require nginx curl nft
plan 14
fullnat_topology 3
client_addresses
dir=$(mktemp -d)
defer rm -rf "$dir"
for n in 1 2 3; do web_server "$n"; done
count_packets
for address in "$VIP" "$VIP6"; do
	for port in 80 81; do
		fullnat_service -t "$address" "$port" "$WEIGHTS"
	done
done

assert_eq "ip_forward" "0 0" "$(on "$director" cat \
	/proc/sys/net/ipv4/ip_forward \
	/proc/sys/net/ipv6/conf/all/forwarding | paste -sd' ')"
assert_fails "a route to the client" ip -n "$server" route get "$CLIENT"
assert_fails "a route to the client" ip -n "$server" route get "$CLIENT6"
pages "$VIP"
result "curl, IPv4"
pages "$VIP6"
result "curl, IPv6"

start_traffic fetch.py
short_connections "$VIP" "$SHORT"
short_connections "$VIP6" "$SHORT6"
assert_eq "SYNs sent again" 0 "$(retransmitted "$client")"
kept_connections "$VIP"
kept_connections "$VIP6"
# curl: one connection kept, 14 short ones
counters "$VIP" '' $((15 + SHORT + KEPT))
counters "$VIP6" 6 $((15 + SHORT6 + KEPT))
tcp_states "$VIP"
tcp_states "$VIP6"
