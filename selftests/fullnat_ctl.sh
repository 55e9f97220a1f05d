#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fnatctl and the kernel: each verb with good and bad input. What is refused is
# refused with a sentence and status 1, and changes nothing; what is shown is
# there; what is saved can be restored.
#
#   client --------- director -------- server
#   192.0.2.1        VIP 192.0.2.100   198.51.100.1
#                    local addresses 198.51.100.201 .. .212

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fullnat.sh
. "$HERE/fullnat.sh"
: "${LOCAL=}"
state='' SHOWN=''

SCHED=rr
work=$(mktemp -d)
defer rm -rf "$work"

# ctl WORD...: in the director's namespace, entered by the tool itself
ctl()
{
	"$FNATCTL" -n "$director" "$@"
}

# did WORD...: it is done, and nothing is said
did()
{
	local output status

	output=$(ctl "$@" 2>&1 </dev/null)
	status=$?
	assert_eq "$*: status" 0 "$status"
	assert_eq "$*: output" '' "$output"
}

# refused SENTENCE WORD...: by the kernel
refused()
{
	local output status

	output=$(ctl "${@:2}" 2>&1 >/dev/null </dev/null)
	status=$?
	assert_eq "${*:2}: status" 1 "$status"
	assert_match "${*:2}" "^fnatctl: $1" "$output"
	assert_eq "${*:2}: lines of the refusal" 1 "$(wc -l <<<"$output")"
}

# What is there stays as it is: keep, refused..., kept
keep()
{
	state=$(ctl save)
}

kept()
{
	assert_eq 'what is there after refusals' "$state" "$(ctl save)"
}

# One Python for all: reads the name of a file with a document, and an
# expression of it, `d`.
start_json()
{
	coproc JSON {
		exec "$PYTHON" -SIuc 'import json, sys
for line in sys.stdin:
    name, expression = line.rstrip("\n").split("\t")
    try:
        with open(name) as f:
            d = json.load(f)
        print(eval(expression, {"d": d}))
    except Exception as e:
        print(type(e).__name__, e)'
	}
	exec {TO_JSON}>&"${JSON[1]}" {FROM_JSON}<&"${JSON[0]}"
	# shellcheck disable=SC2153 # made by coproc
	defer kill "$JSON_PID"
}

# json EXPRESSION WORD...: what the expression says of what -j shows
json()
{
	ctl -j "${@:2}" >"$work/json" || fault "-j ${*:2}: failed"
	printf '%s\t%s\n' "$work/json" "$(tr '\n\t' '  ' <<<"$1")" >&"$TO_JSON"
	IFS= read -r -t "$DEADLINE" REPLY <&"$FROM_JSON" || die "no answer to: $1"
}

assert_json()
{
	json "${@:2}"
	assert_eq "-j ${*:3}: $2" "$1" "$REPLY"
}

# look WORD...: at a service; line NAME: what it shows after that
look()
{
	SHOWN=$(ctl service show "$@")
}

line()
{
	sed -n "s/^  $1  *//p" <<<"$SHOWN"
}

none()
{
	echo '# none' | ctl restore || fault "cannot delete all"
}

# datagrams FIRST COUNT [ADDRESS]: one from each of so many ports of the client
datagrams()
{
	on "$client" "$PYTHON" -SIc 'import socket, sys
first, count, address = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
for port in range(first, first + count):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                      socket.SOCK_DGRAM)
    s.bind(("", port))
    s.sendto(b"x", (address, 53))' "$1" "$2" "${3:-$VIP}"
}

# used WORD...: of a service's first address: used/limit
used()
{
	ctl laddr show "$@" | awk -v l="$L1" '$3 == l { print $5 }'
}

sessions()
{
	ctl session show "$@" | tail -n +2 | wc -l
}

flushed()
{
	[ "$(sessions)" -eq 0 ]
}

# shellcheck disable=SC2119 # no more modules
require_fullnat
require python3 setpriv
plan 28
fullnat_topology 1 12
start_json
L1=${LOCAL}201 L2=${LOCAL}202 L3=${LOCAL}203 L4=${LOCAL}204
M1=${LOCAL6}201 M2=${LOCAL6}202
web=(-t "$VIP:80") dns=(-u "$VIP:53")

