# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Namespaces, virtual services and traffic of the tests; part of lib.sh.

VIP=192.0.2.100
VIP6=2001:db8:1::100
export NET=198.51.100. NET6=2001:db8:2::
REPLY='' client='' director='' server='' servers=()

# Namespaces
#
#       client             director              server1 .. serverN
#   +-----------+     +------------------+     +--------------------+
#   |   192.0.2.1-----192.0.2.254        |     |                    |
#   |           |     |   VIP 192.0.2.100|     |                    |
#   |           |     |    198.51.100.254------198.51.100.1 .. N    |
#   +-----------+     +------------------+     +--------------------+
#      eth0              cli        lan            eth0
#
# In IPv6 2001:db8:1:: and 2001:db8:2:: with the same last labels. The real
# servers route by the director; lan is a bridge if there are many namespaces.

# setup_ns VARIABLE...: makes namespaces, their names go into the variables
setup_ns()
{
	local variable name

	for variable; do
		name=$variable-$(printf '%04x%04x' "$RANDOM" "$RANDOM")
		printf -v "$variable" '%s' "$name"
		ip netns add "$name" || die "cannot add a network namespace"
		defer remove_ns "$name"
		ip netns exec "$name" sh -c '
			cd /proc/sys/net
			echo 0 > ipv4/conf/all/rp_filter
			echo 0 > ipv4/conf/default/rp_filter
			echo 0 > ipv4/icmp_ratemask
			echo 0 > ipv4/conf/all/send_redirects
			echo 0 > ipv4/conf/default/send_redirects
			echo 0 > ipv6/icmp/ratelimit
			echo 0 > ipv6/conf/default/accept_dad
			ip link set lo up'
	done
}

remove_ns()
{
	local pids

	pids=$(ip netns pids "$1")
	# shellcheck disable=SC2086 # one word per process
	[ -z "$pids" ] || kill -9 $pids
	ip netns del "$1"
}

on()
{
	ip netns exec "$@"
}

# topology NAMESPACES [ADDRESSES]: the picture above; with one namespace, it
# has all the addresses
topology()
{
	local namespaces=$1 addresses=${2:-$1} n name

	setup_ns client director
	ip link add eth0 netns "$client" type veth peer name cli \
		netns "$director" || die "cannot add a veth pair"
	ip -n "$client" -batch - <<-END
		address add 192.0.2.1/24 dev eth0
		address add 2001:db8:1::1/64 dev eth0 nodad
		link set eth0 up
		route add default via 192.0.2.254
		route add default via 2001:db8:1::254
	END
	ip -n "$director" -batch - <<-END
		address add 192.0.2.254/24 dev cli
		address add $VIP/32 dev cli
		address add 2001:db8:1::254/64 dev cli nodad
		address add $VIP6/128 dev cli nodad
		link set cli up
	END
	on "$director" sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward
		echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
	servers=()
	for ((n = 1; n <= namespaces; n++)); do
		setup_ns server
		servers+=("$server")
	done
	if [ "$namespaces" -eq 1 ]; then
		ip link add eth0 netns "$server" type veth peer name lan \
			netns "$director"
	else
		ip -n "$director" link add lan type bridge ||
			die "cannot add a bridge"
		n=0
		for name in "${servers[@]}"; do
			n=$((n + 1))
			ip link add eth0 netns "$name" type veth \
				peer name "lan$n" netns "$director"
			ip -n "$director" link set "lan$n" master lan up
		done
	fi
	ip -n "$director" -batch - <<-END
		address add ${NET}254/24 dev lan
		address add ${NET6}254/64 dev lan nodad
		link set lan up
	END
	for ((n = 1; n <= namespaces; n++)); do
		{
			if [ "$namespaces" -eq 1 ]; then
				server_addresses 1 "$addresses"
			else
				server_addresses "$n" "$n"
			fi
			echo "link set eth0 up"
			echo "route add default via ${NET}254"
			echo "route add default via ${NET6}254"
		} | ip -n "${servers[n - 1]}" -batch -
	done
}

