#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The netlink family ipvs-fullnat, with requests that are drawn out of its
# contract, half of them spoilt: every answer is well formed, refusals change
# nothing; one writer, and many at once; the owner of a namespace, and users
# without rights; requests and dumps of megabytes. For as long as SECONDS=, and
# at least some thousands of them.
#
#   client ---------- director ------------ server1
#   192.0.2.1         VIP 192.0.2.100       198.51.100.1
#                     10.1.0.0/16, 10.2.0.0/16
#
# The real server knows the way to all local addresses by the director.

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"

MODULE=ip_vs_fullnat

# told COMMAND...: what it prints is a fault, line by line, but for notes
told()
{
	local line

	while IFS= read -r line; do
		case $line in
		'# '*) note "${line#\# }" ;;
		*) fault "$line" ;;
		esac
	done < <("$@" 2>&1)
}

# part NAME SHARE [NAMESPACE...]: a part of fuzz_netlink.py in the director, for
# its share of DURATION in percent
part()
{
	local seconds

	seconds=$(awk -v all="$DURATION" -v share="$2" \
		'BEGIN { print all * share / 100 }')
	told on "$director" "$PYTHON" -sB "$HERE/fuzz_netlink.py" "$1" \
		"$seconds" "$SEED" "${@:3}"
}

# all_state: what there is in the director, and where no test is
all_state()
{
	fnatctl --json service show
	fnatctl save
	"$FNATCTL" save
}

require_fullnat ip_vs_rr bridge
require rmmod
"$PYTHON" -c 'import yaml' 2>/dev/null || skip_all "needs python3-yaml"
[ -e "$HERE/../kmod/uapi/ipvs-fullnat.yaml" ] || skip_all "needs the contract"
note "SEED=$SEED"
plan 7
fullnat_topology 1
{
	echo "route add local 10.1.0.0/24 dev lo"
	echo "route add local 10.2.0.0/16 dev lo"
	echo "route add local 2001:db8:3::/48 dev lo"
} | ip -n "$director" -batch - || die "cannot add routes"
ip -n "$server" route add default via "${NET}254"
ip -n "$server" route add default via "${NET6}254"

part alone 40 "$client" "$server"
result "one writer: answers are well formed, refusals change nothing"

part many 30 "$client" "$server"
result "writers, readers and listeners at once"

part large 0
result "requests of megabytes, dumps of thousands"

fnatctl service add -t "$VIP:80" --laddr 10.1.0.1 || fault "service add"
before=$(all_state)
part owner 15
assert_eq "what there is outside" "$before" "$(all_state)"
result "the owner of a namespace changes that, and nothing outside"

before=$(all_state)
part strangers 15
result "without rights nothing changes, whoever has opened the socket"

fnatctl restore <<<'# none' || fault "fnatctl restore"
fnatctl session flush >/dev/null || fault "fnatctl session flush"
assert_eq "policies" '' "$(fnatctl service show)"
assert_eq "sessions" '' "$(fnatctl session show | tail -n +2)"
result "all of it can be flushed and deleted"

ipvs -C
assert_ok "rmmod" busywait rmmod "$MODULE"
assert_fails "slab" grep -q '^ip_vs_fullnat' /proc/slabinfo
assert_kernel_content
result "and the module unloads"
