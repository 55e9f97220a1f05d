#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Allocations that fail, one after another, in everything that either module
# does: it is refused as a whole, or done. For a kernel with fault injection; what
# leaked, vm/checkers asks for at the end.
#
#   us ------------- director ------------ us
#   192.0.2.1        VIP 192.0.2.100       198.51.100.1
#                    LIP 198.51.100.201
#
# Both links are tunnels of ours: what we write is through the director, in our
# own process, when that returns. So an allocation of ours can be counted.

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"

DEBUG=/sys/kernel/debug

# part NAME [ARGUMENT...]: a part of fail_nth.py in the director; what it prints
# is a fault, line by line, but for notes
part()
{
	local line

	while IFS= read -r line; do
		case $line in
		'# '*) note "${line#\# }" ;;
		*) fault "$line" ;;
		esac
	done < <(on "$director" "$PYTHON" -sB "$HERE/fail_nth.py" "$1" "$SEED" \
		"${@:2}" 2>&1)
}

# tunnels: the director with its links
tunnels()
{
	setup_ns director
	ip -n "$director" -batch - <<-END
		tuntap add dev cli mode tun
		tuntap add dev lan mode tun
		address add 192.0.2.254/24 dev cli
		address add 2001:db8:1::254/64 dev cli nodad
		address add $VIP/32 dev cli
		address add $VIP6/128 dev cli nodad
		address add ${NET}254/24 dev lan
		address add ${NET6}254/64 dev lan nodad
		address add ${NET}201/32 dev lan
		address add ${NET6}201/128 dev lan nodad
		link set cli up
		link set lan up
		route add local 10.1.0.0/24 dev lo
		route add local 10.2.0.0/16 dev lo
		route add local 2001:db8:3::/48 dev lo
	END
}

# what_may_sleep_fails: and there is no word of it
what_may_sleep_fails()
{
	local knob folder

	for folder in "$DEBUG"/failslab "$DEBUG"/fail_page_alloc; do
		for knob in probability=0 times=-1 verbose=0 \
			ignore-gfp-wait=N ignore-gfp-highmem=N; do
			[ ! -e "$folder/${knob%=*}" ] ||
				echo "${knob#*=}" >"$folder/${knob%=*}"
		done
	done
}

unload_ours()
{
	busywait rmmod ip_vs_fullnat && busywait rmmod ip_vs_swrr
}

[ -e /proc/self/fail-nth ] || skip_all "the kernel has no fail-nth"
[ -d "$DEBUG/failslab" ] || skip_all "the kernel has no failslab"
[ -c /dev/net/tun ] || modprobe tun || skip_all "needs tun"
SCHED=swrr
require_fullnat ip_vs_rr
require modinfo rmmod
"$PYTHON" -c 'import yaml' 2>/dev/null || skip_all "needs python3-yaml"
note "SEED=$SEED"
plan 8
tunnels
what_may_sleep_fails
modprobe ip_vs_swrr
modprobe ip_vs_rr
assert_ok "unload" unload_ours

part load "$(modinfo -n ip_vs_fullnat)"
result "ip_vs_fullnat loads as a whole, or not at all"

part load "$(modinfo -n ip_vs_swrr)"
result "ip_vs_swrr loads as a whole, or not at all"

modprobe ip_vs_fullnat
modprobe ip_vs_swrr
part requests
result "each request is carried out, or refused as a whole"

part first
result "so is the first policy of a namespace"

part namespaces
result "and namespaces, with the modules loaded"

part scheduler
result "services and real servers with swrr: edits are done, or refused"

part packets
result "packets pass, translated, or are lost"

ip netns del "$director"
assert_ok "unload" unload_ours
assert_fails "slab" grep -q '^ip_vs_fullnat' /proc/slabinfo
assert_eq "complaint of the kernel" '' \
	"$(kernel_log | "$HERE/vm/splats" | head -n 10)"
result "no session is left, and both modules unload"
