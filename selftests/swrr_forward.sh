#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Pages of three web servers by every forwarding method, IPv4 and IPv6, set up
# as people do it: bodies arrive unchanged, shares are exact.
#
#   client ------------ director ------------- server1 .. server3, nginx
#   192.0.2.1           VIP 192.0.2.100        198.51.100.1 .. 3
#   2001:db8:1::1       2001:db8:1::100        2001:db8:2::1 .. 3
#      |                                         |
#      +-- back1 .. back3 --------------- back --+
#
# Masqueraded answers return by the director, all others by the links back.
# There the VIP is on lo (direct routing) or on the tunnel's device.

. "$(dirname "$0")/lib.sh"

BYTES=50000
WEIGHTS=3,2,1

# web_server NUMBER: a body of its own from each
web_server()
{
	local n=$1

	head -c "$BYTES" /dev/urandom >"$dir/bodies/$n"
	cat >"$dir/$n.conf" <<-END
		pid $dir/$n.pid;
		error_log $dir/$n.log;
		master_process off;
		events { worker_connections 64; }
		http {
			access_log off;
			client_body_temp_path $dir;
			proxy_temp_path $dir;
			fastcgi_temp_path $dir;
			uwsgi_temp_path $dir;
			scgi_temp_path $dir;
			server {
				listen 80;
				listen [::]:80;
				location = /body { alias $dir/bodies/$n; }
			}
		}
	END
	on "${servers[n - 1]}" nginx -e "$dir/$n.log" -c "$dir/$n.conf" ||
		die "nginx does not start: $(cat "$dir/$n.log")"
}

# The way of answers that do not return by the director
links_back()
{
	local n

	for n in 1 2 3; do
		ip link add back netns "${servers[n - 1]}" type veth \
			peer name "back$n" netns "$client"
		ip -n "$client" -batch - <<-END
			link set back$n up
			address add fe80::1/64 dev back$n nodad
		END
		ip -n "${servers[n - 1]}" -batch - <<-END
			link set back up
			route add 192.0.2.1/32 dev back
			route add 2001:db8:1::1/128 via fe80::1 dev back
		END
	done
}

direct_routing()
{
	local server

	for server in "${servers[@]}"; do
		on "$server" sh -c 'cd /proc/sys/net/ipv4/conf/all
			echo 1 >arp_ignore
			echo 2 >arp_announce'
		ip -n "$server" -batch - <<-END
			address add $VIP/32 dev lo
			address add $VIP6/128 dev lo nodad
		END
	done
}

# tunnel DEVICE ADDRESS
tunnel()
{
	local server

	for server in "${servers[@]}"; do
		ip -n "$server" -batch - <<-END || return
			address del $2 dev lo
			link set $1 up
			address add $2 dev $1
		END
	done
}

# column N: of each real server, counted by IPVS: 3 connections, 5 packets out
column()
{
	ipvs -Ln --stats | awk -v n="$1" '
		$1 == "->" && $2 ~ /[0-9]$/ {
			address = $2
			sub(/\]?:[0-9]+$/, "", address)
			sub(/.*[.:]/, "", address)
			value[address] = $n
		}
		END { printf "%s %s %s", value[1], value[2], value[3] }'
}

# IPVS sums its counters up every two seconds.
counted()
{
	[ "$(column 3)" = "$1" ]
}

# pages NAME ADDRESS METHOD
pages()
{
	local service=$2:80 answers

	[[ $2 != *:* ]] || service="[$2]:80"
	ipvs -C
	METHOD=$3 virtual_service -t "$service" "$SCHED" "$WEIGHTS"
	traffic to "$2" 8080 -t
	traffic aim 80
	assert_traffic "24 0 0" http 24 /body "$dir/bodies"
	assert_traffic yes smooth "$WEIGHTS"
	assert_traffic yes cycles "$WEIGHTS"
	busywait counted "12 8 4" || fault "connections: $(column 3)"
	answers=$(column 5)
	case $3 in
	-m) assert_match "packets back" '^([1-9][0-9]* ?){3}$' "$answers" ;;
	*) assert_eq "packets back" "0 0 0" "$answers" ;;
	esac
	result "$1: 24 bodies of $BYTES bytes, 12 8 4"
}

require ip ipvsadm nginx
require_modules ip_vs "ip_vs_$SCHED" bridge
plan 6
topology 3
dir=$(mktemp -d)
defer rm -rf "$dir"
mkdir "$dir/bodies"
for n in 1 2 3; do web_server "$n"; done
start_traffic traffic.py

pages "NAT, IPv4" "$VIP" -m
pages "NAT, IPv6" "$VIP6" -m

links_back
direct_routing
pages "direct routing, IPv4" "$VIP" -g
pages "direct routing, IPv6" "$VIP6" -g

if installed ipip && modprobe ipip && tunnel tunl0 "$VIP/32"; then
	pages "tunnel, IPv4" "$VIP" -i
else
	skip "tunnel, IPv4" "no module ipip"
fi
if installed ip6_tunnel && modprobe ip6_tunnel && tunnel ip6tnl0 "$VIP6/128"; then
	pages "tunnel, IPv6" "$VIP6" -i
else
	skip "tunnel, IPv6" "no module ip6_tunnel"
fi
