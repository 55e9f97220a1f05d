#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Real HTTP requests, balanced by the kernel: swrr, and stock wrr beside it; then
# FULLNAT, with real servers that have no route to the client. Runs where the
# modules are: make demo has a virtual machine for it.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=web.sh
. "$(dirname "$0")/web.sh"

# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"

require_fullnat bridge ip_vs_wrr
require nginx curl

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

say 'FULLNAT: the director forwards no more, the real servers lose their routes'
on "$director" sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward
	echo 0 >/proc/sys/net/ipv6/conf/all/forwarding'
for server in "${servers[@]}"; do
	ip -n "$server" route del default
	ip -n "$server" -6 route del default
done
run "$director" cat /proc/sys/net/ipv4/ip_forward
run "${servers[0]}" ip route
for n in 1 2; do
	run "$director" ip address add "${NET}20$n/32" dev lan
done

say 'With stock NAT, answers do not find back'
run "$director" ipvsadm -A -t "$VIP:80" -s swrr
for n in 1 2 3; do
	run "$director" ipvsadm -a -t "$VIP:80" -r "$NET$n:80" -m
done
run "$client" curl -sS --connect-timeout 2 "http://$VIP/"

say 'One line, and they do'
# as people would call it
tool()
{
	printf 'director# fnatctl %s\n' "$*"
	fnatctl "$@"
}
tool service add -t "$VIP:80" --laddr "${NET}201-${NET}202" ||
	die "no policy"
run "$client" curl -sS --max-time 10 -H 'Connection: close' \
	"http://$VIP/peer?[1-6]"
requests 80 "$REQUESTS" >"$out/fullnat" || die "requests were lost"
sort "$out/fullnat" | uniq -c | paste -sd' ' |
	awk '{ print $1 + $3 + $5, "more requests:", $1 ",", $3, "and", $5 }'

say 'What fnatctl shows'
tool service show
tool laddr show
tool session show | head -n 8
tool stats show -t "$VIP:80" | grep -v ' 0$'
echo
