#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# IPVS's own connection tracking (net.ipv4.vs.conntrack=1) where it is hard:
# ports that are used again while the firewall remembers the last connection,
# and rules that masquerade what leaves the director.
#
#   client ---------- director ------------ server1, server2
#   192.0.2.1         VIP 192.0.2.100       198.51.100.1, .2
#                     LIP 198.51.100.201, .202

. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"
# shellcheck source=crowd.sh
. "$HERE/crowd.sh"
# shellcheck source=firewall.sh
. "$HERE/firewall.sh"

require_fullnat ip_vs_rr bridge nft_ct nft_masq
require ethtool nft
plan 3
firewall_topology
tracking 1
stateful ''
traffic to "$VIP" 80

# the port that a closed connection had
fnatctl service del -t "$VIP:80"
policy -t "$VIP:80" "$(laddr 1)" 20000-20003
assert_answers "40 good" cycle 40 2
assert_answers "20 good" cycle 20 2 client
traffic slowest
assert_le "slowest, ms" 900 "$REPLY"
assert_eq "invalid, and others" "0 0" "$(passed "invalid other")"
policy -t "$VIP:80" "$(pool "$VIP")" "$PORTS"
result "conntrack=1: ports that are used again"

# which connection tracking adds up, before they are translated
offload off
works "conntrack=1, complete checksums"
assert_eq "invalid, and others" "0 0" "$(passed "invalid other")"
done_with
offload on
result "conntrack=1: complete checksums"

stateful "$(masquerade)"
works "conntrack=1 and masquerade"
assert_eq "invalid, and others" "0 0" "$(passed "invalid other")"
done_with
assert_kernel_content
result "conntrack=1: rules that masquerade leave FULLNAT alone"
