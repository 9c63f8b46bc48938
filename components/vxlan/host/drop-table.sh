# shellcheck shell=bash
# Part of oci-vxlan: the nftables table that drops VXLAN from whoever is no peer, before connection tracking.
#
# It is one table for all overlays of the host, since one dropping table cannot let pass what another expects:
# overlays that share a port are told apart by their VNI. It is made whole from their files, and always at once.

DROP_TABLE=oci-vxlan
BEFORE_TRACKING=-300

reconcile_drop_table() {
	local seen=$RUN/.drop-table wanted present
	present=$(exec nft -s list table ip "$DROP_TABLE" 2>/dev/null) || true
	if ! overlays_exist; then
		[[ -z $present ]] || cmd nft delete table ip "$DROP_TABLE"
		return 0
	fi
	wanted=$(drop_table)
	[[ -z $present || ! -e $seen || $(<"$seen") != "$wanted"$'\n'"$present" ]] || return 0
	mending "nft: table ip $DROP_TABLE"
	nft -f - <<<"$wanted" || die "$(hostname) does not take the nftables rules that drop VXLAN from strangers; nft says why above"
	# What nft makes of the rules in its own words is what a later run compares with.
	{ echo "$wanted" && nft -s list table ip "$DROP_TABLE"; } | write_file "$seen"
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
		own_vnis "$port"
		any_vni "$port"
		echo "drop"
		echo "}"
	done
	echo "chain prerouting {"
	echo "type filter hook prerouting priority $BEFORE_TRACKING; policy accept;"
	for port in $ports; do echo "udp dport $port goto port-$port"; done
	echo "}"
	echo "}"
}

# Each overlay at a port takes its own peers. The VNI stands 12 bytes behind the start of the UDP header.
own_vnis() { # PORT
	local file vni
	for file in $(overlays_at "$1"); do
		vni=$(setting "$file" vni)
		echo "@th,96,24 $vni ip saddr @$(peer_set_name "$file") accept"
		echo "@th,96,24 $vni drop"
	done
}

# What else peers send to the port is not this program's: an administrator's VXLAN of another VNI.
any_vni() { # PORT
	local file
	for file in $(overlays_at "$1"); do echo "ip saddr @$(peer_set_name "$file") accept"; done
}

# Prints the device files of the overlays at a port; no name of one holds a space.
overlays_at() { # PORT
	local file
	for file in "$ETC"/*/device; do
		[[ $(setting "$file" port) != "$1" ]] || echo "$file"
	done
}

peer_set() { # DEVICE_FILE
	local peers=${1%/device}/peers addresses=
	[[ ! -e $peers ]] || addresses=$(awk '$1 == "peer" && NF > 3 { print $4 }' "$peers" | sort -u | paste -sd,)
	echo "set $(peer_set_name "$1") { type ipv4_addr; ${addresses:+elements = { $addresses \}} }"
}

# VNI and port belong to one overlay of a host, and spell a name that nftables takes, which an overlay's may not.
peer_set_name() { # DEVICE_FILE
	echo "peers-$(setting "$1" vni)-$(setting "$1" port)"
}
