# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: the nftables table that drops VXLAN from non-peers, before connection tracking.
#
# All overlays of the host share one table, since a packet that one table drops is lost whatever another says. Overlays
# that share a port are told apart by their VNI. The table is replaced as a whole, in one transaction.

PEER_FILTER=oci-vxlan
BEFORE_TRACKING=-300

reconcile_peer_filter() {
	local cache=$RUN/.peer-filter table present difference="it was missing"
	present=$(exec nft -s list table ip "$PEER_FILTER" 2>/dev/null) || true
	if ! compgen -G "$ETC/*/device" >/dev/null; then
		[[ -z $present ]] || run nft delete table ip "$PEER_FILTER"
		return 0
	fi
	table=$(print_peer_filter)
	if [[ -n $present ]]; then
		[[ ! -e $cache || $(<"$cache") != "$table"$'\n'"$present" ]] || return 0
		difference="it had other rules or peers"
	fi
	log_repair "nft: table ip $PEER_FILTER # $difference"
	nft -f - <<<"$table" ||
		die "$(hostname) does not take the nftables rules that drop VXLAN from non-peers; nft says why above"
	# nft lists the rules in words of its own, so both texts are kept for the next comparison.
	{ echo "$table" && nft -s list table ip "$PEER_FILTER"; } | write_file "$cache"
}

# Prints the table for nft -f: a set of peers for each overlay, and a chain for each port.
print_peer_filter() {
	local file ports='' port
	printf '%s\n' "table ip $PEER_FILTER" "delete table ip $PEER_FILTER" "table ip $PEER_FILTER {"
	for file in "$ETC"/*/device; do
		port=$(setting "$file" port)
		[[ " $ports " == *" $port "* ]] || ports+=" $port"
		print_peer_set "$file"
	done
	for port in $ports; do print_port_chain "$port"; done
	echo "chain prerouting {"
	echo "type filter hook prerouting priority $BEFORE_TRACKING; policy accept;"
	for port in $ports; do echo "udp dport $port goto port-$port"; done
	printf '%s\n' "}" "}"
}

print_peer_set() { # DEVICE_FILE
	local peers=${1%/device}/peers addresses=
	[[ ! -e $peers ]] || addresses=$(awk '$1 == "peer" && NF > 3 { print $4 }' "$peers" | sort -u | paste -sd,)
	echo "set $(peer_set_name "$1") { type ipv4_addr; ${addresses:+elements = { $addresses \}} }"
}

# VNI and port belong to one overlay of a host, and make a name that nft takes, which the overlay's own may not be.
peer_set_name() { # DEVICE_FILE
	echo "peers-$(setting "$1" vni)-$(setting "$1" port)"
}

# A frame with the VNI of an overlay is accepted from that overlay's peers. Another VNI may be an administrator's VXLAN,
# and is accepted from peers of any overlay at the port. The VNI is 12 bytes behind the start of the UDP header.
print_port_chain() { # PORT
	local file vni other_vnis=
	echo "chain port-$1 {"
	echo "fib daddr type unicast return" # On its way to another host.
	for file in "$ETC"/*/device; do
		[[ $(setting "$file" port) == "$1" ]] || continue
		vni=$(setting "$file" vni)
		echo "@th,96,24 $vni ip saddr @$(peer_set_name "$file") accept"
		echo "@th,96,24 $vni drop"
		other_vnis+="ip saddr @$(peer_set_name "$file") accept"$'\n'
	done
	printf '%s\n' "${other_vnis}drop" "}"
}
