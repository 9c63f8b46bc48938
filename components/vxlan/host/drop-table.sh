# shellcheck shell=bash
# Part of oci-vxlan: the nftables table that drops VXLAN from whoever is no peer, before connection tracking.
#
# It is one table for all overlays of the host, since one dropping table cannot let pass what another expects:
# overlays that share a port are told apart by their VNI. It is made whole from their files, and always at once.

DROP_TABLE=oci-vxlan
BEFORE_TRACKING=-300

reconcile_drop_table() {
	local seen=$RUN/.drop-table present
	present=$(nft -s list table ip "$DROP_TABLE" 2>/dev/null) || true
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

settings_newer_than() { # FILE
	local file
	for file in "$ETC"/*/device "$ETC"/*/peers; do
		[[ ! $file -nt $1 ]] || return 0
	done
	return 1
}

# The table for nft -f: for each overlay a set of its peers, for each port a chain that knows its overlays.
drop_table() {
	local file overlay ports='' port vni set
	echo "table ip $DROP_TABLE"
	echo "delete table ip $DROP_TABLE"
	echo "table ip $DROP_TABLE {"
	for file in "$ETC"/*/device; do
		overlay=$(basename "$(dirname "$file")")
		port=$(setting "$file" port)
		[[ " $ports " == *" $port "* ]] || ports+=" $port"
		peer_set "$overlay"
	done
	for port in $ports; do
		echo "chain port-$port {"
		echo "fib daddr type unicast return" # On its way to another host.
		for file in "$ETC"/*/device; do
			[[ $(setting "$file" port) == "$port" ]] || continue
			overlay=$(basename "$(dirname "$file")")
			vni=$(setting "$file" vni)
			set=$(own_name peers "$overlay")
			# The VNI stands 12 bytes behind the start of the UDP header.
			echo "@th,96,24 $vni ip saddr @$set accept comment \"${overlay:0:64}\""
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

peer_set() { # OVERLAY
	local peers=$ETC/$1/peers addresses=
	[[ ! -e $peers ]] || addresses=$(awk '$1 == "peer" { print $4 }' "$peers" | sort -u | paste -sd,)
	echo "set $(own_name peers "$1") { type ipv4_addr; ${addresses:+elements = { $addresses \}} }"
}

# A name in nftables' and iptables' own spelling: an overlay's may hold what theirs may not, and be longer.
own_name() { # PREFIX OVERLAY
	local digest
	digest=$(sha256sum < <(echo "$2"))
	echo "$1-${digest:0:12}"
}
