# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the tests of this folder share: KTAP, undoing, waiting, assertions; and,
# by topology.sh, namespaces, services and traffic.
# A test sources this file, says `plan N`, and then, N times over, asserts
# things and ends with `result NAME`. Whatever it makes is undone at its exit.

set -u

SELF=$(basename "$0" .sh)
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SCHED=${SCHED:-swrr}
PYTHON=${PYTHON:-$(PATH=/usr/bin:$PATH command -v python3)}
# so many times slower than others this kernel is, and all limits of time follow
export SLOWER=${SLOWER:-1}
export DEADLINE=${DEADLINE:-$((30 * SLOWER))}
# what is only volume is divided by this, for so much of it would take too long
export FEWER=${FEWER:-$((SLOWER > 4 ? 4 : 1))}
# for how many seconds those that draw at random go on: bash takes SECONDS= for
# where its clock begins
export DURATION=${DURATION:-$((SECONDS > 1 ? SECONDS : 20))}
export -n SECONDS
SECONDS=0
# what they draw from; the same again with the same
export SEED=${SEED:-$RANDOM$RANDOM}

PLANNED=0 DONE=0 FAILED=0 SKIPPED=0 FAULTS=0
DEFERRED=()

# KTAP

note()
{
	printf '# %s\n' "$*"
}

plan()
{
	PLANNED=$1
	printf 'KTAP version 1\n1..%d\n' "$1"
}

result()
{
	[ -z "${TRACE-}" ] || note "$SECONDS s"
	DONE=$((DONE + 1))
	if [ "$FAULTS" -eq 0 ]; then
		printf 'ok %d %s\n' "$DONE" "$*"
	else
		printf 'not ok %d %s\n' "$DONE" "$*"
		FAILED=$((FAILED + 1))
	fi
	FAULTS=0
}

# skip NAME REASON: instead of a result
skip()
{
	DONE=$((DONE + 1))
	SKIPPED=$((SKIPPED + 1))
	FAULTS=0
	printf 'ok %d %s # SKIP %s\n' "$DONE" "$1" "$2"
}

skip_all()
{
	printf 'KTAP version 1\n1..0 # SKIP %s\n' "$*"
	exit 4
}

die()
{
	printf 'Bail out! %s\n' "$*"
	exit 1
}

# Undoing

defer()
{
	DEFERRED+=("$(printf '%q ' "$@")")
}

leave()
{
	local status=$? i

	trap - EXIT
	trap '' INT TERM HUP PIPE
	for ((i = ${#DEFERRED[@]} - 1; i >= 0; i--)); do
		eval "${DEFERRED[i]}" >/dev/null 2>&1
	done
	if [ "$DONE" -lt "$PLANNED" ]; then
		note "planned $PLANNED tests, ran $DONE"
		exit 1
	fi
	if [ "$FAULTS" -gt 0 ]; then
		note "faults after the last result"
		exit 1
	fi
	[ "$status" -eq 0 ] || exit "$status"
	[ "$FAILED" -eq 0 ] || exit 1
	[ "$SKIPPED" -eq 0 ] || [ "$SKIPPED" -lt "$DONE" ] || exit 4
	exit 0
}
trap leave EXIT
trap 'exit 1' INT TERM HUP PIPE

# Waiting

# busywait COMMAND...: until it succeeds, $DEADLINE seconds at most
busywait()
{
	local end=$((SECONDS + DEADLINE))

	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# Assertions: each says what was looked at

fault()
{
	local text=$*

	[ "${#text}" -le 300 ] || text="${text:0:140} ... ${text: -140}"
	note "FAULT: $text"
	FAULTS=$((FAULTS + 1))
}

assert_eq()
{
	[ "$2" = "$3" ] || fault "$1: expected '$2', got '$3'"
}

assert_le()
{
	[ "$3" -le "$2" ] || fault "$1: expected at most $2, got $3"
}

assert_ge()
{
	[ "$3" -ge "$2" ] || fault "$1: expected at least $2, got $3"
}

assert_match()
{
	[[ $3 =~ $2 ]] || fault "$1: expected /$2/, got '$3'"
}

assert_ok()
{
	local output

	output=$("${@:2}" 2>&1) || fault "$1: failed: $output"
}

assert_fails()
{
	if "${@:2}" >/dev/null 2>&1; then fault "$1: succeeded"; fi
}

# Needs

require()
{
	local tool

	[ "$(id -u)" -eq 0 ] || skip_all "needs root"
	for tool; do
		command -v "$tool" >/dev/null || skip_all "needs $tool"
	done
}

loaded()
{
	grep -qs "^$1 " /proc/modules
}

installed()
{
	loaded "$1" || modprobe -nq "$1"
}

# require_modules NAME...: they are there, and ip_vs is loaded; what gets loaded
# from now on, by whatever way, is unloaded at the end
require_modules()
{
	local module

	for module; do
		installed "$module" || skip_all "needs the module $module"
	done
	defer unload " $(cut -d' ' -f1 /proc/modules 2>/dev/null | tr '\n' ' ')"
	modprobe ip_vs || die "ip_vs does not load"
}

# A namespace dies some time after its deletion, and the modules that it used
# are busy up to then.
unload()
{
	busywait unload_new "$1"
}

unload_new()
{
	local name names busy=0

	# The newest come first, and so do users before what they use.
	mapfile -t names < <(cut -d' ' -f1 /proc/modules)
	for name in "${names[@]}"; do
		case $1 in
		*" $name "*) continue ;;
		esac
		case $name in
		ip_vs*)
			rmmod "$name" 2>/dev/null || busy=1
			;;
		ipip | ip_tunnel | tunnel* | ip6_tunnel | bridge | stp | llc | \
		veth | vrf | nf_* | nft_* | nfnetlink | libcrc32c | crc32c_*)
			rmmod "$name" 2>/dev/null
			;;
		esac
	done
	return "$busy"
}

# kernel_log: what the kernel has said since the test began
kernel_log()
{
	dmesg | awk -v mark="$MARK" 'said; index($0, mark) { said = 1 }'
}
MARK="selftest $SELF $$ begins"
[ ! -w /dev/kmsg ] || printf '<6>%s\n' "$MARK" >/dev/kmsg

# assert_kernel_content: it has not complained since the test began
assert_kernel_content()
{
	local complaint

	complaint=$(kernel_log | grep -Em1 \
		'BUG|WARNING|Oops|Call Trace|UBSAN|refcount_t|blocked for more')
	assert_eq "complaint of the kernel" '' "$complaint"
}

. "$HERE/topology.sh"
