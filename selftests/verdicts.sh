# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A queue of netfilter in the director, of which a program passes all packets;
# after lib.sh and fullnat.sh, which set:
: "${HERE=}" "${PYTHON=}" "${director=}"

# verdicts: the program runs when this returns
verdicts()
{
	exec {FROM_VERDICTS}< <(
		ip netns exec "$director" "$PYTHON" -sB "$HERE/verdicts.py"
	)
	read -r VERDICTS <&"$FROM_VERDICTS" || die "no queue of netfilter"
	defer end_verdicts
}

# end_verdicts: its number may be somebody else's by the end of a script
end_verdicts()
{
	[ -z "$VERDICTS" ] || kill "$VERDICTS"
	VERDICTS=''
}

# no_verdicts: the program is gone, and has passed $ASKED packets
# shellcheck disable=SC2034 # for the scripts
no_verdicts()
{
	ASKED=0
	end_verdicts
	read -r ASKED <&"$FROM_VERDICTS" || fault "the queue's program has ended"
	exec {FROM_VERDICTS}<&-
}
