# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Namespaces and policies of the tests of FULLNAT. After lib.sh, which sets:
: "${HERE=}" "${NET=}" "${NET6=}" "${VIP=}" "${VIP6=}"
: "${client=}" "${director=}" "${server=}" "${servers=}"

FNATCTL=${FNATCTL:-$(PATH=$HERE/../userspace:$PATH command -v fnatctl)}
CLIENT=192.0.2.1 CLIENT6=2001:db8:1::1
# shellcheck disable=SC2034 # for the scripts
near='' far=''

# Namespaces
#
#       client             director              server1 .. serverN
#   +-----------+     +------------------+     +--------------------+
#   |   192.0.2.1-----192.0.2.254        |     |                    |
#   |           |     |   VIP 192.0.2.100|     |                    |
#   |           |     | LIP 198.51.100.201-----198.51.100.1 .. N    |
#   +-----------+     +------------------+     +--------------------+
#      eth0              cli        lan            eth0
#
# In IPv6 2001:db8:1:: and 2001:db8:2:: with the same last labels. The real
# servers know their own network and nothing else; the director does not
# forward. With routers there is one on each side, and LIP is 10.0.0.201:
#
#   client        near             director            far         server
#   203.0.113.1---.254 192.0.2.1---.254  10.0.0.254---.1  .254---198.51.100.1
#
# In IPv6 2001:db8:c:: at the client, 2001:db8:a:: between director and far. Far
# knows the way to 10.0.0.0/24 alone, and the real servers know it by far.

# laddr N, laddr6 N: the N-th local address, 1 .. 50
laddr()
{
	echo "$LOCAL$((200 + $1))"
}

laddr6()
{
	echo "$LOCAL6$((200 + $1))"
}

# fullnat_topology SERVERS [LADDRS]: the picture without routers
fullnat_topology()
{
	local n

	LOCAL=$NET LOCAL6=$NET6
	setup_ns client director
	wire "$client" eth0 "$CLIENT/24" "$CLIENT6/64" \
		"$director" cli 192.0.2.254/24 2001:db8:1::254/64
	ip -n "$director" link add lan type bridge ||
		die "cannot add a bridge"
	addresses "$director" lan "${NET}254/24" "${NET6}254/64"
	fullnat_director "${2:-2}"
	for ((n = 1; n <= $1; n++)); do
		setup_ns server
		servers[n - 1]=$server
		wire "$server" eth0 "$NET$n/24" "$NET6$n/64" \
			"$director" "lan$n"
		ip -n "$director" link set "lan$n" master lan
	done
	ip -n "$client" -batch - <<-END
		route add default via 192.0.2.254
		route add default via 2001:db8:1::254
	END
}

# fullnat_routed_topology: the picture with routers, and one server
fullnat_routed_topology()
{
	LOCAL=10.0.0. LOCAL6=2001:db8:a::
	CLIENT=203.0.113.1 CLIENT6=2001:db8:c::1
	setup_ns client near director far server
	servers=("$server")
	wire "$client" eth0 "$CLIENT/24" "$CLIENT6/64" \
		"$near" client 203.0.113.254/24 2001:db8:c::254/64
	wire "$near" director 192.0.2.1/24 2001:db8:1::1/64 \
		"$director" cli 192.0.2.254/24 2001:db8:1::254/64
	wire "$director" lan "${LOCAL}254/24" "${LOCAL6}254/64" \
		"$far" director "${LOCAL}1/24" "${LOCAL6}1/64"
	wire "$far" server "${NET}254/24" "${NET6}254/64" \
		"$server" eth0 "${NET}1/24" "${NET6}1/64"
	fullnat_director 2
	forward "$near"
	forward "$far"
	# what is announced is what a link of 1500 would have, whatever theirs
	ip -n "$client" -batch - <<-END
		route add default via 203.0.113.254 advmss 1460
		route add default via 2001:db8:c::254 advmss 1440
	END
	ip -n "$director" -batch - <<-END
		route add 203.0.113.0/24 via 192.0.2.1
		route add 2001:db8:c::/64 via 2001:db8:1::1
		route add ${NET}0/24 via ${LOCAL}1
		route add ${NET6}/64 via ${LOCAL6}1
	END
	ip -n "$server" -batch - <<-END
		route add ${LOCAL}0/24 via ${NET}254 advmss 1460
		route add ${LOCAL6}/64 via ${NET6}254 advmss 1440
	END
}

