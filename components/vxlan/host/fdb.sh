# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: the FDB and neighbour entries of the peers.

LOGGED_COMMANDS=20 # commands of a batch that are logged one by one; more are counted
BATCH=500          # commands that a tool gets at a time: it keeps its answers in memory

# Adds and removes entries in one batch for each tool. What the kernel has refused is not tried again in this run, unless
# another repair of this round may have flushed it: the connectivity test shows whether traffic passes without it.
reconcile_fdb() {
	local commands ipv6=false replaced=$REPLACED
	[[ -e $replaced ]] || replaced=/dev/null
	if needs_ipv6; then ipv6=true; fi
	commands=$(exec awk -f "$LIB/fdb.awk" device="$DEVICE" flood="$FLOOD" ipv6="$ipv6" \
		input=desired "$PEERS" input=replaced "$replaced" \
		input=fdb <(exec bridge fdb show dev "$DEVICE") input=neigh <(exec ip neigh show dev "$DEVICE" nud permanent))
	if [[ -z $commands ]]; then
		set_warning entries
	elif [[ -z $CHANGED && $commands == "${TRIED_COMMANDS-}" ]]; then
		set_warning entries "the kernel of $(hostname) did not take, or somebody removes again: ${commands%%$'\n'*}" \
			"($(wc -l <<<"$commands") in all)"
	else
		TRIED_COMMANDS=$commands
		run_batch bridge "$commands"
		run_batch ip "$commands"
	fi
}

# Runs those lines that are commands of a tool, which takes what follows "#" for a comment. One that fails stops no other:
# the next round sees what is left to do.
run_batch() { # TOOL COMMANDS
	local commands command first
	mapfile -t commands < <(sed -n "s/^$1 //p" <<<"$2")
	if ((${#commands[@]} > LOGGED_COMMANDS)); then
		log_repair "$1 ${commands[0]}, and $((${#commands[@]} - 1)) more"
	else
		for command in "${commands[@]}"; do log_repair "$1 $command"; done
	fi
	for ((first = 0; first < ${#commands[@]}; first += BATCH)); do
		printf '%s\n' "${commands[@]:first:BATCH}" | "$1" -force -batch - || log "$1 refused some of that"
	done
}
