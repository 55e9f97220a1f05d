# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced: packages of any Debian suite, unpacked into a cache and never
# installed. Nothing of the host's apt changes.

# Paths into the cache are written down in what is cached: no links in them.
# shellcheck disable=SC2034 # for those who source this
cache=$(realpath -m "${IPVS_FULLNAT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ipvs-fullnat}")

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

host_suite() {
	sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

# The host's own archive: where its suite comes from, in whichever format its
# sources are written.
archive() { # SUITE FALLBACK
	local uri

	uri=$(apt-get update --print-uris 2>/dev/null |
		sed -n "s#^'\(.*\)/dists/$1/InRelease'.*#\1#p" | head -n 1)
	echo "${uri:-$2}"
}

# A private apt: the host's ways of reaching the network, but own sources, own
# lists, and the state of a machine with nothing installed.
private_apt() { # SUITE DIR
	local host key main security

	command -v apt-get >/dev/null || die "fetching Debian's packages needs apt"
	host=$(host_suite)
	main=$(archive "$host" http://deb.debian.org/debian)
	security=$(archive "$host-security" http://deb.debian.org/debian-security)
	for key in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
		[ -e "$key" ] && key=" signed-by=$key" && break
		key=
	done

	mkdir -p "$2"/{lists,archives}/partial
	: >"$2/status"
	echo "deb [arch=amd64$key] $main $1 main" >"$2/sources.list"
	case $1 in
	sid | unstable | testing | experimental | *-backports) ;;
	*) echo "deb [arch=amd64$key] $security $1-security main" >>"$2/sources.list" ;;
	esac
	apt-config dump | grep '^Acquire' >"$2/apt.conf"
	cat >>"$2/apt.conf" <<-END
		Dir::Etc::main "/nonexistent";
		Dir::Etc::parts "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Dir::Etc::sourcelist "$2/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::State "$2";
		Dir::State::lists "$2/lists";
		Dir::State::status "$2/status";
		Dir::Cache "$2";
		APT::Architecture "amd64";
		APT::Architectures { "amd64"; };
		APT::Sandbox::User "root";
	END
	# what apt prints is read
	export APT_CONFIG=$2/apt.conf LC_ALL=C
	apt-get -qq update >&2 || die "cannot read the package lists of $1"
}

# The release of the kernel that a suite has, once private_apt() is
suite_release() {
	apt-cache depends linux-headers-amd64 |
		sed -n 's/^ *Depends: linux-headers-\([0-9].*\)/\1/p' | head -n 1
}

# Fetches what is not there: runs COMMAND with a temporary folder beside what is
# to come of it, one at a time. What others left there goes, and so does ours,
# whatever ends us: nothing is in its place until it is complete.
once() { # PATH COMMAND...
	local path=$1 dir=${1%/*}

	mkdir -p "$dir" || exit
	(
		flock 9
		# Another one may have fetched it in the meantime.
		[ -z "${update-}" ] && [ -e "$path" ] && exit
		rm -rf "$dir"/tmp.*
		tmp=$(mktemp -d "$dir/tmp.XXXXXX") || exit
		trap 'rm -rf "$tmp"' EXIT
		"${@:2}" "$tmp"
	) 9>"$dir/lock"
}

unpack_debs() { # DEBS ROOT [OPTION OF TAR...]
	local deb

	for deb in "$1"/*.deb; do
		(
			set -o pipefail
			dpkg-deb --fsys-tarfile "$deb" |
				tar -x -C "$2" --keep-directory-symlink "${@:3}"
		) || return
	done
}