# wire NAMESPACE DEVICE ADDRESS ADDRESS6 NAMESPACE DEVICE [ADDRESS ADDRESS6]
wire()
{
	ip link add "$2" netns "$1" type veth peer name "$6" netns "$5" ||
		die "cannot add a veth pair"
	addresses "$1" "$2" "$3" "$4"
	if [ $# -gt 6 ]; then
		addresses "$5" "$6" "$7" "$8"
	else
		ip -n "$5" link set "$6" up
	fi
}

# addresses NAMESPACE DEVICE ADDRESS...
addresses()
{
	local address

	{
		for address in "${@:3}"; do
			echo "address add $address dev $2"
		done
		echo "link set $2 up"
	} | ip -n "$1" -batch - || die "cannot add addresses"
}

forward()
{
	on "$1" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward
		echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
}

# offload on|off: what both ends send has its checksums by the last device, or
# complete ones
offload()
{
	local name

	for name in "$client" "${servers[@]}"; do
		on "$name" ethtool -K eth0 tx "$1" >/dev/null
	done
}

# stock_routes: so that stock forwarding works as well
stock_routes()
{
	local name

	forward "$director"
	for name in "${servers[@]}"; do
		ip -n "$name" route add 192.0.2.0/24 via "${NET}254"
		ip -n "$name" route add 2001:db8:1::/64 via "${NET6}254"
	done
}

# The director: VIPs and local addresses, strict about where packets come from;
# nothing is forwarded.
fullnat_director()
{
	local n

	{
		echo "address add $VIP/32 dev cli"
		echo "address add $VIP6/128 dev cli nodad"
		for ((n = 1; n <= $1; n++)); do
			echo "address add $(laddr "$n")/32 dev lan"
			echo "address add $(laddr6 "$n")/128 dev lan nodad"
		done
	} | ip -n "$director" -batch - || die "cannot add addresses"
	on "$director" sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward
		echo 0 >/proc/sys/net/ipv6/conf/all/forwarding
		echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter'
}

# Policies

# require_fullnat MODULE...: these, FULLNAT and its tool are there
require_fullnat()
{
	[ -n "$FNATCTL" ] || skip_all "needs fnatctl"
	require ip ipvsadm
	require_modules ip_vs ip_vs_fullnat "ip_vs_$SCHED" "$@"
	modprobe ip_vs_fullnat || die "ip_vs_fullnat does not load"
}

fnatctl()
{
	"$FNATCTL" --netns "$director" "$@"
}

# pool ADDRESS: the range of two local addresses, of the family of ADDRESS
pool()
{
	case $1 in
	*:*) echo "$(laddr6 1)-$(laddr6 2)" ;;
	*) echo "$(laddr 1)-$(laddr 2)" ;;
	esac
}

# service_of ADDRESS PORT: as ipvsadm spells it
service_of()
{
	case $1 in
	*:*) echo "[$1]:$2" ;;
	*) echo "$1:$2" ;;
	esac
}

# fullnat_service KIND ADDRESS PORT WEIGHTS [OPTION...]: a policy with two local
# addresses, options for fnatctl; and its virtual service
fullnat_service()
{
	local service

	service=$(service_of "$2" "$3")
	fnatctl service add "$1" "$service" --laddr "$(pool "$2")" "${@:5}" ||
		die "cannot add a policy for $service"
	virtual_service "$1" "$service" "$SCHED" "$4"
}

# count_of NAME KIND SERVICE [-6]: what fnatctl says that it has counted
count_of()
{
	fnatctl stats show "${@:2}" | awk -v name="$1" '
		$1 == name { print $2; found = 1 }
		END { if (!found) print "no counter " name }'
}
