# shellcheck shell=bash
# Part of oci-vxlan: the nftables table that drops VXLAN from whoever is no peer, before connection tracking.
#
# It is one table for all overlays of the host, since one dropping table cannot let pass what another expects:
# overlays that share a port are told apart by their VNI. It is made whole from their files, and always at once.

DROP_TABLE=oci-vxlan
BEFORE_TRACKING=-300

reconcile_drop_table() {
	local seen=$RUN/.drop-table present
	present=$(exec nft -s list table ip "$DROP_TABLE" 2>/dev/null) || true
	if [[ -n $present && -e $seen && $present == "$(<"$seen")" ]] && ! settings_newer_than "$seen"; then
		return
	fi
	if ! overlays_exist; then
		[[ -z $present ]] || cmd nft delete table ip "$DROP_TABLE"
		return
	fi
	mending "nft: table ip $DROP_TABLE"
	drop_table | nft -f - || die "$(hostname) does not take the nftables rules that drop VXLAN from strangers; nft says why above"
	# What nft makes of the rules in its own words is what a later run compares with.
	mkdir -p "$RUN"
	nft -s list table ip "$DROP_TABLE" >"$seen.new"
	mv "$seen.new" "$seen"
}

overlays_exist() {
	compgen -G "$ETC/*/device" >/dev/null
}

# The table for nft -f: for each overlay a set of its peers, for each port a chain that knows its overlays.
drop_table() {
	local file ports='' port
	echo "table ip $DROP_TABLE"
	echo "delete table ip $DROP_TABLE"
	echo "table ip $DROP_TABLE {"
	for file in "$ETC"/*/device; do
		port=$(setting "$file" port)
		[[ " $ports " == *" $port "* ]] || ports+=" $port"
		peer_set "$file"
	done
	for port in $ports; do
		echo "chain port-$port {"
		echo "fib daddr type unicast return" # On its way to another host.
		for file in "$ETC"/*/device; do
			[[ $(setting "$file" port) == "$port" ]] || continue
			# The VNI stands 12 bytes behind the start of the UDP header.
			echo "@th,96,24 $(setting "$file" vni) ip saddr @$(peer_set_name "$file") accept"
		done
		echo "drop"
		echo "}"
	done
	echo "chain prerouting {"
	echo "type filter hook prerouting priority $BEFORE_TRACKING; policy accept;"
	for port in $ports; do echo "udp dport $port goto port-$port"; done
	echo "}"
	echo "}"
}

peer_set() { # DEVICE_FILE
	local peers=${1%/device}/peers addresses=
	[[ ! -e $peers ]] || addresses=$(awk '$1 == "peer" { print $4 }' "$peers" | sort -u | paste -sd,)
	echo "set $(peer_set_name "$1") { type ipv4_addr; ${addresses:+elements = { $addresses \}} }"
}

# VNI and port belong to one overlay of a host, and spell a name that nftables takes, which an overlay's may not.
peer_set_name() { # DEVICE_FILE
	echo "peers-$(setting "$1" vni)-$(setting "$1" port)"
}
