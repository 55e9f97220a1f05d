#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The module: loaded by its name, not unloaded in use, leaves nothing behind;
# its second name (also=); what it shows in debugfs; the end of a namespace
# under traffic.
#
#   client --------- director -------- server (3 addresses, one process)
#   192.0.2.1        VIP 192.0.2.100   198.51.100.1 .. 3

. "$(dirname "$0")/lib.sh"

MODULE=ip_vs_$SCHED
# of the same length
OTHER=${MODULE%?}X
DEBUG=/sys/kernel/debug/$MODULE

gone()
{
	! loaded "$1"
}

# refused_load REASON PARAMETER: does not load, and the kernel says why
refused_load()
{
	assert_fails "modprobe $2" modprobe "$MODULE" "$2"
	assert_fails "$MODULE is loaded" loaded "$MODULE"
	assert_match "kernel log" "$1" "$(kernel_log | tail -n 3)"
}

# its_order SCHEDULER WEIGHTS RUN
its_order()
{
	virtual_service -u "$VIP:53" "$1" "$2" -o
	traffic to "$VIP" 53
	assert_traffic "28 0 0" udp 28
	assert_traffic yes smooth "$2"
	assert_traffic yes cycles "$2"
	traffic run
	assert_le "longest run" "$3" "$REPLY"
}

# shown PATTERN: the lines of the service in debugfs that begin so
shown()
{
	sed -n "s/^$1 //p" "$FILE"
}

require ip ipvsadm insmod modinfo modprobe rmmod
require_modules ip_vs "$MODULE"
if loaded "$MODULE"; then
	rmmod "$MODULE" 2>/dev/null || skip_all "$MODULE is in use"
	defer modprobe "$MODULE"
fi
plan 17
topology 1 3
start_traffic traffic.py

ipvs -A -u "$VIP:53" -s "$SCHED" -o
assert_ok "loaded" loaded "$MODULE"
result "ipvsadm -s $SCHED loads $MODULE"

its_order "$SCHED" 5,1,1 3
assert_fails "rmmod in use" rmmod "$MODULE"
assert_ok "still loaded" loaded "$MODULE"
assert_traffic "7 0 0" udp 7
assert_traffic "5 1 1" counts 3
result "in use, it is not unloaded, and works on"

ipvs -D -u "$VIP:53"
assert_ok "rmmod" rmmod "$MODULE"
assert_ok "gone" gone "$MODULE"
result "after the last service, it is unloaded"

assert_traffic yes reload "$SCHED" 50
assert_ok "gone" gone "$MODULE"
result "loaded by a service and unloaded, 50 times"

# debugfs

