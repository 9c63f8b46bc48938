# shellcheck shell=bash
# Part of oci-vxlan: the peers' FDB and neighbour entries.

SPELLED_OUT=20     # entries of one run that are said one by one; more are counted
BATCH=500          # commands that a tool is given at a time: it keeps what it answers in memory

# Enters and removes entries in one batch for each tool, however many there are. What the kernel refused in the round
# before is not tried again in this run: it is warned of, and whether traffic passes without it the connectivity test says.
reconcile_entries() {
	local commands ipv6=false replaced=$LEAVING
	[[ -e $replaced ]] || replaced=/dev/null
	! wants_ipv6 || ipv6=true
	commands=$(exec awk -f "$LIB/entries.awk" device="$DEVICE" flood="$FLOOD" ipv6="$ipv6" \
		what=wanted "$PEERS" what=leaving "$replaced" \
		what=fdb <(exec bridge fdb show dev "$DEVICE") what=neigh <(exec ip neigh show dev "$DEVICE" nud permanent))
	if [[ -z $commands ]]; then
		forget_warning entries
	elif [[ $commands == "${TRIED_COMMANDS-}" ]]; then
		warn_once entries "the kernel of $(hostname) did not take, or somebody removes again: ${commands%%$'\n'*}" \
			"($(wc -l <<<"$commands") in all)"
	else
		TRIED_COMMANDS=$commands
		run_batch bridge "$commands"
		run_batch ip "$commands"
	fi
}

# Runs those lines that are commands of a tool. An entry that went meanwhile is no failure: the next round sees
# what is left to do.
run_batch() { # TOOL COMMANDS
	local commands command count first
	commands=$(sed -n "s/^$1 //p" < <(echo "$2"))
	[[ -n $commands ]] || return 0
	count=$(wc -l < <(echo "$commands"))
	if ((count > SPELLED_OUT)); then
		mending "$1 ${commands%%$'\n'*}, and $((count - 1)) more"
	else
		while read -r command; do mending "$1 $command"; done < <(echo "$commands")
	fi
	for ((first = 1; first <= count; first += BATCH)); do
		sed -n "$first,$((first + BATCH - 1))p" <<<"$commands" | "$1" -force -batch - || log "$1 refused some of that"
	done
}