# Services

rmmod ip_vs_fullnat 2>/dev/null
assert_eq 'policies' '' "$(ctl service show)"
loaded ip_vs_fullnat || fault 'the module is not loaded'
for object in service laddr session stats; do
	assert_json '[]' d "$object" show
done
result "the kernel loads the module, and there is nothing"

did service add "${web[@]}" --laddr "$L1-$L2"
did service add "${dns[@]}" --laddr "$L1,$L3" --udp-timeout 30
did service add -t "[$VIP6]:80" --laddr "$M1-$M2" --ports 2000-2999,4000-4000
did service add -t "$VIP" --laddr "$L4" --adjust off
did service add -f 7 --laddr "$L1"
did service add -f 7 -6 --laddr "$M1" --udp-timeout 5 --adjust off
assert_eq 'services' 6 "$(ctl service show | grep -c '^[a-z]')"
look "${web[@]}"
assert_eq 'laddr' "$L1-$L2" "$(line laddr)"
assert_eq 'timeout' '' "$(line udp-timeout)"
assert_eq 'adjust' on "$(line adjust)"
assert_match 'ports' ' \(default\)$' "$(line ports)"
look "${dns[@]}"
assert_eq 'laddr' "$L1,$L3" "$(line laddr)"
assert_eq 'timeout' 30 "$(line udp-timeout)"
assert_eq 'adjust' '' "$(line adjust)"
look -t "$VIP:0"
assert_eq 'adjust' off "$(line adjust)"
look -t "[$VIP6]:80"
assert_eq 'ports' 2000-2999,4000-4000 "$(line ports)"
result "service add and show: tcp, udp, IPv6, any port, firewall marks"

assert_json 6 'len(d)' service show
assert_json "tcp ipv4 $VIP 80 None" \
	'"{protocol} {family} {address} {port} {fwmark}".format(**d[0]["service"])' \
	service show "${web[@]}"
assert_json 'fwmark ipv6 None None 7' \
	'"{protocol} {family} {address} {port} {fwmark}".format(**d[0]["service"])' \
	service show -f 7 -6
assert_json "['$L1', '$L2']" '[l["address"] for l in d[0]["laddr"]]' \
	service show "${web[@]}"
assert_json "[(2000, 2999), (4000, 4000), False]" \
	'[(p["first"], p["last"]) for p in d[0]["ports"]] + [d[0]["default_ports"]]' \
	service show -t "[$VIP6]:80"
for object in service laddr session stats; do
	ctl -j "$object" show | "$PYTHON" -m json.tool >/dev/null ||
		fault "-j $object show: no JSON"
done
assert_json '(30, None)' '(d[0]["udp_timeout"], d[0]["adjust"])' \
	service show "${dns[@]}"
assert_json '(None, True)' '(d[0]["udp_timeout"], d[0]["adjust"])' \
	service show "${web[@]}"
result "the same in JSON"

keep
refused "the service has a policy" service add "${web[@]}" --laddr "$L4"
refused "10.9.9.9: not an address of" service add -t "$VIP:81" --laddr "$L1,10.9.9.9"
refused "${LOCAL}213: not an address of" service add -t "$VIP:81" \
	--laddr "${LOCAL}210-${LOCAL}220"
refused "$M1: " service add -t "$VIP:81" --laddr "$M1"
refused "127.0.0.1: " service add -t "$VIP:81" --laddr 127.0.0.1
refused "224.0.0.1: " service add -t "$VIP:81" --laddr 224.0.0.1
refused "$L1: " service add -t "$VIP:81" --laddr "$L1-$L2,$L1"
refused '.*2048' service add -t "$VIP:81" --laddr 10.0.0.0/8
refused '.*unicast' service add -t 224.0.0.1:80 --laddr "$L1"
refused '.*ip_local_port_range' service add -t "$VIP:81" --laddr "$L1" \
	--ports 1024-65535
refused '.*udp-timeout of a TCP' service add -t "$VIP:81" --laddr "$L1" \
	--udp-timeout 3
refused '.*adjust of a UDP' service add -u "$VIP:81" --laddr "$L1" --adjust off
kept
result "service add: what it does not take is named"