server_addresses()
{
	local n

	for ((n = $1; n <= $2; n++)); do
		echo "address add $NET$n/24 dev eth0"
		echo "address add $NET6$n/64 dev eth0 nodad"
	done
}

# Virtual services

ipvs()
{
	ip netns exec "$director" ipvsadm "$@"
}

# real_servers KIND SERVICE WEIGHTS [OPTION...]: lines for ipvsadm -R
real_servers()
{
	local kind=$1 service=$2 n=0 weight network=$NET port=${2##*:} open='' shut=''

	[ "$kind" != -f ] || port=0
	case $service in
	\[*) network=$NET6 open='[' shut=']' ;;
	esac
	for weight in ${3//,/ }; do
		n=$((n + 1))
		echo "-a $kind $service -r $open$network$n$shut:$port" \
			"-w $weight ${*:4}"
	done
}

# virtual_service KIND SERVICE SCHEDULER WEIGHTS [OPTION...]: a new service,
# real server n at the n-th address with the n-th weight, by $METHOD
virtual_service()
{
	ipvs -D "$1" "$2" 2>/dev/null
	{
		echo "-A $1 $2 -s $3 ${*:5}"
		real_servers "$1" "$2" "$4" "${METHOD:--m}"
	} | ipvs -R
}

# Traffic: one process for client and servers, see traffic.py

# start_traffic PROGRAM: traffic.py, or one that knows more commands
start_traffic()
{
	coproc TRAFFIC {
		exec "$PYTHON" -sB "$HERE/$1" "$client" \
			"$director" "${servers[@]}"
	}
	exec {TO_TRAFFIC}>&"${TRAFFIC[1]}" {FROM_TRAFFIC}<&"${TRAFFIC[0]}"
	defer kill "$TRAFFIC_PID"
}

# stop_traffic: it is gone when this returns
stop_traffic()
{
	# bash forgets the variable as soon as it hears of the end
	local pid=$TRAFFIC_PID

	kill "$pid"
	wait "$pid" 2>/dev/null
}

# ask COMMAND...: its answer is in $REPLY
ask()
{
	printf '%s\n' "$*" >&"$TO_TRAFFIC"
	IFS= read -r -t $((DEADLINE * 4)) REPLY <&"$FROM_TRAFFIC" ||
		die "no answer to: $*"
}

# traffic COMMAND...: it must not fail
traffic()
{
	ask "$@"
	case $REPLY in
	!*) die "$REPLY" ;;
	esac
}

# assert_refused ERRNO COMMAND...: the kernel says no
assert_refused()
{
	ask "${@:2}"
	[[ $REPLY == "! $1:"* ]] || fault "${*:2}: expected $1, got '$REPLY'"
}

# assert_traffic EXPECTED COMMAND...
assert_traffic()
{
	traffic "${@:2}"
	[ "$REPLY" = "$1" ] || fault "${*:2}: expected '$1', got '$REPLY'"
}

# sent COUNT: has the flood got so far?
sent()
{
	traffic sent
	[ "$REPLY" -ge "$1" ]
}

# settled LOAD [SERVER]: do no more than LOAD connections count?
settled()
{
	traffic load "${2:-0}"
	[ "$REPLY" -le "$1" ]
}

# flood_on COUNT: waits for so many more; before, $SENT had been sent
flood_on()
{
	traffic sent
	SENT=$REPLY
	busywait sent $((SENT + $1)) || fault "the flood got stuck"
}

# weights COUNT LOW HIGH SEED: drawn in the same way everywhere
weights()
{
	awk -v n="$1" -v low="$2" -v high="$3" -v x="$4" 'BEGIN {
		for (i = 0; i < n; i++) {
			x = (x * 16807) % 2147483647
			w = low + x % (high - low + 1)
			printf "%s%d", i ? "," : "", w
		}
	}'
}

# same COUNT WEIGHT: a list of equal weights
same()
{
	local n list=$2

	for ((n = 1; n < $1; n++)); do list+=,$2; done
	echo "$list"
}
