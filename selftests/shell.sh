#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A shell to look around in: client, director and three real servers with nginx.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=web.sh
. "$(dirname "$0")/web.sh"

require ip ipvsadm nginx curl
require_modules ip_vs ip_vs_swrr

topology 3
web_servers
virtual_service -t "$VIP:80" swrr 5,1,1

cat <<END

A director that balances $VIP:80 by swrr over ${NET}1, .2 and .3, with nginx.

  client curl $VIP        a command in the client's namespace
  director fnatctl service show
  director ipvsadm -Ln          the same; and server1, server2, server3
  cat /sys/kernel/debug/ip_vs_swrr/*
  exit                          powers off

END

# shellcheck disable=SC2016 # for the shell to come
startup=$(mktemp)
defer rm -f "$startup"
{
	for name in client director; do
		printf '%s() { ip netns exec %s "$@"; }\n' "$name" "${!name}"
	done
	for n in 1 2 3; do
		printf 'server%d() { ip netns exec %s "$@"; }\n' "$n" \
			"${servers[n - 1]}"
	done
	printf 'PATH+=:%q\n' "$HERE/../userspace"
	printf 'PS1="(guest) \\w # "\n'
} >"$startup"
bash --rcfile "$startup" -i
exit 0