did service set "${web[@]}" --ports 3000-3999
look "${web[@]}"
assert_eq 'ports' 3000-3999 "$(line ports)"
assert_eq 'laddr' "$L1-$L2" "$(line laddr)"
did service set "${web[@]}" --laddr "$L2-$L4" --adjust off
look "${web[@]}"
assert_eq 'ports' 3000-3999 "$(line ports)"
assert_eq 'laddr' "$L2-$L4" "$(line laddr)"
did service set "${web[@]}" --ports default --adjust on
look "${web[@]}"
assert_match 'ports' ' \(default\)$' "$(line ports)"
keep
refused '.*no policy' service set -t "$VIP:81" --ports 1024-1025
refused '10.9.9.9: ' service set "${web[@]}" --laddr "$L1,10.9.9.9"
refused '.*ip_local_port_range' service set "${web[@]}" --ports 1024-65535
kept
result "service set changes what is given alone"

did service del -t "$VIP:0"
refused '.*no policy' service del -t "$VIP:0"
refused '.*no policy' service show -t "$VIP:0"
refused '.*no policy' service del -f 8
assert_json 5 'len(d)' service show
result "service del"

# What IPVS has

ipvs_says()
{
	look "${@:3}"
	assert_match "ipvs" "$1" "$(line ipvs)"
	assert_json "$2" 'd[0]["ipvs"]["state"]' service show "${@:3}"
}

ipvs_says "^no service yet: ipvsadm -A -t $VIP:80\$" no-service "${web[@]}"
ipvs_says '^no service yet: ipvsadm -A -f 7 -6$' no-service -f 7 -6
did service add -t "$VIP" --laddr "$L4"
ipvs_says "^no service yet: ipvsadm -A -t $VIP:0 -p\$" no-service -t "$VIP"
ipvs -A -t "$VIP:0" -p -s "$SCHED"
ipvs_says '0 masquerading' no-masquerading -t "$VIP"
did service del -t "$VIP"
ipvs -A "${web[@]}" -s "$SCHED"
ipvs_says '^scheduler rr, 0 real servers, 0 m.*needs real servers with -m$' \
	no-masquerading "${web[@]}"
ipvs -a "${web[@]}" -r "${NET}1:80" -g
ipvs_says '^scheduler rr, 1 real server, 0 m.*-m$' no-masquerading "${web[@]}"
ipvs -a "${web[@]}" -r "${NET}2:80" -m
ipvs_says '^scheduler rr, 2 real servers, 1 masquerading$' ready "${web[@]}"
ipvs -A "${dns[@]}" -s "$SCHED" -o
ipvs -a "${dns[@]}" -r "${NET}1:53" -m
ipvs_says 'one-packet scheduling: datagrams are dropped$' one-packet "${dns[@]}"
ipvs -A -f 7 -6 -s "$SCHED"
ipvs -a -f 7 -6 -r "[${NET6}1]:80" -m
ipvs_says '1 masquerading$' ready -f 7 -6
ipvs -A -t "[$VIP6]:80" -s "$SCHED"
ipvs -a -t "[$VIP6]:80" -r "[${NET6}1]:80" -m
ipvs_says '1 masquerading$' ready -t "[$VIP6]:80"
ipvs -C
ipvs_says 'no service yet' no-service "${web[@]}"
result "service show says what IPVS has there"

# Local addresses

did laddr add "${web[@]}" --laddr "$L1,${LOCAL}210-${LOCAL}212"
did laddr drain "${web[@]}" --laddr "$L1-$L2,${LOCAL}211"
look "${web[@]}"
assert_eq 'laddr' "$L1-$L4,${LOCAL}210-${LOCAL}212" "$(line laddr)"
assert_eq 'draining' "$L1-$L2,${LOCAL}211" "$(line draining)"
did laddr add "${web[@]}" --laddr "$L2"
did laddr drain "${web[@]}" --laddr "$L1"
did laddr del "${web[@]}" --laddr "${LOCAL}210,$L3"
look "${web[@]}"
assert_eq 'draining' "$L1,${LOCAL}211" "$(line draining)"
assert_json "['$L1', '$L2', '$L4', '${LOCAL}211', '${LOCAL}212']" \
	'[l["address"] for l in d]' laddr show "${web[@]}"
