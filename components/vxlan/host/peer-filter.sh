# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: the nftables table that drops VXLAN from non-peers, before connection tracking.
#
# All overlays of the host share one table. Overlays that share a port are told apart by their VNI, and so is the VXLAN of
# others, which passes. The table is replaced as a whole, in one transaction.

PEER_FILTER=oci-vxlan
BEFORE_DEFRAGMENTATION=-450 # The kernel reassembles at -400, where connection tracking is loaded, and tracks at -200.

# Without the table everybody may send into the overlay, so the device goes down until it can be loaded.
reconcile_peer_filter() {
	local cache=$RUN/.peer-filter table present difference="it was missing"
	UNFILTERED=
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
	if UNFILTERED=$(load_peer_filter "$table"); then
		log_repair "nft: table ip $PEER_FILTER # $difference"
		# nft lists the rules in words of its own, so both texts are kept for the next comparison.
		{ echo "$table" && nft -s list table ip "$PEER_FILTER"; } | write_file "$cache"
	elif [[ -n ${DEVICE-} && $(show_device) =~ [\<,]UP[,\>] ]]; then
		repair "non-peers cannot be kept out" ip link set dev "$DEVICE" down
	fi
}

# Prints what nft says if it fails. Another program may be changing its rules just now, so nft gets several tries.
load_peer_filter() { # TABLE
	local tries error
	for tries in 1 2 3; do
		((tries == 1)) || sleep 0.3
		if error=$(nft -f - <<<"$1" 2>&1); then return 0; fi
	done
	echo "${error:-nft fails without a word}"
	return 1
}

require_peer_filter() {
	[[ -z $UNFILTERED ]] || die "$(hostname) does not take the nftables rules that drop VXLAN from non-peers, so $DEVICE" \
		"is down until it does: ${UNFILTERED//$'\n'/; }"
}

# Prints the table for nft -f: a set of peers and a chain for each overlay, and a chain for each port.
print_peer_filter() {
	local file destination destinations=()
	printf '%s\n' "table ip $PEER_FILTER" "delete table ip $PEER_FILTER" "table ip $PEER_FILTER {"
	for file in "$ETC"/*/device; do
		destination="ip daddr $(setting "$file" underlay) udp dport $(setting "$file" port)"
		[[ " ${destinations[*]} " == *" $destination "* ]] || destinations+=("$destination")
		print_peer_set "$file"
		print_vni_chain "$file"
	done
	print_port_chains
	echo "chain prerouting {"
	echo "type filter hook prerouting priority $BEFORE_DEFRAGMENTATION; policy accept;"
	for destination in "${destinations[@]}"; do echo "$destination goto port-${destination##* }"; done
	# The sysctl accept_redirects of a device has no effect where that of all devices is on.
	for file in "$ETC"/*/device; do echo "iifname \"$(setting "$file" device)\" icmp type redirect drop"; done
	echo "}"
	print_input_chain
	echo "}"
}

print_peer_set() { # DEVICE_FILE
	local peers=${1%/device}/peers addresses=
	[[ ! -e $peers ]] || addresses=$(awk '$1 == "peer" && NF > 3 { print $4 }' "$peers" | sort -u | paste -sd,)
	echo "set peers-$(overlay_key "$1") { type ipv4_addr; ${addresses:+elements = { $addresses \}} }"
}

# VNI and port belong to one overlay of a host, and make a name that nft takes, which the overlay's own may not be.
overlay_key() { # DEVICE_FILE
	echo "$(setting "$1" vni)-$(setting "$1" port)"
}

# Decides about packets with the overlay's VNI. Peers send no fragments, and a later one would come unchecked. A peer's
# address counts on the interface that has the underlay address, and on the one that leads to the peer: a container, or a
# peer of another overlay, could pose as the peer elsewhere. An address in a VRF is in no table local, and other
# interfaces do not reach it.
print_vni_chain() { # DEVICE_FILE
	local key
	key=$(overlay_key "$1")
	echo "chain vni-$key {"
	echo "ip saddr != @peers-$key drop"
	echo "ip frag-off & 0x3fff != 0 counter drop"
	echo "fib daddr type local fib daddr . iif type != local fib saddr . iif oif missing counter drop"
	echo "}"
}

# The VNI is 12 bytes behind the start of the UDP header. Another one is another VXLAN's. Where there is none to read, as
# in a fragment of 8 bytes, it could be ours.
print_port_chains() {
	local file port ports='' vni
	for file in "$ETC"/*/device; do
		port=$(setting "$file" port)
		[[ " $ports " == *" $port "* ]] || ports+=" $port"
	done
	for port in $ports; do
		echo "chain port-$port {"
		for file in "$ETC"/*/device; do
			[[ $(setting "$file" port) == "$port" ]] || continue
			vni=$(setting "$file" vni)
			echo "@th,96,24 $vni goto vni-$vni-$port"
		done
		printf '%s\n' "@th,96,24 != $vni return" "drop" "}"
	done
}

# The kernel takes VXLAN at all addresses of the host, and peers send to the underlay address. In this hook there are no
# fragments, and no packets on their way to another host.
print_input_chain() {
	local file
	printf '%s\n' "chain input {" "type filter hook input priority -300; policy accept;"
	for file in "$ETC"/*/device; do
		echo "udp dport $(setting "$file" port) @th,96,24 $(setting "$file" vni) ip daddr != $(setting "$file" underlay) drop"
	done
	echo "}"
}
