# shellcheck shell=bash
# Part of oci-vxlan: a cheap look at all that a run would check. What it showed when a run found nothing to mend is
# remembered, and for as long as it shows the same, there is nothing to mend.

# Prints what kernel and firewall hold, in their own words; nothing before the first run has found the NIC. What counts
# down by itself is not asked for: a leased address has a lifetime, and a NIC that is a bridge has timers in its details.
look() {
	local nic=$RUN/$OVERLAY/nic questions
	[[ -e $nic ]] || return 0
	# In this order: behind a question about a link, ip takes one about addresses for another about links.
	questions="route show table local $UNDERLAY
		route show table all dev $DEVICE proto kernel
		address show dev $DEVICE permanent
		link show dev $(<"$nic")
		neigh show dev $DEVICE nud permanent"
	{
		ip -o -force -batch - <<<"$questions"
		ip -d -o link show dev "$DEVICE"
		bridge fdb show dev "$DEVICE"
		[[ ${ADDRESSES[*]} != *:* ]] || ip -6 -o route show table all dev "$DEVICE" proto kernel | sed 's/ expires [0-9]*sec//'
		nft -s list table ip "$DROP_TABLE"
		[[ $FIREWALL != manage ]] || look_at_firewall
	} 2>/dev/null || true
}

look_at_firewall() {
	local tool
	read_tables
	! firewalld_has_table || nft -s list table inet firewalld
	for tool in $(iptables_tools); do
		"$tool" -w -S
		# This line goes when the jump may be moved again, so that a run then does it.
		! place_is_contested "$tool" || echo "$tool: contested"
	done
}

# Where a look is kept for as long as it is compared: a file without a name, since writing to a pipe entry by entry
# would cost more than the look. Where the run is ended in between, it goes with this program's other files.
open_scratch() {
	local file=$RUN/.look.$BASHPID
	[[ -d $RUN ]] || mkdir -p "$RUN"
	export TMPDIR=$RUN # Where older bash keeps what <<< hands to a command: a full disk must not stop the mending.
	exec {SCRATCH_FD}<>"$file"
	rm "$file"
	SCRATCH=/proc/self/fd/$SCRATCH_FD
}

looks_right() {
	local right=$RUN/$OVERLAY/right
	[[ -e $right ]] || return 1
	! settings_newer_than "$right" || return 1
	look >"$SCRATCH"
	cmp -s "$SCRATCH" "$right"
}

# Whether any overlay's settings were written, or taken away, after a file. Where the clock was set back meanwhile they
# stay newer, which costs going into detail and no more.
settings_newer_than() { # FILE
	local path
	for path in "$ETC" "$ETC"/* "$ETC"/*/*; do
		[[ ! $path -nt $1 ]] || return 0
	done
	return 1
}

# Remembers the look that was taken before the run which found nothing: what changed since is not in it. What could not
# be mended is not right.
remember_right() {
	if [[ -e $RUN/$OVERLAY/warned-firewalld || -e $RUN/$OVERLAY/warned-entries ]]; then
		rm -f "$RUN/$OVERLAY/right"
	elif [[ -s $SCRATCH ]]; then
		cat "$SCRATCH" >"$RUN/$OVERLAY/right"
	fi
}

forget_what_was_right() {
	rm -f "$RUN/.drop-table" "$RUN/$OVERLAY/right"
}