assert_json '[True, False, False, True, False]' '[l["draining"] for l in d]' \
	laddr show "${web[@]}"
assert_eq 'laddr show' 5 "$(ctl laddr show "${web[@]}" | grep -c "^tcp $VIP:80 ")"
assert_eq 'laddr show' 2 "$(ctl laddr show "${web[@]}" | grep -c ' draining$')"
assert_match 'laddr show' '^SERVICE .* NO-PORT$' "$(ctl laddr show | head -n 1)"
result "laddr add, drain, del and show"

keep
refused "$L2: .*already" laddr add "${web[@]}" --laddr "$L2"
refused '10.9.9.9: ' laddr add "${web[@]}" --laddr "$L3,10.9.9.9"
refused '.*no policy' laddr add -t "$VIP:81" --laddr "$L1"
refused "$L3: .*not in the pool" laddr drain "${web[@]}" --laddr "$L2-$L4"
refused "$L3: .*not in the pool" laddr del "${web[@]}" --laddr "$L3"
refused '.*all addresses' laddr del -f 7 --laddr "$L1"
refused '.*no policy' laddr show -t "$VIP:81"
kept
did laddr drain -f 7 --laddr "$L1"
look -f 7
assert_eq 'draining' "$L1" "$(line draining)"
result "laddr: what it does not take is named; the last one can drain"

# Save and restore

# lines_of FILE: of what save has printed, but its first and last line
lines_of()
{
	assert_eq 'first and last line' '# fnatctl save # end' \
		"$(sed -n '1p;$p' "$1" | paste -sd' ')"
	sed '1d;$d' "$1"
}

ctl save >"$work/saved" || fault 'save failed'
assert_eq 'lines saved' 9 "$(wc -l <"$work/saved")"
assert_ok 'restore of what there is' ctl restore <"$work/saved"
assert_eq 'after restore' "$(<"$work/saved")" "$(ctl save)"
none
assert_json '[]' d service show
assert_ok 'restore from nothing' ctl restore <"$work/saved"
assert_eq 'after restore' "$(<"$work/saved")" "$(ctl save)"
ctl save | ctl restore || fault 'save | restore failed'
assert_eq 'after save | restore' "$(<"$work/saved")" "$(ctl save)"
ctl -j service show >"$work/before"
did service set "${web[@]}" --laddr "$L4" --ports 5000-5001
did service del "${dns[@]}"
did service add -t "$VIP:99" --laddr "$L1"
assert_ok 'restore over something else' ctl restore <"$work/saved"
assert_eq 'after restore' "$(<"$work/saved")" "$(ctl save)"
assert_eq 'service show' "$(<"$work/before")" "$(ctl -j service show)"
assert_json "$(lines_of "$work/saved" | paste -sd+)" '"+".join(d)' save
result "save | restore reproduces everything, over nothing and over anything"

# bad_restore SENTENCE LINE...: refused, by whoever, and nothing of it is done
bad_restore()
{
	local output

	output=$(printf '%s\n' "${@:2}" | ctl restore 2>&1) &&
		fault "restore of ${*:2}: done"
	assert_match "restore" "^fnatctl: $1" "$output"
	assert_eq 'after it' "$(<"$work/saved")" "$(ctl save)"
}

good="service add -t $VIP:90 --laddr $L1"
bad_restore 'line 3: ' "$good" '' 'service ad -f 1'
bad_restore "line 2: 10.9.9.9: not an address of" "$good" \
	"service add -t $VIP:91 --laddr $L1,10.9.9.9" "service add -f 9 --laddr $L1"
bad_restore "line 4: 10.9.9.9: " '# a comment' "$good" \
	"service add -t $VIP:91 --laddr $L1" "laddr add -t $VIP:91 --laddr 10.9.9.9"
bad_restore "line 2: tcp $VIP:91: .*ip_local" "$good" \
	"service add -t $VIP:91 --laddr $L1 --ports 1024-65535"
bad_restore "line 1: tcp $VIP:91: .*udp-timeout" \
	"service add -t $VIP:91 --laddr $L1 --udp-timeout 5" "$good"
