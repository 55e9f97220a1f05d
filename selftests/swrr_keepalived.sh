#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# An unmodified keepalived that knows nothing of swrr gets it under the name
# wrr: it sets the service up, takes out who fails its check and brings it
# back, changes a weight, without a burst or a loss.
#
#   client --------- director -------- server (3 addresses, one process)
#   192.0.2.1        VIP 192.0.2.100   198.51.100.1 .. 3
#                    keepalived        each has a port for checks

. "$(dirname "$0")/lib.sh"

CHECKED=9000

listed()
{
	traffic weights
	[ "$REPLY" = "$1" ]
}

configure()
{
	local n weights=(0 5 1 1)

	cat <<-END
		global_defs {
			router_id selftest
			script_user root
			enable_script_security
		}
		track_file extra {
			file $dir/extra
			weight 1
			init_file 0
		}
		virtual_server $VIP 53 {
			delay_loop 1
			lvs_sched wrr
			lvs_method NAT
			protocol UDP
			ops
	END
	for n in 1 2 3; do
		cat <<-END
			real_server $NET$n 53 {
				weight ${weights[n]}
				TCP_CHECK {
					connect_port $CHECKED
					connect_timeout 3
					retry 0
					delay_before_retry 1
				}
		END
		[ "$n" -ne 3 ] || echo "FILE_CHECK { track_file extra weight 1 }"
		echo "}"
	done
	echo "}"
}

require ip ipvsadm keepalived
require_modules ip_vs "ip_vs_$SCHED"
! loaded ip_vs_wrr || rmmod ip_vs_wrr 2>/dev/null ||
	skip_all "ip_vs_wrr is in use"
! loaded "ip_vs_$SCHED" || rmmod "ip_vs_$SCHED" 2>/dev/null ||
	skip_all "ip_vs_$SCHED is in use"
plan 6

dir=$(mktemp -d)
defer rm -rf "$dir"
# Only in a machine of its own may the test edit the configuration of modprobe.
if [ "${IPVS_FULLNAT_VM-0}" = 1 ]; then
	snippet=$HERE/../kmod/modprobe-ip_vs_swrr-as-wrr.conf
	# both are there, as on a director in use; then as the README says
	modprobe -a ip_vs_wrr "ip_vs_$SCHED"
	modprobe -r ip_vs_wrr "ip_vs_$SCHED" || die "modprobe -r"
	cp "$snippet" /etc/modprobe.d/
	defer rm -f "/etc/modprobe.d/${snippet##*/}"
	# which may be gone with them, and Linux 5.10 loads it for no request
	modprobe ip_vs
else
	modprobe "ip_vs_$SCHED" also=wrr
fi

topology 1 3
start_traffic traffic.py
configure >"$dir/keepalived.conf"
echo 0 >"$dir/extra"
traffic to "$VIP" 53
traffic healthy "$CHECKED" 1 2 3
ip netns exec "$director" keepalived --check --dont-fork --log-console --log-detail \
	--use-file "$dir/keepalived.conf" --pid "$dir/pid" \
	--checkers_pid "$dir/checkers.pid" >"$dir/log" 2>&1 &
keepalived=$!
defer wait "$keepalived"
defer kill "$keepalived"

if ! busywait listed "1:5 2:1 3:1"; then
	sed 's/^/# /' "$dir/log"
	fault "keepalived did not set up the service"
fi
assert_match "ipvsadm -Ln" "UDP  $VIP:53 wrr ops" "$(ipvs -Ln)"
assert_ok "ip_vs_$SCHED is loaded" loaded "ip_vs_$SCHED"
assert_fails "ip_vs_wrr is loaded" loaded ip_vs_wrr
result "lvs_sched wrr loads ip_vs_$SCHED and sets the service up"

assert_traffic "28 0 0" udp 28
assert_traffic yes smooth 5,1,1
assert_traffic yes cycles 5,1,1
traffic run
assert_le "longest run" 3 "$REPLY"
result "its order is that of $SCHED: smooth, runs of 3"

traffic flood udp
traffic healthy "$CHECKED" 2 3
busywait listed "2:1 3:1" || fault "the failed one stayed"
flood_on 50
traffic calm
assert_match "datagrams" '^[0-9]+ 0 0$' "$REPLY"
traffic since $((SENT + 1))
assert_traffic yes absent 1
assert_traffic yes shared 5,1,1 2,3
result "one fails its check: taken out, nothing lost, the others in turn"

traffic flood udp
traffic healthy "$CHECKED" 1 2 3
busywait listed "1:5 2:1 3:1" || fault "the recovered one did not return"
flood_on 70
traffic calm
assert_match "datagrams" '^[0-9]+ 0 0$' "$REPLY"
assert_traffic yes modest 5,1,1 1
# Whoever joins finds the others anywhere between one turn ahead and one owed:
# until that has evened out, runs are only below 2 / (1 - 5/7).
traffic run
assert_le "longest run" 6 "$REPLY"
assert_traffic "70 0 0" udp 70
assert_traffic yes cycles 5,1,1
traffic run
assert_le "longest run" 3 "$REPLY"
result "it recovers: back without a burst, exact cycles again"

traffic flood udp
echo 4 >"$dir/extra"
busywait listed "1:5 2:1 3:5" || fault "the weight did not change"
flood_on 50
traffic calm
assert_match "datagrams" '^[0-9]+ 0 0$' "$REPLY"
assert_traffic "77 0 0" udp 77
assert_traffic "35 7 35" counts 3
assert_traffic yes cycles 5,1,5
traffic run
assert_le "longest run" 2 "$REPLY"
result "a weight changed by keepalived: the new shares, nothing lost"

kill "$keepalived"
wait "$keepalived"
assert_eq "services" "" "$(ipvs -Sn)"
assert_ok "the module is free" busywait rmmod "ip_vs_$SCHED"
result "keepalived leaves, and the module can go"
