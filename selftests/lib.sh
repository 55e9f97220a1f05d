# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the tests of this folder share: KTAP, namespaces, traffic, assertions.
# A test sources this file, says `plan N`, and then, N times over, asserts
# things and ends with `result NAME`. Whatever it makes is undone at its exit.

set -u

SELF=$(basename "$0" .sh)
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SCHED=${SCHED:-swrr}
PYTHON=${PYTHON:-$(PATH=/usr/bin:$PATH command -v python3)}
export DEADLINE=${DEADLINE:-30}

VIP=192.0.2.100
VIP6=2001:db8:1::100
export NET=198.51.100. NET6=2001:db8:2::

PLANNED=0 DONE=0 FAILED=0 SKIPPED=0 FAULTS=0
DEFERRED=()
REPLY='' client='' director='' server='' servers=()

# KTAP

note()
{
	printf '# %s\n' "$*"
}

plan()
{
	PLANNED=$1
	printf 'KTAP version 1\n1..%d\n' "$1"
}

result()
{
	[ -z "${TRACE-}" ] || note "$SECONDS s"
	DONE=$((DONE + 1))
	if [ "$FAULTS" -eq 0 ]; then
		printf 'ok %d %s\n' "$DONE" "$*"
	else
		printf 'not ok %d %s\n' "$DONE" "$*"
		FAILED=$((FAILED + 1))
	fi
	FAULTS=0
}

# skip NAME REASON: instead of a result
skip()
{
	DONE=$((DONE + 1))
	SKIPPED=$((SKIPPED + 1))
	FAULTS=0
	printf 'ok %d %s # SKIP %s\n' "$DONE" "$1" "$2"
}

skip_all()
{
	printf 'KTAP version 1\n1..0 # SKIP %s\n' "$*"
	exit 4
}

die()
{
	printf 'Bail out! %s\n' "$*"
	exit 1
}

# Undoing

defer()
{
	DEFERRED+=("$(printf '%q ' "$@")")
}

leave()
{
	local status=$? i

	trap - EXIT
	trap '' INT TERM HUP PIPE
	for ((i = ${#DEFERRED[@]} - 1; i >= 0; i--)); do
		eval "${DEFERRED[i]}" >/dev/null 2>&1
	done
	if [ "$DONE" -lt "$PLANNED" ]; then
		note "planned $PLANNED tests, ran $DONE"
		exit 1
	fi
	[ "$status" -eq 0 ] || exit "$status"
	[ "$FAILED" -eq 0 ] || exit 1
	[ "$SKIPPED" -eq 0 ] || [ "$SKIPPED" -lt "$DONE" ] || exit 4
	exit 0
}
trap leave EXIT
trap 'exit 1' INT TERM HUP PIPE

# Waiting

# busywait COMMAND...: until it succeeds, $DEADLINE seconds at most
busywait()
{
	local end=$((SECONDS + DEADLINE))

	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# Assertions: each says what was looked at

fault()
{
	local text=$*

	[ "${#text}" -le 300 ] || text="${text:0:140} ... ${text: -140}"
	note "FAULT: $text"
	FAULTS=$((FAULTS + 1))
}

assert_eq()
{
	[ "$2" = "$3" ] || fault "$1: expected '$2', got '$3'"
}

assert_le()
{
	[ "$3" -le "$2" ] || fault "$1: expected at most $2, got $3"
}

assert_match()
{
	[[ $3 =~ $2 ]] || fault "$1: expected /$2/, got '$3'"
}

assert_ok()
{
	local output

	output=$("${@:2}" 2>&1) || fault "$1: failed: $output"
}

assert_fails()
{
	if "${@:2}" >/dev/null 2>&1; then fault "$1: succeeded"; fi
}

# Needs

require()
{
	local tool

	[ "$(id -u)" -eq 0 ] || skip_all "needs root"
	for tool; do
		command -v "$tool" >/dev/null || skip_all "needs $tool"
	done
}

loaded()
{
	grep -q "^$1 " /proc/modules
}

installed()
{
	loaded "$1" || modprobe -nq "$1"
}

# require_modules NAME...: they are there, and ip_vs is loaded; what gets loaded
# from now on, by whatever way, is unloaded at the end
require_modules()
{
	local module

	for module; do
		installed "$module" || skip_all "needs the module $module"
	done
	defer unload " $(cut -d' ' -f1 /proc/modules | tr '\n' ' ')"
	modprobe ip_vs || die "ip_vs does not load"
}

# A namespace dies some time after its deletion, and the modules that it used
# are busy up to then.
unload()
{
	busywait unload_new "$1"
}

unload_new()
{
	local name names busy=0

	# The newest come first, and so do users before what they use.
	mapfile -t names < <(cut -d' ' -f1 /proc/modules)
	for name in "${names[@]}"; do
		case $1 in
		*" $name "*) continue ;;
		esac
		case $name in
		ip_vs*)
			rmmod "$name" 2>/dev/null || busy=1
			;;
		ipip | ip_tunnel | tunnel* | ip6_tunnel | bridge | stp | llc | \
		veth | nf_* | nft_* | nfnetlink | libcrc32c | crc32c_*)
			rmmod "$name" 2>/dev/null
			;;
		esac
	done
	return "$busy"
}

# kernel_log: what the kernel has said since the test began
kernel_log()
{
	dmesg | awk -v mark="$MARK" 'said; index($0, mark) { said = 1 }'
}
MARK="selftest $SELF $$ begins"
[ ! -w /dev/kmsg ] || printf '<6>%s\n' "$MARK" >/dev/kmsg

# assert_kernel_content: it has not complained since the test began
assert_kernel_content()
{
	local complaint

	complaint=$(kernel_log | grep -Em1 \
		'BUG|WARNING|Oops|Call Trace|UBSAN|refcount_t|blocked for more')
	assert_eq "complaint of the kernel" '' "$complaint"
}

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

start_traffic()
{
	coproc TRAFFIC {
		exec "$PYTHON" -s "$HERE/traffic.py" "$client" "$director" \
			"${servers[@]}"
	}
	exec {TO_TRAFFIC}>&"${TRAFFIC[1]}" {FROM_TRAFFIC}<&"${TRAFFIC[0]}"
	defer kill "$TRAFFIC_PID"
}

# ask COMMAND...: its answer is in $REPLY
ask()
{
	printf '%s\n' "$*" >&"$TO_TRAFFIC"
	IFS= read -r -t $((DEADLINE * 4)) REPLY <&"$FROM_TRAFFIC" || die "no answer to: $*"
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