bad_restore "line 2: $L1: .*twice" "$good" "laddr add -t $VIP:90 --laddr $L1"
bad_restore "line 2: ${LOCAL}213: not an address of" "$good" \
	"service add -t $VIP:91 --laddr ${LOCAL}210-${LOCAL}220"
mapfile -t half <"$work/saved"
bad_restore "line 4: the file is cut off" "${half[@]:0:4}"
bad_restore "line 3: $L4: no line before" "$good" '' \
	"laddr drain -t $VIP:90 --laddr $L4"
output=$(ctl restore </dev/null 2>&1) && fault 'restore of nothing: done'
assert_match 'restore of nothing' 'empty' "$output"
result "restore with one bad line does nothing, and names the line"

{
	for port in $(seq 1 150); do
		echo "service add -t $VIP:$port --laddr $L1-$L4,${LOCAL}206"
		echo "laddr drain -t $VIP:$port --laddr $L2-$L3"
		echo "service add -u [$VIP6]:$port --laddr $M1 --udp-timeout $port"
	done
} >"$work/many"
assert_ok 'restore of 300 services' ctl restore <"$work/many"
ctl save >"$work/now" || fault 'save failed'
assert_eq 'saved' "$(sort "$work/many")" "$(lines_of "$work/now" | sort)"
assert_json 300 'len(d)' service show
assert_json $((150 * 6)) 'len(d)' laddr show
assert_json 6 'len({l["address"] for l in d if l["service"]["port"] == 77})' \
	laddr show
result "300 services, of which each dump takes many messages"

# A dump that changes get in the way of is of one moment all the same.
(
	while :; do
		ctl laddr add -t "$VIP:1" --laddr "${LOCAL}207"
		ctl laddr del -t "$VIP:1" --laddr "${LOCAL}207"
	done
) 2>/dev/null &
changes=$!
for _ in 1 2 3; do
	ctl save >"$work/now" || fault 'save while things change: failed'
	lines_of "$work/now" | grep -v -e "-t $VIP:1 " | sort >"$work/others"
	assert_eq 'what does not change' \
		"$(grep -v -e "-t $VIP:1 " "$work/many" | sort)" \
		"$(<"$work/others")"
	assert_eq 'what does' 2 "$(grep -c -e "-t $VIP:1 " "$work/now")"
done
kill "$changes"
wait "$changes" 2>/dev/null
none
result "save while things change"

# Sessions

did service add "${dns[@]}" --laddr "$L1"
did service add -u "[$VIP6]:53" --laddr "$M1"
virtual_service -u "$VIP:53" "$SCHED" 1
virtual_service -u "[$VIP6]:53" "$SCHED" 1
datagrams 20000 20
datagrams 30000 5 "$VIP6"
assert_eq 'sessions' 25 "$(sessions)"
assert_eq 'of a service' 20 "$(sessions "${dns[@]}")"
assert_eq 'of a service' 5 "$(sessions -u "[$VIP6]:53")"
assert_eq 'of no service' 0 "$(sessions "${web[@]}")"
assert_eq 'of a client' 20 "$(sessions --client "$CLIENT")"
assert_eq 'of its port' 1 "$(sessions --client "$CLIENT:20007")"
assert_eq 'of a client' 5 "$(sessions --client "[$CLIENT6]")"
assert_eq 'of its port' 1 "$(sessions --client "[$CLIENT6]:30001")"
assert_eq 'of a server' 20 "$(sessions --server "${NET}1:53")"
assert_eq 'of another port' 0 "$(sessions --server "${NET}1:54")"
assert_eq 'of a local address' 20 "$(sessions --laddr "$L1")"
json 'd[0]["laddr"]["port"]' session show --client "$CLIENT:20003"
lport=$REPLY
assert_eq 'of a local port' 1 "$(sessions --laddr "$L1:$lport")"
assert_eq 'of all together' 1 "$(sessions "${dns[@]}" --client "$CLIENT:20003" \
	--server "${NET}1" --laddr "$L1:$lport")"
assert_eq 'of things apart' 0 "$(sessions "${dns[@]}" --client "$CLIENT:20004" \
	--laddr "$L1:$lport")"
assert_match 'a line' "^udp  *$CLIENT:20003  *$VIP:53  *$L1:$lport  *${NET}1:53  *-  *[0-9]+\$" \
	"$(ctl session show --client "$CLIENT:20003" | tail -n 1)"
