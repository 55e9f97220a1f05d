# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A client and a real server that have nothing to do with those of the test, but
# that their packets go by the same director; after lib.sh and fullnat.sh, which
# set:
: "${client=}" "${director=}" "${servers=}" "${REPLY=}"
still='' calm=''

# still_group: still, a client, and calm, a real server, with links of their own
still_group()
{
	setup_ns still calm
	wire "$still" eth0 203.0.113.1/24 2001:db8:c::1/64 \
		"$director" still 203.0.113.254/24 2001:db8:c::254/64
	wire "$director" calm 10.9.0.254/24 2001:db8:9::254/64 \
		"$calm" eth0 10.9.0.1/24 2001:db8:9::1/64
	addresses "$director" still 203.0.113.100/32 2001:db8:c::100/128
	addresses "$director" calm 10.9.0.20{1,2,3,4}/32 2001:db8:9::201/128
	ip -n "$still" route add default via 203.0.113.254
	ip -n "$still" route add default via 2001:db8:c::254
	neighbours "$still" eth0 02:00:00:00:01:01 203.0.113.1 2001:db8:c::1 \
		"$director" still 02:00:00:00:01:02 203.0.113.{254,100} \
		2001:db8:c::{254,100}
	neighbours "$calm" eth0 02:00:00:00:02:01 10.9.0.1 2001:db8:9::1 \
		"$director" calm 02:00:00:00:02:02 \
		10.9.0.{254,201,202,203,204} 2001:db8:9::{254,201}
}

# neighbours NAMESPACE DEVICE MAC ADDRESS ADDRESS6 NAMESPACE DEVICE MAC
# ADDRESS...: they know each other, for a machine that is too busy to tell in
# time loses datagrams
neighbours()
{
	local address

	ip -n "$1" link set "$2" address "$3"
	ip -n "$6" link set "$7" address "$8"
	for address in "$4" "$5"; do
		echo "neigh replace $address dev $7 lladdr $3 nud permanent"
	done | ip -n "$6" -batch -
	for address in "${@:9}"; do
		echo "neigh replace $address dev $2 lladdr $8 nud permanent"
	done | ip -n "$1" -batch -
}

# assert_still: it lost nothing, and is done
assert_still()
{
	traffic slowest
	assert_le "milliseconds of silence" $((DEADLINE * 1000 / 3)) "$REPLY"
	note "the longest silence of the others: $REPLY ms"
	traffic stop_still
	assert_match "who was not edited" '^[1-9][0-9]* good; $' "$REPLY"
}

# assert_adds_up: created = ended + live, and so on
assert_adds_up()
{
	traffic add_up
	[ "$REPLY" = yes ] || fault "$REPLY"
}

# flushed: is no session left?
flushed()
{
	traffic sessions
	[ "$REPLY" = 0 ]
}

# assert_empties: flushed, sessions end, and the counters know
assert_empties()
{
	traffic flush
	busywait flushed || fault "$REPLY sessions stay"
	assert_adds_up
}

# assert_goes MODULE: nothing is configured any more, so it can be unloaded
assert_goes()
{
	traffic clear
	assert_eq "policies" '' "$(fnatctl service show)"
	assert_eq "services" '' "$(ipvs -S -n)"
	# what has come since, and what is at rest
	traffic flush
	traffic leave
	# IPVS comes back after a minute to what a packet held at that moment
	DEADLINE=$((DEADLINE + 60)) busywait rmmod "$1" 2>/dev/null ||
		fault "users of $1: $(cat "/sys/module/$1/refcnt")"
}

# assert_all_goes MODULES: no namespace is left, nor a module but these
assert_all_goes()
{
	local name

	stop_traffic
	for name in "$client" "$director" "${servers[@]}"; do
		remove_ns "$name"
	done
	unload "$1" || fault "modules: $(lsmod)"
	assert_eq "devices in use" '' \
		"$(kernel_log | grep -m1 unregister_netdevice)"
	assert_kernel_content
}
