# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Completion of fnatctl(8) for bash.

# Words that the command line has so far, as the shell would split them: bash
# also splits at colons, which services have.
_fnatctl_words()
{
	local line=${COMP_LINE:0:COMP_POINT}

	read -ra words <<<"$line"
	case $line in
	*[[:space:]]) words+=('') ;;
	esac
}

# What save and ipvsadm -Sn have after -t, -u or -f
_fnatctl_services()
{
	{
		# which would load it, and IPVS too
		[ ! -e /sys/module/ip_vs_fullnat ] ||
			fnatctl "${netns[@]}" save
		[ ${#netns[@]} -gt 0 ] || [ ! -e /proc/net/ip_vs ] ||
			ipvsadm -Sn
	} 2>/dev/null | awk -v option="$1" '
		{ for (i = 1; i < NF; i++) if ($i == option) print $(i + 1) }' |
		sort -u
}

# The director's own addresses, but for those of loopback
_fnatctl_addresses()
{
	ip "${netns[@]}" -o address show scope global 2>/dev/null |
		awk '{ sub("/.*", "", $4); print $4 }'
}

_fnatctl_values()
{
	case $1 in
	-n | --netns)
		ip netns list 2>/dev/null | awk '{ print $1 }'
		;;
	-t | --tcp-service) _fnatctl_services -t ;;
	-u | --udp-service) _fnatctl_services -u ;;
	-f | --fwmark-service) _fnatctl_services -f ;;
	--laddr) _fnatctl_addresses ;;
	--ports) echo default ;;
	--adjust) printf '%s\n' on off ;;
	esac
}

_fnatctl_options()
{
	local service='-t -u -f -6'

	case $1 in
	'service add' | 'service set')
		echo "$service --laddr --ports --udp-timeout --adjust"
		;;
	'service del' | 'service show' | 'laddr show' | 'stats reset')
		echo "$service"
		;;
	'laddr add' | 'laddr drain' | 'laddr del')
		echo "$service --laddr"
		;;
	'session show' | 'session flush')
		echo "$service --client --server --laddr"
		;;
	'stats show') echo "$service --prometheus" ;;
	'service ') echo 'add set del show' ;;
	'laddr ') echo 'add drain del show' ;;
	'session ') echo 'show flush' ;;
	'stats ') echo 'show reset' ;;
	' ') echo 'service laddr session stats monitor save restore -j -n -h -V' ;;
	esac
}

# Of the words of standard input, those that begin as the word does. They are
# compared and not expanded, since not all are ours.
_fnatctl_matching() # WORD
{
	local word

	tr -s ' ' '\n' | while IFS= read -r word; do
		[[ $word != "$1"* ]] || printf '%s\n' "$word"
	done
}

_fnatctl()
{
	local words netns=() object='' verb='' i word current previous prefix

	_fnatctl_words
	current=${words[-1]}
	previous=${words[-2]}
	for ((i = 1; i < ${#words[@]} - 1; i++)); do
		word=${words[i]}
		case $word in
		-n | --netns)
			i=$((i + 1))
			netns=(-n "${words[i]}")
			;;
		-t | -u | -f | --*-service | --laddr | --ports | \
		--udp-timeout | --adjust | --client | --server)
			i=$((i + 1))
			;;
		-*) ;;
		*)
			if [ -z "$object" ]; then
				object=$word
			elif [ -z "$verb" ]; then
				verb=$word
			fi
			;;
		esac
	done
	case $previous in
	-n | --netns | -[tuf] | --*-service | --laddr | --ports | \
	--udp-timeout | --adjust | --client | --server)
		mapfile -t COMPREPLY < <(_fnatctl_values "$previous" |
			_fnatctl_matching "$current")
		;;
	*)
		mapfile -t COMPREPLY < <(_fnatctl_options "$object $verb" |
			_fnatctl_matching "$current")
		;;
	esac
	# the part before the last colon is a word of its own for bash
	case $current in
	*:*)
		prefix=${current%"${current##*:}"}
		COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
		;;
	esac
}

complete -F _fnatctl fnatctl