result "session show, and its filters"

assert_json 25 'len(d)' session show
assert_json "('udp', '$CLIENT', 20003, '$VIP', 53, '${NET}1', None, False)" \
	'[(s["protocol"], s["client"]["address"], s["client"]["port"],
	s["virtual"]["address"], s["virtual"]["port"], s["server"]["address"],
	s["state"], s["resting"]) for s in d][0]' \
	session show --client "$CLIENT:20003"
assert_json True 'type(d[0]["timeout"]) is int and d[0]["timeout"] > 0' \
	session show
result "the same in JSON"

assert_eq 'flushed' '1 session flushed' \
	"$(ctl session flush --client "$CLIENT:20000")"
assert_json 0 'd["flushed"]' session flush --client 192.0.2.77
assert_json 5 'd["flushed"]' session flush -u "[$VIP6]:53"
assert_eq 'flushed' '19 sessions flushed' "$(ctl session flush)"
busywait flushed || fault 'sessions are left'
result "session flush"

# Counters

assert_eq 'created' 20 "$(count_of created "${dns[@]}")"
assert_eq 'packets' 20 "$(count_of request-packets "${dns[@]}")"
assert_json '(20, 20, 0)' '(lambda c: (c["created"], c["ended"],
	c["no_port"]))(d[0]["counters"])' stats show "${dns[@]}"
assert_json "[5, 20, '$L1', '$M1']" 'sorted([s["counters"]["created"]
	for s in d if s["service"]]) + [s["laddr"] for s in d if s["laddr"]]' \
	stats show
refused '.*no policy' stats show "${web[@]}"
refused '.*no policy' stats reset "${web[@]}"
did stats reset "${dns[@]}"
assert_json '[0, 5]' 'sorted(s["counters"]["created"] for s in d if s["service"])' \
	stats show
did stats reset
assert_json 0 'sum(sum(s["counters"].values()) for s in d)' stats show
result "stats show and reset"

datagrams 21000 3
did service add -f 7 --laddr "$L2"
did service add -f 7 -6 --laddr "$M2"
did laddr add "${dns[@]}" --laddr "$L3"
did laddr drain "${dns[@]}" --laddr "$L3"
ctl stats show --prometheus >"$work/prom" || fault 'prometheus failed'
complaint=$("$PYTHON" -SI - "$work/prom" 2>&1 <<'END'
import re, sys
helps, types, series, last = {}, {}, set(), None
sample = re.compile(r'([a-z_]+)\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\} (\d+)$')
with open(sys.argv[1], newline='') as f:
    text = f.read()
assert text.endswith('\n') and '\r' not in text
for line in text.splitlines():
    if line.startswith('# '):
        _, kind, name, rest = line.split(' ', 3)
        into = {'HELP': helps, 'TYPE': types}[kind]
        assert name not in into and rest, line
        into[name] = rest
        continue
    match = sample.match(line)
    assert match, line
    name, labels, value = match.groups()
    assert name in helps and name in types, line
    assert name.startswith('ipvs_fullnat_'), line
    assert name == last or (name, 'seen') not in series, 'apart: ' + line
    assert types[name] == ('counter' if name.endswith('_total') else 'gauge'), line
    assert (name, labels) not in series, 'twice: ' + line
    series |= {(name, labels), (name, 'seen')}
    last = name
    keys = tuple(re.findall(r'([a-z]+)="', labels))
    assert keys == (('laddr',) if '_laddr_' in name and '_service_' not in name
                    else ('protocol', 'family', 'service')), line
assert len(series) > 50, len(series)
END
) || fault "prometheus: $complaint"
service='protocol="udp",family="ipv4",service="192.0.2.100:53"'
for sample in "service_created_total{$service} 3" \
	"service_sessions{$service} 3" "service_laddrs{$service} 2" \
	"service_laddrs_draining{$service} 1" "service_ports_used{$service} 3" \
	"laddr_created_total{laddr=\"$L1\"} 3" "laddr_sessions{laddr=\"$L3\"} 0" \
	'service_sessions{protocol="fwmark",family="ipv6",service="7"} 0' \
	'service_sessions{protocol="fwmark",family="ipv4",service="7"} 0'; do
	grep -qxF "ipvs_fullnat_$sample" "$work/prom" || fault "no $sample"
