#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Real HTTP requests, balanced by the kernel: swrr, and stock wrr beside it.
# Runs where the modules are: make demo has a virtual machine for it.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=web.sh
. "$(dirname "$0")/web.sh"

require ip ipvsadm nginx curl
require_modules ip_vs ip_vs_swrr ip_vs_wrr

WEIGHTS=(5 1 1)
CYCLE=7
REQUESTS=$((CYCLE * 30))

balance()
{
	local scheduler=$1 port=$2 n

	say "$scheduler: weights ${WEIGHTS[*]}"
	run "$director" ipvsadm -A -t "$VIP:$port" -s "$scheduler"
	for n in 1 2 3; do
		run "$director" ipvsadm -a -t "$VIP:$port" -r "$NET$n:80" -m \
			-w "${WEIGHTS[n - 1]}"
	done
	run "$director" ipvsadm -Ln
	run "$client" curl -s "http://$VIP:$port/[1-$((CYCLE * 3))]" \
		-H 'Connection: close' >"$out/$scheduler.first"
	grep -v '#' "$out/$scheduler.first" | paste -sd' '
	requests "$port" "$REQUESTS" >"$out/$scheduler" ||
		die "requests were lost with $scheduler"
	if [ "$scheduler" = swrr ]; then
		echo 'cat /sys/kernel/debug/ip_vs_swrr/*'
		cat /sys/kernel/debug/ip_vs_swrr/*
	fi
	run "$director" ipvsadm -D -t "$VIP:$port"
}

# figures FILE: share of each server, longest run
figures()
{
	awk -v cycle="$CYCLE" -v weights="${WEIGHTS[*]}" '
		{
			count[$1]++
			run = $1 == last ? run + 1 : 1
			last = $1
			if (run > longest) longest = run
		}
		END {
			n = split(weights, weight, " ")
			for (i = 1; i <= n; i++)
				printf "%5d (due %d)", count[i],
				       NR * weight[i] / cycle
			printf "   %d\n", longest
		}' "$1"
}

out=$(mktemp -d)
defer rm -rf "$out"

say "Linux $(uname -r), the distribution's own; ip_vs_swrr $(modinfo -F version ip_vs_swrr)"
cat <<END
     client                director                     real servers
    192.0.2.1  -------  $VIP  -------  ${NET}1, ${NET}2, ${NET}3
     curl                  IPVS                     nginx, nginx, nginx
    (each in a network namespace of its own)
END
topology 3
web_servers
say 'Each nginx says who it is'
for n in 1 2 3; do
	run "$client" curl -s "http://$NET$n/"
done

balance swrr 80
balance wrr 81

say "The first $((CYCLE * 3)) requests, by the server that had them"
for scheduler in swrr wrr; do
	printf '%-5s' "$scheduler"
	grep -v '#' "$out/$scheduler.first" | paste -sd' '
done
say "$REQUESTS requests: how many each server had, and how many in a row went to one"
printf '%-5s%13s %13s %13s   %s\n' '' 'server 1' 'server 2' 'server 3' 'longest run'
for scheduler in swrr wrr; do
	printf '%-5s' "$scheduler"
	figures "$out/$scheduler"
done
echo
