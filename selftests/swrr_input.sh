#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Bad and extreme input: weights, thresholds, flags, names, none or a thousand
# real servers. What is refused is refused with a reason and changes nothing;
# what is accepted works.
#
#   client --------- director -------- server (1256 addresses, one process)
#   192.0.2.1        VIP 192.0.2.100   198.51.100.1 .. 198.51.104.232

. "$(dirname "$0")/lib.sh"

# one_packet WEIGHTS
one_packet()
{
	virtual_service -u "$VIP:53" "$SCHED" "$1" -o
	traffic to "$VIP" 53
}

# refused REASON OPTION...: ipvsadm does not do it
refused()
{
	local output

	if output=$(ipvs "${@:2}" 2>&1); then
		fault "${*:2}: accepted"
	else
		assert_match "${*:2}" "$1" "$output"
	fi
}

# undisturbed: 5,1,1 go on where they were
undisturbed()
{
	traffic udp 7
	traffic all
	assert_traffic yes smooth 5,1,1
	assert_traffic yes cycles 5,1,1
	assert_traffic "1:5 2:1 3:1" weights
}

require ip ipvsadm
require_modules ip_vs "ip_vs_$SCHED"
plan 14
topology 1 16
# Far more addresses than can be configured one by one: the server has all of
# four networks, numbers 257 and up.
for n in 101 102 103 104; do
	ip -n "$director" route add "198.51.$n.0/24" via "${NET}1"
	ip -n "$server" route add local "198.51.$n.0/24" dev lo
done
start_traffic traffic.py

# Weights

one_packet 0,2,1
assert_traffic "9 0 0" udp 9
assert_traffic "0 6 3" counts 3
assert_traffic yes smooth 0,2,1
result "weight 0 from the beginning: never picked"

one_packet 0,0
assert_traffic "0 3 0" udp 3
traffic weight 2 1
assert_traffic "3 0 0" udp 3
assert_traffic "0 3" counts 2
result "all of weight 0: refused; one set to 1: accepted"

ipvs -D -u "$VIP:53"
ipvs -A -u "$VIP:53" -s "$SCHED" -o
assert_traffic "0 3 0" udp 3
ipvs -a -u "$VIP:53" -r "${NET}3:53" -m
assert_traffic "3 0 0" udp 3
assert_traffic "0 0 3" counts 3
ipvs -d -u "$VIP:53" -r "${NET}3:53"
assert_traffic "0 3 0" udp 3
result "no real server: refused; one added: accepted; deleted: refused"

one_packet 5,1,1
traffic udp 3
refused "illegal weight" -e -u "$VIP:53" -r "${NET}1:53" -m -w -1
refused "illegal weight" -a -u "$VIP:53" -r "${NET}4:53" -m -w 2147483648
assert_refused ERANGE weight 1 -1
assert_refused ERANGE weight 1 2147483648
assert_refused ERANGE add 4 -2147483648
traffic udp 4
undisturbed
result "weights -1, -2^31 and 2^31 are refused"

one_packet 1,1
traffic weight 1 2147483647
assert_traffic "200 0 0" udp 200
assert_traffic yes smooth 2147483647,1
traffic weight 2 2147483647
assert_traffic "200 0 0" udp 200
traffic run
assert_le "longest run" 2 "$REPLY"
assert_traffic yes cycles 1,1
result "weight 2^31-1, beside 1 and beside another"

one_packet "$(same 16 2147483647)"
assert_traffic "160 0 0" udp 160
assert_traffic yes cycles "$(same 16 1)"
assert_traffic yes smooth "$(same 16 1)"
result "16 times weight 2^31-1: in turn"

odd=2147483647,2147483646,1073741824,65537
one_packet 1,1,1,1
n=0
for weight in ${odd//,/ }; do
	n=$((n + 1))
	traffic weight "$n" "$weight"
done
traffic to "$VIP" 53
assert_traffic "1000 0 0" udp 1000
assert_traffic yes smooth "$odd"
result "weights whose cycle has more than 10^9 turns: smooth"

# Thresholds, flags, names

one_packet 5,1,1
traffic udp 3
refused "out of range" -a -u "$VIP:53" -r "${NET}4:53" -m -x 5 -y 9
refused "out of range" -e -u "$VIP:53" -r "${NET}1:53" -m -w 5 -x 5 -y 9
assert_refused ERANGE weight 1 5 5 9
refused "illegal u_threshold" -e -u "$VIP:53" -r "${NET}1:53" -m -x -1
traffic udp 4
undisturbed
result "thresholds that cross are refused"

refused "invalid scheduler flag" -A -u "$VIP:54" -s "$SCHED" -b flag-9
refused "invalid scheduler flag" -E -u "$VIP:53" -s "$SCHED" -b flag-1,bad
undisturbed
result "unknown scheduler flags are refused"

refused "not found" -A -u "$VIP:54" -s "${SCHED}abcdefghijklmnop"
refused "not found" -A -u "$VIP:54" -s "$SCHED/../rr"
refused "not found" -A -u "$VIP:54" -s "${SCHED^^}"
assert_fails "a service without a scheduler" ipvs -L -u "$VIP:54"
undisturbed
result "names too long, with a path, in capitals are no schedulers"

refused "exists" -a -u "$VIP:53" -r "${NET}1:53" -m -w 9
assert_refused EEXIST add 2 9
assert_refused ENOENT weight 9 1
assert_refused ENOENT delete 9
undisturbed
result "one added twice, an unknown one edited or deleted: refused"

# Many

many=$(for n in $(seq 1000); do echo "$((n % 3 + 1))"; done)
list=$(same 256 0),$(paste -sd, <<<"$many")
{
	echo "-A -u $VIP:55 -s $SCHED -o"
	n=256
	for weight in $many; do
		n=$((n + 1))
		echo "-a -u $VIP:55" \
			"-r 198.51.$((100 + n / 256)).$((n % 256)):55 -m -w $weight"
	done
} >"${restore:=$(mktemp)}"
defer rm -f "$restore"
assert_ok "ipvsadm -R" on "$director" ipvsadm -R <"$restore"
traffic to "$VIP" 55
assert_traffic "2001 0 0" udp 2001
assert_traffic yes smooth "$list"
assert_traffic yes cycles "$list"
assert_traffic 1 run
result "1000 real servers restored: smooth, exact in a cycle of 2001"

for n in $(seq 257 1255); do
	traffic weight "$n" 0
done
assert_traffic "20 0 0" udp 20
traffic since 1
assert_traffic yes absent "$(seq -s, 257 1255)"
for n in $(seq 257 1256); do
	traffic delete "$n"
done
assert_traffic "0 2 0" udp 2
ipvs -D -u "$VIP:55"
traffic to "$VIP" 53
undisturbed
result "999 of them set to 0, all deleted: another service goes on"

assert_kernel_content
result "the kernel has not complained"