done
result "stats show --prometheus"

# Events

ctl monitor >"$work/text" &
defer kill $!
ctl -j monitor >"$work/lines" &
defer kill $!
# both sockets are in a group of generic netlink's
listening()
{
	[ "$(on "$director" grep -cE '^[^ ]+ +16 +[0-9]+ +0*[1-9a-f]' \
		/proc/net/netlink)" -ge 2 ]
}
busywait listening || fault 'nobody listens'
did service add "${web[@]}" --laddr "$L1"
did service set "${web[@]}" --ports 6000-6001 --adjust off
did laddr add "${web[@]}" --laddr "$L2-$L3,${LOCAL}208/32"
did laddr drain "${web[@]}" --laddr "$L2"
did laddr del "${web[@]}" --laddr "$L2"
did service del "${web[@]}"
came()
{
	[ "$(wc -l <"$1")" -ge "$2" ]
}
busywait came "$work/text" 6 || fault 'events are missing'
busywait came "$work/lines" 6 || fault 'events are missing'
s="tcp $VIP:80"
assert_eq 'events' "service-add $s
service-set $s ports 6000-6001 adjust off
laddr-add $s laddr $L2-$L3,${LOCAL}208/32
laddr-drain $s laddr $L2
laddr-del $s laddr $L2
service-del $s" "$(cut -d' ' -f2- "$work/text" | sed 's/ ports .*on$//')"
assert_match 'time' '^20[0-9-]{8}T[0-9:.]{12}Z ' "$(head -n 1 "$work/text")"
assert_eq 'events in JSON' "['service-add', 'service-set', 'laddr-add', 'laddr-drain', 'laddr-del', 'service-del'] {80} [{'first': 6000, 'last': 6001}] ['$L2-$L3', '${LOCAL}208/32']" \
	"$("$PYTHON" -SIc 'import json, sys
d = [json.loads(line) for line in open(sys.argv[1])]
print([e["event"] for e in d], {e["service"]["port"] for e in d},
      d[1]["ports"], d[2]["laddr"])' "$work/lines")"
result "monitor: a line for each change"

ctl session flush >/dev/null
busywait flushed || fault 'sessions are left'
did service set "${dns[@]}" --ports 7000-7003
datagrams 22000 8
busywait grep -q " exhausted udp $VIP:53\$" "$work/text" ||
	fault "no event: $(tail -n 1 "$work/text")"
busywait grep -q '"event":"exhausted"' "$work/lines" || fault 'no event'
assert_eq 'used' 4/4 "$(used "${dns[@]}")"
[ "$(count_of no-port "${dns[@]}")" -ge 4 ] || fault 'refusals are not counted'
result "monitor: a pool is exhausted"

# of the ports that a policy has now, whoever uses them
did service add -u "$VIP:54" --laddr "$L1,$L3" --ports 7002-7009
assert_eq 'used, by another policy' 2/8 "$(used -u "$VIP:54")"
did service set -u "$VIP:54" --ports 1-7000,7002-7002,7004-20000
assert_eq 'used, by another policy' 2/19998 "$(used -u "$VIP:54")"
did service set "${dns[@]}" --ports 7003-7005,8000-8000
assert_eq 'used, of other ports' 1/4 "$(used "${dns[@]}")"
did service set "${dns[@]}" --ports 5000-5001
assert_eq 'used, of none' 0/2 "$(used "${dns[@]}")"
assert_json 0 'd[0]["used"]' laddr show "${dns[@]}"
ctl stats show --prometheus "${dns[@]}" >"$work/prom" || fault 'prometheus failed'
for sample in "ports_used{$service} 0" "ports_limit{$service} 2"; do
	grep -qxF "ipvs_fullnat_service_$sample" "$work/prom" ||
		fault "no $sample"
done
datagrams 23000 1
assert_eq 'used, of these' 1/2 "$(used "${dns[@]}")"
did service del -u "$VIP:54"
result "laddr show: how many of a policy's own ports are in use"

# Many sessions

