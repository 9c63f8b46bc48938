# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: the cache that makes a run without a difference cheap. To find that nothing differs, a run in detail
# starts dozens of programs, and each fork is dear. A snapshot takes about eight. If it equals the one of the last
# clean run, there is nothing to repair.

# Prints what kernel and firewall hold, as their tools show it; nothing before a first run has found the NIC. It leaves out
# what changes by itself: lifetimes of leased addresses, and the timers of a NIC that is a bridge.
print_snapshot() {
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
		print_sysctls
		if needs_ipv6; then
			ip -6 -o route show table all dev "$DEVICE" proto kernel | sed 's/ expires [0-9]*sec//'
		fi
		nft -s list table ip "$PEER_FILTER"
		if [[ $FIREWALL == manage ]]; then print_firewall; fi
	} 2>/dev/null || true
}

print_sysctls() {
	local sysctl value
	list_sysctls
	for sysctl in "${SYSCTLS[@]}"; do
		if read -r value <"/proc/sys/${sysctl%=*}"; then echo "${sysctl%=*}=$value"; fi
	done
}

print_firewall() {
	local tool
	read_tables
	if firewalld_has_table; then nft -s list table inet firewalld; fi
	if [[ $TABLES == *"table inet oci-vxlan-"* ]]; then nft -s list table inet "oci-vxlan-$VNI-$PORT"; fi
	for tool in $(iptables_tools); do
		"$tool" -w -S
		# When the jump may be moved again, this line is gone, and the snapshot differs.
		if place_is_contested "$tool"; then echo "$tool: contested"; fi
	done
}

# Compares a new snapshot with the last clean one. Tools write it to a file, since they would write a pipe entry by entry.
is_unchanged() {
	local clean=$RUN/$OVERLAY/snapshot
	[[ -e $clean ]] || return 1
	if settings_newer_than "$clean"; then return 1; fi
	print_snapshot >"$SNAPSHOT"
	cmp -s "$SNAPSHOT" "$clean"
}

# Whether settings of any overlay, or a permanent zone of firewalld, were written or removed after a file was. If the clock
# was set back since, they stay newer, which costs runs in detail and nothing else.
settings_newer_than() { # FILE
	local path
	for path in "$ETC" "$ETC"/* "$ETC"/*/* /etc/firewalld/zones{,/*}; do
		if [[ $path -nt $1 ]]; then return 0; fi
	done
	return 1
}

# Saves the snapshot taken before this clean run; a newer one could hide drift. None is saved while something is wrong that
# could not be repaired.
save_snapshot() {
	if [[ -e $RUN/$OVERLAY/warned-firewalld || -e $RUN/$OVERLAY/warned-entries ]]; then
		rm -f "$RUN/$OVERLAY/snapshot"
	elif [[ -s $SNAPSHOT ]]; then
		cat "$SNAPSHOT" >"$RUN/$OVERLAY/snapshot"
	fi
}

delete_snapshots() {
	rm -f "$RUN/.peer-filter" "$RUN/$OVERLAY/snapshot"
}
