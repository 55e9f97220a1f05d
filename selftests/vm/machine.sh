# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced: what a machine needs by its kernel.

# Sets, by the kernel's release: memory (MiB), slower (how many times so slow as
# a stock kernel it is), append (parameters for the kernel, its patience too).
# shellcheck disable=SC2034 # for those who source this
machine_for() { # RELEASE
	memory=1024 slower=1
	append='watchdog_thresh=20 rcupdate.rcu_cpu_stall_timeout=60'
	case $1 in
	*-debug-*)
		memory=3072 slower=10
		append='kasan_multi_shot 8250.nr_uarts=1 watchdog_thresh=60'
		# processors of an emulator share the host's counter
		append+=' tsc=reliable'
		append+=' rcupdate.rcu_cpu_stall_timeout=300'
		append+=' workqueue.watchdog_thresh=600'
		append+=' sysctl.kernel.hung_task_timeout_secs=1200'
		;;
	*-coverage-*)
		slower=2
		# who may not share a cache of objects with others makes its own,
		# and can be refused that
		append+=' 8250.nr_uarts=1 slab_nomerge'
		;;
	*-kcsan-*)
		slower=2
		# most of what is watched is in softirqs
		append+=' 8250.nr_uarts=1 kcsan.udelay_interrupt=80'
		;;
	esac
}