if [ -d /sys/kernel/debug/bdi ] || mount -t debugfs none /sys/kernel/debug; then
	its_order "$SCHED" 5,1,1 3
	inode=$(on "$director" readlink /proc/self/ns/net)
	FILE=$DEBUG/${inode//[^0-9]/}-udp-$VIP:53
	assert_ok "file" test -r "$FILE"
	assert_eq "mode" 400 "$(stat -c %a "$FILE")"
	assert_eq "turns" 28 "$(shown turns)"
	assert_eq "given up" 0 "$(shown 'given up')"
	assert_eq "cycle" "7 memoised" "$(shown cycle)"
	assert_eq "servers" 3 "$(shown servers)"
	assert_eq "flags" none "$(shown flags)"
	assert_eq "servers, weights, lag, full, parked, connections" \
		"${NET}1:53 5 +0.000 no no 0
${NET}2:53 1 +0.000 no no 0
${NET}3:53 1 +0.000 no no 0" "$(grep "^$NET" "$FILE" | sort)"
	result "debugfs: turns, cycle, servers, weights, lag"

	virtual_service -u "$VIP:54" "$SCHED" 5,1,1 -b flag-1
	traffic to "$VIP" 54
	traffic weight 1 5 2
	assert_traffic "40 0 0" flows 40
	traffic counts 3
	assert_match "counts" '^2 ' "$REPLY"
	FILE=$DEBUG/${inode//[^0-9]/}-udp-$VIP:54
	assert_eq "flags" cap "$(shown flags)"
	assert_match "given up" '^[1-9][0-9]*$' "$(shown 'given up')"
	assert_match "the full server" ' 5 [-+0-9.]+ yes (yes|no) 2$' \
		"$(grep "^${NET}1:" "$FILE")"
	result "debugfs: turns given up, who is full"

	virtual_service -t "[$VIP6]:80" "$SCHED" 2,1
	FILE=$DEBUG/${inode//[^0-9]/}-tcp-[$VIP6]:80
	assert_eq "servers" "[${NET6}1]:80 2 +0.000 no no 0
[${NET6}2]:80 1 +0.000 no no 0" "$(grep "^\[$NET6" "$FILE" | sort)"
	ipvs -D -t "[$VIP6]:80"
	result "debugfs: IPv6"

	FILE=$DEBUG/${inode//[^0-9]/}-udp-$VIP:54
	ipvs -D -u "$VIP:54"
	assert_fails "the file of a deleted service" test -e "$FILE"
	ipvs -D -u "$VIP:53"
	assert_ok "rmmod" rmmod "$MODULE"
	assert_fails "the folder of an unloaded module" test -e "$DEBUG"
	result "debugfs: gone with the service, and with the module"
else
	for n in "debugfs: turns" "debugfs: given up" "debugfs: IPv6" \
		"debugfs: gone"; do
		skip "$n" "no debugfs"
	done
fi

# A second name

if ! installed ip_vs_wrr || { loaded ip_vs_wrr && ! rmmod ip_vs_wrr; }; then
	for n in order module refused after; do
		skip "also=wrr: $n" "no ip_vs_wrr that can be unloaded"
	done
else
	assert_ok "modprobe also=wrr" modprobe "$MODULE" also=wrr
	its_order wrr 5,1,1 3
	assert_match "ipvsadm -Ln" "UDP  $VIP:53 wrr" "$(ipvs -Ln)"
	assert_ok "ip_vs_wrr is not loaded" gone ip_vs_wrr
	assert_eq "parameter" wrr "$(cat "/sys/module/$MODULE/parameters/also")"
	result "also=wrr: -s wrr is shown as wrr and has $SCHED's order"

	its_order "$SCHED" 5,1,1 3
	assert_fails "modprobe ip_vs_wrr" modprobe ip_vs_wrr
	virtual_service -u "$VIP:54" wrr 3,2 -o
	assert_fails "rmmod in use" rmmod "$MODULE"
	ipvs -D -u "$VIP:53"
	assert_fails "rmmod in use by its second name" rmmod "$MODULE"
	ipvs -D -u "$VIP:54"
	assert_ok "rmmod" rmmod "$MODULE"
	result "also=wrr: both names work, ip_vs_wrr stays out, one use is enough"

	virtual_service -u "$VIP:53" wrr 5,1,1 -o
	assert_ok "ip_vs_wrr is loaded" loaded ip_vs_wrr
	assert_ok "$MODULE is not" gone "$MODULE"
	traffic to "$VIP" 53
	assert_traffic "28 0 0" udp 28
	assert_traffic 5 run
	result "unloaded, the name is free: -s wrr is the stock one again"

	refused_load "also=wrr: the name is taken" also=wrr
	assert_traffic "7 0 0" udp 7
	ipvs -C
	assert_ok "rmmod ip_vs_wrr" rmmod ip_vs_wrr
	result "also=wrr is refused while ip_vs_wrr is loaded"
fi

refused_load "also=: give the name" also=
refused_load "also=$SCHED: give the name" "also=$SCHED"
refused_load "also=abcdefghijklmnop: give the name" also=abcdefghijklmnop
refused_load "also=w/rr: give the name" also=w/rr
its_order "$SCHED" 5,1,1 3
ipvs -D -u "$VIP:53"
assert_ok "rmmod" rmmod "$MODULE"
result "also= with no name, its own, one too long, one with a slash: refused"

# 15 characters are the longest name that IPVS knows.
assert_ok "modprobe" modprobe "$MODULE" also=abcdefghijklmno
its_order abcdefghijklmno 5,1,1 3
ipvs -D -u "$VIP:53"
assert_ok "rmmod" rmmod "$MODULE"
result "also= with 15 characters is a name"

# The scheduler's own name is taken: by this module with another name.

file=$(mktemp)
defer rm -f "$file"
sed "s/$MODULE/$OTHER/g" "$(modinfo -n "$MODULE")" >"$file"
defer rmmod "$OTHER"
assert_ok "modprobe" modprobe "$MODULE"
assert_fails "insmod" insmod "$file"
assert_fails "insmod also=other" insmod "$file" also=other
assert_ok "not loaded" gone "$OTHER"
assert_fails "-s other" ipvs -A -u "$VIP:53" -s other
its_order "$SCHED" 5,1,1 3
ipvs -D -u "$VIP:53"
assert_ok "rmmod" rmmod "$MODULE"
assert_ok "insmod also=other" insmod "$file" also=other
its_order other 5,1,1 3
ipvs -D -u "$VIP:53"
assert_ok "rmmod" rmmod "$OTHER"
result "a second $SCHED is refused, and its other name is free again"

# The end of a namespace

virtual_service -t "$VIP:80" "$SCHED" 3,2,1
virtual_service -u "$VIP:53" "$SCHED" 3,2,1 -o
traffic to "$VIP" 80 -t
assert_traffic "6 0 0" tcp 6
traffic flood tcp
flood_on 20
traffic forget
ip netns del "$director"
assert_ok "unloaded after the namespace" busywait rmmod "$MODULE"
traffic calm
result "a namespace deleted under traffic lets go of the module"

assert_kernel_content
result "the kernel has not complained"
