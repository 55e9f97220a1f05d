#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Services under edit, for SECONDS= and drawn from SEED=: two that edit real
# servers, weights, thresholds, flags and schedulers, and delete services, while
# datagrams and connections come and debugfs is read. A service that nobody
# edits shares exactly, one that is edited keeps to its own real servers.
#
#   client --------- director -------- server (16 addresses, one process)
#   192.0.2.1        VIP 192.0.2.100   198.51.100.1 .. 16

. "$(dirname "$0")/lib.sh"

MODULE=ip_vs_swrr

require ip ipvsadm rmmod
require_modules ip_vs "$MODULE" ip_vs_rr ip_vs_wlc
plan 10
note "SEED=$SEED SECONDS=$DURATION"
if ! mountpoint -q /sys/kernel/debug; then
	mount -t debugfs none /sys/kernel/debug || die "no debugfs"
	defer umount /sys/kernel/debug
fi
topology 1 16
start_traffic swrr_churn.py

for round in 1 2; do
	traffic begin
	assert_fails "unloaded while in use" rmmod "$MODULE"
	traffic churn $((DURATION / 2))
	for place in 0 1; do
		traffic said "$place"
		note "sent: $REPLY"
		assert_match "sender $place" '^[^;]+; [1-9][0-9]+ turns$' \
			"$REPLY"
	done
	result "round $round: all picks are right, and shares of the rest exact"

	for place in 2 3; do
		traffic said "$place"
		note "edits: $REPLY"
		assert_match "editor $place" '^[1-9]' "$REPLY"
	done
	result "round $round: two editors come to their end"

	traffic said 4
	assert_match "debugfs" '^[1-9][0-9]* read$' "$REPLY"
	result "round $round: what debugfs says is whole"

	assert_fails "unloaded while in use" rmmod "$MODULE"
	traffic clear
	assert_eq "services" '' "$(ipvs -S -n)"
	assert_ok "rmmod" busywait rmmod "$MODULE"
	assert_fails "debugfs" test -e /sys/kernel/debug/ip_vs_swrr
	result "round $round: no service is left, and the module goes"
done

stop_traffic
for name in "$client" "$director" "${servers[@]}"; do remove_ns "$name"; done
assert_ok "rmmod ip_vs" busywait rmmod ip_vs_rr ip_vs_wlc
assert_ok "rmmod ip_vs" busywait rmmod ip_vs
result "IPVS can be unloaded"

assert_eq "devices in use" '' "$(kernel_log | grep -m1 unregister_netdevice)"
assert_kernel_content
result "the kernel is content"
