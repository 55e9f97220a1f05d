# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the tests of FULLNAT with many connections share; after lib.sh and
# fullnat.sh, which set:
: "${HERE=}" "${FNATCTL=}" "${SCHED=}" "${NET=}" "${VIP=}" "${REPLY=}"
: "${client=}" "${director=}" "${CLIENT=}"

# start_crowd: commands by `traffic` from now on are those of crowd.py
start_crowd()
{
	start_traffic crowd.py
	traffic from "$CLIENT"
}

# policy KIND SERVICE LADDRS PORTS [OPTION...]: a new one in place of any old
policy()
{
	fnatctl service del "$1" "$2" 2>/dev/null
	fnatctl service add "$1" "$2" --laddr "$3" --ports "$4" "${@:5}" ||
		die "cannot add a policy for $2"
}

# real_service KIND SERVICE SERVERS [OPTION...]: a virtual service, rr, with the
# real servers of these numbers; its port is theirs
real_service()
{
	local number server=$2 network=$NET open='' shut=''

	case $2 in
	\[*) network=$NET6 open='[' shut=']' ;;
	esac
	{
		echo "-A $1 $2 -s rr ${*:4}"
		for number in $3; do
			server=$open$network$number$shut:${2##*:}
			echo "-a $1 $2 -r $server -m"
		done
	} | ipvs -R || die "cannot add the service $2"
}

# counts NAMES KIND SERVICE: the values of counters, in the order of NAMES
counts()
{
	select_counts "$1" '' < <(fnatctl stats show "$2" "$3")
}

# counts_at NAMES LADDR
counts_at()
{
	select_counts "$1" "laddr $2" < <(fnatctl stats show)
}

# select_counts NAMES [HEAD]: out of what stats show says, or of what follows
# that line. Every program that is started takes its time, so none is.
select_counts()
{
	local line here='' name values=()
	local -A value=()

	while IFS= read -r line; do
		case $line in
		' '*) ;;
		*) here=$line && continue ;;
		esac
		[ -z "$2" ] || [ "$here" = "$2" ] || continue
		read -r name line <<<"$line"
		value[$name]=$line
	done
	for name in $1; do values+=("${value[$name]-none}"); done
	echo "${values[*]}"
}

# counted NAMES KIND SERVICE VALUES: are they so far?
counted()
{
	[ "$(counts "$1" "$2" "$3")" = "$4" ]
}

# assert_counts NAMES KIND SERVICE VALUES
assert_counts()
{
	assert_eq "$3: $1" "$4" "$(counts "$1" "$2" "$3")"
}

# assert_counts_soon NAMES KIND SERVICE VALUES: packets may be on their way
assert_counts_soon()
{
	busywait counted "$@" || assert_counts "$@"
}

# used KIND SERVICE: "LADDR USED/LIMIT" of each local address
used()
{
	local address used list=()

	while read -r _ _ address _ used _; do
		[[ $used != [0-9]*/* ]] || list+=("$address $used")
	done < <(fnatctl laddr show "$1" "$2")
	local IFS=,
	echo "${list[*]}"
}

# assert_answers EXPECTED COMMAND...: of the crowd; unlike assert_traffic it
# says what became of the rest
assert_answers()
{
	traffic "${@:2}"
	assert_eq "${*:2}" "$1" "$REPLY"
}

# assert_seen ADDRESS...: these, in order, the real servers see of the last ones
assert_seen()
{
	assert_answers "$*" laddrs_of_last
}

# refused SENTENCE COMMAND...: fnatctl says so, with status 1
refused()
{
	local output status

	output=$(fnatctl "${@:2}" 2>&1)
	status=$?
	assert_eq "status of ${*:2}" 1 "$status"
	assert_match "${*:2}" "$1" "$output"
}

# tcp_ext NAMESPACE NAME: a counter of its TCP
tcp_ext()
{
	local kind names values i

	while read -r kind names && read -r kind values; do
		[ "$kind" = TcpExt: ] || continue
		read -ra names <<<"$names"
		read -ra values <<<"$values"
		for i in "${!names[@]}"; do
			[ "${names[i]}" != "$2" ] || echo "${values[i]}"
		done
	done < <(on "$1" cat /proc/net/netstat)
}

# time_waits NAMESPACE: connections in TIME_WAIT there
time_waits()
{
	on "$1" sed -n 's/^TCP: .* tw \([0-9]*\).*/\1/p' /proc/net/sockstat
}

# knob NAMESPACE PATH [VALUE]: a sysctl below net, PATH with slashes
knob()
{
	if [ $# -eq 2 ]; then
		on "$1" cat "/proc/sys/net/$2"
	else
		# shellcheck disable=SC2016 # the inner shell's
		on "$1" sh -c 'echo "$1" >"/proc/sys/net/$2"' sh "$3" "$2" ||
			die "cannot set $2 to $3"
	fi
}

# Events

# start_monitor FILE: the events of the director go there; it listens when this
# returns
start_monitor()
{
	EVENTS=$1
	: >"$EVENTS"
	"$FNATCTL" --netns "$director" --json monitor >"$EVENTS" &
	defer kill $!
	fnatctl service add -u "$VIP:9" --laddr "$(laddr 1)" ||
		die "cannot add a policy"
	busywait heard || die "fnatctl monitor hears nothing"
	fnatctl service del -u "$VIP:9"
}

heard()
{
	fnatctl service set -u "$VIP:9" --udp-timeout 1
	grep -q service-set "$EVENTS"
}

# events NAME [PORT]: how many there were, of services with that port
events()
{
	grep "\"event\":\"$1\"" "$EVENTS" | grep -c "\"port\":${2:-.*},"
}

# happened COUNT NAME [PORT]
happened()
{
	[ "$(events "${@:2}")" -ge "$1" ]
}
