# SPDX-License-Identifier: GPL-2.0
# For people. The kernel's build system reads Kbuild.

KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
DESTDIR ?=
PREFIX ?= /usr
DKMSDIR ?= /usr/src/ipvs-fullnat-$(VERSION)

VERSION := $(shell sed -n 's/.*VERSION "\(.*\)"/\1/p' kmod/version.h)
VM := selftests/vm
MODULE_NAMES := ip_vs_swrr ip_vs_fullnat
UPDATES = $(DESTDIR)/lib/modules/$(KVER)/updates

# everything that a module is built from, and all that DKMS needs
SOURCES := Kbuild dkms.conf COPYING $(wildcard kmod/Kbuild kmod/*.h \
	kmod/*/*.[ch] kmod/uapi/linux/*.h)

all: modules tools

help:
	@sed -n 's/^#: //p' $(firstword $(MAKEFILE_LIST))

#: make                 build the modules for this kernel, and the tools
#: make modules         the modules alone; KVER=RELEASE or KDIR=HEADERS: for another kernel
#: make tools           the tools alone
#: make install         install both (as root); DESTDIR=, KVER=
#: make uninstall       remove both
#: make dkms-install    hand the sources to DKMS, which builds them for every kernel (as root)
#: make dkms-uninstall  take them back
#: make demo            show it: in a virtual machine, with a stock kernel, nothing installed
#: make check           all tests; ends with N passed, N failed, N skipped
#: make check-style, check-unit, check-ctl, check-install, check-vm   a part of them
#: make check-kernels   those of check-vm on each of Debian's kernels; KERNELS='SUITE...', TEST_PROGS=
#: make check-debug     those of check-vm and check-stress on a kernel that checks itself: an hour; SECONDS=, TEST_PROGS=
#: make coverage        which lines of the modules they come by; SECONDS=, TEST_PROGS=
#: make check-stress    hostile and random ones, each for SECONDS=; SEED=, SMP=, TEST_PROGS=
#: make bench           count instructions, beside the peers
#: make shell           a shell in the virtual machine, modules and networks in place
#: make style           checkpatch, sparse, W=1, shellcheck, kernel-doc and house rules
#: make genl            make anew what is made of the netlink contract
#: make clean           remove what was built
#: KERNEL=              the virtual machine's kernel: a Debian suite, debug, kcsan, coverage, a folder, a bzImage

$(KDIR)/Makefile:
	@echo "no headers of kernel $(KVER) in $(KDIR): install linux-headers-$(KVER), or give KVER= or KDIR=" >&2
	@false

compiler:
	@command -v $(firstword $(CC)) >/dev/null || { \
		echo "no C compiler: install build-essential" >&2; false; }

modules: $(KDIR)/Makefile compiler
	$(MAKE) -C $(KDIR) M='$(CURDIR)' modules

tools: compiler
	$(MAKE) -C userspace

root:
	@[ -n '$(DESTDIR)' ] || [ "$$(id -u)" = 0 ] || { \
		echo "this changes the system: run it as root (sudo), or give DESTDIR=" >&2; false; }

built:
	@for name in $(MODULE_NAMES); do \
		[ -e "kmod/$$name.ko" ] || { \
			echo "kmod/$$name.ko is not built: run make first" >&2; exit 1; }; \
		made=$$(modinfo -F vermagic "kmod/$$name.ko"); \
		[ "$${made%% *}" = '$(KVER)' ] || { \
			echo "kmod/$$name.ko is for kernel $${made%% *}, not $(KVER): run make modules, or give KVER=" >&2; exit 1; }; \
	done

install: root built tools
	install -d '$(UPDATES)'
	install -m 644 $(MODULE_NAMES:%=kmod/%.ko) '$(UPDATES)'
	$(MAKE) -C userspace install DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)'
	$(if $(DESTDIR),,depmod '$(KVER)')

uninstall: root
	rm -f $(MODULE_NAMES:%='$(UPDATES)/%.ko')
	$(MAKE) -C userspace uninstall DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)'
	$(if $(DESTDIR),,depmod '$(KVER)')

dkms:
	@command -v dkms >/dev/null || { echo "no dkms: install dkms" >&2; false; }

dkms-sources: root tools
	rm -rf '$(DESTDIR)$(DKMSDIR)'
	install -d '$(DESTDIR)$(DKMSDIR)'
	cp --parents $(SOURCES) '$(DESTDIR)$(DKMSDIR)'

dkms-install: $(if $(DESTDIR),,dkms) dkms-sources
	$(MAKE) -C userspace install DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)'
	$(if $(DESTDIR),,dkms install -m ipvs-fullnat -v $(VERSION) -k '$(KVER)')

dkms-uninstall: root $(if $(DESTDIR),,dkms)
	$(if $(DESTDIR),,-dkms remove -m ipvs-fullnat -v $(VERSION) --all)
	rm -rf '$(DESTDIR)$(DKMSDIR)'
	$(MAKE) -C userspace uninstall DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)'

# What the virtual machine loads is built beside, for its own kernel, so that
# it never gets in the way of a build for this one.
vm-modules:
	@$(VM)/packages build vm $(if $(filter debug coverage kcsan,$(KERNEL)),debug)
	@dir=$$($(VM)/kernel) && release=$$($(VM)/kernel --release) && \
		echo "kernel $$release, in $$dir" && \
		echo 'building the modules for it'
	@selftests/build-modules
	@$(MAKE) -s -C userspace

demo: vm-modules
	@$(VM)/packages tests
	@echo 'booting it in QEMU'
	@selftests/in-vm --timeout 300 -- selftests/demo.sh

shell: vm-modules
	@$(VM)/packages tests
	@echo 'booting it in QEMU'
	@selftests/in-vm --tty --timeout 86400 -- selftests/shell.sh

check:
	@selftests/check style unit ctl install vm

check-style check-unit check-ctl check-install check-vm:
	@selftests/check $(@:check-%=%)

check-kernels:
	@selftests/check-kernels

check-debug coverage:
	@$(if $(SECONDS),DURATION='$(SECONDS)') selftests/$@

check-stress:
	@$(if $(SECONDS),DURATION='$(SECONDS)') selftests/check-stress

style:
	@selftests/check style

genl:
	@selftests/vm/packages style
	@selftests/genl

bench: vm-modules
	@$(VM)/packages tests unit bench
	@selftests/bench/run

clean:
	rm -rf build
	find kmod \( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' \
		-o -name '.*.cmd' -o -name '*.o.d' \) -delete
	rm -f Module.symvers modules.order .*.cmd kmod/modules.order
	$(MAKE) -C userspace clean

.PHONY: all help compiler modules tools root built install uninstall dkms \
	dkms-sources dkms-install dkms-uninstall vm-modules demo shell check \
	check-style check-unit check-ctl check-install check-vm check-kernels \
	check-debug coverage check-stress style genl bench clean