ctl session flush >/dev/null
did service set "${dns[@]}" --ports default
datagrams 10000 1500
assert_eq 'sessions' 1500 "$(ctl session show "${dns[@]}" |
	awk '/^udp/ && !seen[$4]++' | wc -l)"
assert_json 1500 'len({s["laddr"]["port"] for s in d})' session show "${dns[@]}"
assert_eq 'one of many' 1 "$(sessions --client "$CLIENT:11499")"
result "1500 sessions: each is shown once"

# What another director's sync daemon tells of has no local address so far.
did service add "${web[@]}" --laddr "$L2"
virtual_service "${web[@]}" "$SCHED" 1
ipvs --start-daemon backup --mcast-interface cli
on "$client" "$PYTHON" -sB "$HERE/sync.py" "$CLIENT" 999 "$VIP" 80 \
	"${NET}1" 80
synced()
{
	[ "$(sessions "${web[@]}")" -eq 1 ]
}
busywait synced || fault 'a synced session is not shown'
assert_match 'a line' \
	"^tcp  *$CLIENT:999  *$VIP:80  *-  *${NET}1:80  *established  *[0-9]+\$" \
	"$(ctl session show "${web[@]}" | tail -n 1)"
assert_json None 'd[0]["laddr"]' session show "${web[@]}"
assert_eq 'of no local address' 0 "$(sessions --laddr 0.0.0.0)"
assert_eq 'of a local address' 0 "$(sessions "${web[@]}" --laddr "$L2")"
assert_json 0 'd["flushed"]' session flush --laddr 0.0.0.0
assert_json 1 'd["flushed"]' session flush "${web[@]}"
ipvs --stop-daemon backup
did service del "${web[@]}"
result "a session that waits for its first packet is shown without an address"

ctl session show | head -n 1 >/dev/null
assert_eq 'a reader who leaves' 141 "${PIPESTATUS[0]}"
output=$(ctl session show 2>&1 >/dev/full)
assert_eq 'a full disk: status' 1 $?
assert_match 'a full disk' 'cannot write: No space left' "$output"
output=$(ctl -j session show 2>&1 >/dev/full)
assert_eq 'a full disk: status' 1 $?
result "output that cannot be written"

# Who may

output=$(on "$director" setpriv --reuid 65534 --clear-groups \
	--inh-caps=-all --bounding-set=-all "$FNATCTL" service show)
assert_eq 'shown to anybody: status' 0 $?
assert_match 'shown to anybody' "udp $VIP:53" "$output"
for words in "service del -u $VIP:53" 'session show' 'session flush' \
	'stats reset' "laddr drain -u $VIP:53 --laddr $L1"; do
	# shellcheck disable=SC2086 # words
	output=$(on "$director" setpriv --reuid 65534 --clear-groups \
		--inh-caps=-all --bounding-set=-all "$FNATCTL" $words 2>&1)
	assert_eq "$words by anybody: status" 1 $?
	assert_match "$words by anybody" 'CAP_NET_ADMIN' "$output"
done
result "changes and sessions are for CAP_NET_ADMIN"

output=$("$FNATCTL" -n nosuch-$$ service show 2>&1)
assert_eq 'no namespace: status' 1 $?
assert_eq 'no namespace' \
	"fnatctl: there is no network namespace 'nosuch-$$'" "$output"
assert_eq 'another namespace' '' "$("$FNATCTL" -n "$client" service show)"
assert_eq 'this namespace' "$(ctl save)" "$(fnatctl save)"
result "network namespaces"

none
ctl session flush >/dev/null
busywait rmmod ip_vs_fullnat || fault 'the module stays'
output=$(ctl service add "${web[@]}" 2>&1)
assert_eq 'wrong words: status' 2 $?
assert_match 'wrong words' 'usage: fnatctl .* service add SERVICE' "$output"
! loaded ip_vs_fullnat || fault 'wrong words have loaded the module'
mkdir "$work/empty"
echo "$work/empty/none" >/proc/sys/kernel/modprobe
output=$(ctl service show 2>&1)
assert_eq 'no module: status' 1 $?
assert_match 'no module' 'modprobe ip_vs_fullnat$' "$output"
echo /sbin/modprobe >/proc/sys/kernel/modprobe
result "without policies and sessions the module goes; without it, it is named"

assert_kernel_content
result "the kernel has not complained"
