# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced: tests in two virtual machines side by side, for one has hardly a use
# for two processors. Who sources this has a folder $logs, and a function
# machine NAME SCRIPT... that runs scripts in a machine of their own.

# programs VARIABLE: those that the Makefile lists by this name
programs()
{
	sed -n "s/^$1 [:+]= //p" selftests/Makefile
}

# chosen: those in TEST_PROGS=, or all that there are
chosen()
{
	local prog

	# shellcheck disable=SC2046,SC2086 # names
	for prog in ${TEST_PROGS:-$(programs TEST_PROGS) $(programs STRESS_PROGS)}; do
		[ ! -x "selftests/$prog" ] && [ -z "${TEST_PROGS-}" ] ||
			echo "$prog"
	done
}

# ready SET...: packages of these sets, the modules and the tool; or it ends
ready()
{
	selftests/vm/packages "$@" && selftests/build-modules &&
		make -s -C userspace && return
	echo '0 passed, 1 failed, 0 skipped'
	exit 1
}

# machines SCRIPT...: each machine says a sum of its own; the last line is that
# of both
# shellcheck disable=SC2154 # logs
machines()
{
	local progs=("$@") one=() other=() i pid='' status=0

	for i in "${!progs[@]}"; do
		if ((i % 2)); then
			one+=("${progs[i]}")
		else
			other+=("${progs[i]}")
		fi
	done
	: >"$logs/one"
	if [ ${#one[@]} -gt 0 ]; then
		machine one "${one[@]}" >"$logs/one" 2>&1 &
		pid=$!
	fi
	machine other "${other[@]}" 2>&1 | tee "$logs/other"
	[ "${PIPESTATUS[0]}" -eq 0 ] || status=1
	[ -z "$pid" ] || wait "$pid" || status=1
	cat "$logs/one"
	cat "$logs/one" "$logs/other" | awk -v status="$status" \
		-v machines="$((${pid:+1} + 1))" '
		/^# [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped/ {
			passed += $2
			failed += $4
			skipped += $6
			sums++
		}
		END {
			if (sums < machines || (status && !failed))
				failed++
			printf "# %d passed, %d failed, %d skipped\n",
				passed, failed, skipped
		}'
	return "$status"
}

# total LOG...: the sum of the sums in their last lines; fails if a test did
total()
{
	local log sum

	sum=$(for log; do tail -n 1 "$log"; done | awk '
		/^# [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ {
			passed += $2
			failed += $4
			skipped += $6
			next
		}
		{ failed++ }
		END {
			printf "%d passed, %d failed, %d skipped",
				passed, failed, skipped
		}')
	printf '\n%s\n' "$sum"
	[[ $sum == *' 0 failed,'* ]]
}
