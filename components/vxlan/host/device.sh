# shellcheck shell=bash
# Part of oci-vxlan: the underlay's NIC, the VXLAN device on it, and this host's addresses on the device. Links are
# asked for by netlink: /sys shows those of whoever mounted it, in a container another's.

OVERHEAD=50        # bytes that VXLAN over IPv4 adds to a frame
IPV6_MTU=1280      # bytes that IPv6 needs: below it the kernel has none on a device
ADDRESS_WAIT=30    # seconds that a booting host may take to give its NIC the underlay address

device_exists() {
	ip link show dev "$DEVICE" >/dev/null 2>&1
}

# Prints the word after KEY in what ip says of a link; nothing where there is no such link.
link_word() { # LINK KEY
	local text
	text=$(exec ip -o link show dev "$1" 2>/dev/null) || return 0
	[[ $text == *" $2 "* ]] || return 0
	text=${text#*" $2 "}
	echo "${text%% *}"
}

# Sets NIC and NIC_MTU to the interface that carries the underlay address.
find_nic() {
	local pattern="[0-9]+: ([^ ]+) +inet ${UNDERLAY//./\\.}[/ ]"
	[[ $(exec ip -o -4 address show) =~ $pattern ]] || return 1
	NIC=${BASH_REMATCH[1]}
	NIC_MTU=$(link_word "$NIC" mtu)
}

await_nic() {
	local deadline=$((SECONDS + ADDRESS_WAIT))
	until find_nic; do
		((SECONDS < deadline)) || die_without_nic
		sleep 0.2
	done
}

die_without_nic() {
	die "no interface of $(hostname) carries the underlay address $UNDERLAY; it has $(ip -4 -o address show scope global |
		awk '{ print $2 " " $4 }' | paste -sd, -): correct the host's underlay address, then run pulumi up again"
}

# Before anything is changed: an MTU that the NIC does not carry, and one on which the kernel switches IPv6 off.
refuse_unfit_mtu() {
	local mtu=${CONFIGURED_MTU:-$((NIC_MTU - OVERHEAD))}
	((mtu <= NIC_MTU - OVERHEAD)) ||
		die "mtu $mtu does not fit on $(hostname): $NIC carries $NIC_MTU bytes and VXLAN takes $OVERHEAD of them:" \
			"set mtu to $((NIC_MTU - OVERHEAD)) or less"
	if wants_ipv6 && ((mtu < IPV6_MTU)); then
		die "IPv6 needs $IPV6_MTU bytes, and $DEVICE on $(hostname) would have $mtu: $NIC carries $NIC_MTU and VXLAN takes" \
			"$OVERHEAD of them: raise the MTU of $NIC to $((IPV6_MTU + OVERHEAD)) or more, or take the IPv6 network out of cidrs"
	fi
}

wants_ipv6() {
	[[ ${ADDRESSES[*]} == *:* ]]
}

reconcile_device() {
	local link
	link=$(device_link)
	if [[ -n $link ]] && ! device_matches "$link"; then
		change_device "$link"
		link=$(device_link)
	fi
	if [[ -z $link ]]; then
		name_back || make_device
		link=$(device_link)
	fi
	keep_secondary_addresses
	[[ $link == *" link/ether $MAC "* ]] || cmd ip link set dev "$DEVICE" address "$MAC"
	reconcile_mtu "$link"
	[[ ! $link =~ [\<,]NOARP[,\>] ]] || cmd ip link set dev "$DEVICE" arp on
	[[ $link != *" protodown on "* ]] || cmd ip link set dev "$DEVICE" protodown off
	[[ $link =~ [\<,]UP[,\>] ]] || cmd ip link set dev "$DEVICE" up
	give_back
	warn_of_master "$link"
}

make_device() {
	cmd ip link add "$DEVICE" address "$MAC" type vxlan id "$VNI" dstport "$PORT" local "$UNDERLAY" dev "$NIC" nolearning ||
		die "the kernel of $(hostname) does not make $DEVICE, for the reason above. Where another device has VNI $VNI at port $PORT:" \
			"ip -d link show type vxlan. If none is to be seen, it was moved into a network namespace: lsns -t net. Remove it there." \
			"Where the kernel does not know vxlan at all, install its package of extra modules"
}

# The device by another name, which somebody gave it: the kernel takes a VNI at a port only once.
name_back() {
	local link name
	while read -r link; do
		[[ $link == *" link/ether $MAC "* && $link == *" vxlan id $VNI "*" dstport $PORT "* ]] || continue
		name=${link#*: }
		name=${name%%[:@]*}
		cmd ip link set dev "$name" down
		cmd ip link set dev "$name" name "$DEVICE"
		return 0
	done < <(ip -d -o link show type vxlan)
	return 1
}

# What a bridge takes from its ports it does not hand to their own addresses. Whoever made the device one meant it.
warn_of_master() { # LINK
	if [[ $1 != *" master "* ]]; then
		forget_warning master
		return 0
	fi
	local master=${1#*" master "}
	warn_once master "$DEVICE belongs to ${master%% *}, so this host's own overlay addresses may not answer." \
		"If that is not meant: ip link set dev $DEVICE nomaster"
}

# Without this the kernel removes an administrator's addresses together with the first one of their network.
keep_secondary_addresses() {
	local promote file=/proc/sys/net/ipv4/conf/$DEVICE/promote_secondaries
	read -r promote <"$file"
	[[ $promote == 1 ]] || { echo 1 >"$file"; } 2>/dev/null || true # A container may not be let.
}

device_link() {
	ip -d -o link show dev "$DEVICE" 2>/dev/null || true
}

# What a device made by this program never has, and what would keep packets from their peers or send them elsewhere.
FOREIGN_WORDS='(remote|group|ttl ([0-9]+|inherit)|tos|df|proxy|rsc|l2miss|l3miss|gbp|gpe|external)'

device_matches() { # LINK
	[[ $1 == *" vxlan id $VNI local $UNDERLAY dev $NIC "* && $1 == *" dstport $PORT "* && $1 == *" nolearning "* ]] &&
		[[ ! ${1#*" vxlan "} =~ \ $FOREIGN_WORDS\  ]]
}

# Changes the device in place where the kernel lets it be changed; otherwise it goes, to be made again. VNI and
# port cannot change on a live device, nor is one usable that is no VXLAN at all.
change_device() { # LINK
	if [[ $1 == *" vxlan id $VNI "*" dstport $PORT "* ]]; then
		cmd ip link set dev "$DEVICE" type vxlan local "$UNDERLAY" dev "$NIC" nolearning ttl auto tos 0 || true
		! device_matches "$(device_link)" || return 0
	fi
	[[ $1 != *" link/ether $MAC "* ]] || take_along
	cmd ip link del dev "$DEVICE"
}

# Keeps what is on the device in BELONGINGS, as commands that put it on the next one: an administrator's addresses and
# entries are among it. What is ours is put right afterwards.
take_along() {
	BELONGINGS=$(
		ip -o address show dev "$DEVICE" scope global permanent |
			awk '{ print "ip address replace", $4, ($5 == "brd" ? "brd " $6 : ""), "dev", $2 }'
		ip neigh show dev "$DEVICE" nud permanent |
			awk -v dev="$DEVICE" '$2 == "lladdr" { print "ip neigh replace", $1, "lladdr", $3, "dev", dev, "nud permanent" }'
		bridge fdb show dev "$DEVICE" |
			awk -v dev="$DEVICE" '$2 == "dst" && $1 != "00:00:00:00:00:00" && NF == 5 { print "bridge fdb append", $1, "dev", dev, "dst", $3, $4, $5 }'
	)
}

give_back() {
	[[ -n ${BELONGINGS-} ]] || return 0
	local belongings=$BELONGINGS
	BELONGINGS=
	run_batch ip "$belongings"
	run_batch bridge "$belongings"
}

# Sets DEVICE_MTU to what the device should have: the fleet's MTU, as soon as it is known. Between the phases the list of
# peers may be older than the settings, so what these say, or need, comes first.
read_device_mtu() {
	DEVICE_MTU=${CONFIGURED_MTU:-$MTU}
	if [[ -z $DEVICE_MTU ]] || { wants_ipv6 && ((DEVICE_MTU < IPV6_MTU)); }; then DEVICE_MTU=$((NIC_MTU - OVERHEAD)); fi
}

# Where the NIC no longer carries the MTU, it is not lowered here: lowering one end alone would make large frames vanish
# without a word.
reconcile_mtu() { # LINK
	local mtu
	read_device_mtu
	mtu=$DEVICE_MTU
	if ((mtu > NIC_MTU - OVERHEAD)); then
		warn_once mtu "$NIC carries $NIC_MTU bytes, and $DEVICE with mtu $mtu needs $((mtu + OVERHEAD)): large frames are lost." \
			"Raise the MTU of $NIC, or raise this host's generation and run pulumi up, which lowers it on all hosts"
		return 0
	fi
	forget_warning mtu
	[[ $1 == *" mtu $mtu "* ]] || cmd ip link set dev "$DEVICE" mtu "$mtu"
}

# Adds this host's overlay addresses and removes those that it had by older settings; others on the device are
# their administrator's.
reconcile_addresses() {
	local address key
	ADDRESS_LIST=$(exec ip -o address show dev "$DEVICE") # Of the device as it is by now.
	for address in "${ADDRESSES[@]}"; do
		[[ $address != *:* ]] || enable_ipv6
		remove_other_prefixes "$address"
		if has_address "$address" && has_network_route "$address"; then
			if [[ $address != *:* ]]; then
				restore_local_routes "$address"
				continue
			fi
			! has_route "${address%/*}" type local proto kernel || continue
		fi
		# The kernel makes the routes when it is given the address.
		! has_address "$address" || cmd ip address del "$address" dev "$DEVICE"
		if [[ $address == *:* ]]; then
			cmd ip address replace "$address" dev "$DEVICE" nodad
		else
			cmd ip address replace "$address" dev "$DEVICE" broadcast +
		fi
	done
	[[ -e $LEAVING ]] || return 0
	while read -r key address; do
		[[ $key == address && " ${ADDRESSES[*]} " != *" $address "* ]] || continue
		! has_address "$address" || cmd ip address del "$address" dev "$DEVICE"
	done <"$LEAVING"
}

enable_ipv6() {
	local disabled file=/proc/sys/net/ipv6/conf/$DEVICE/disable_ipv6
	[[ -e $file ]] ||
		die "the kernel of $(hostname) has no IPv6, and $DEVICE is to have an IPv6 address: enable it, or take the IPv6 network out of cidrs"
	read -r disabled <"$file"
	[[ $disabled == 1 ]] || return 0
	mending "IPv6 on $DEVICE: enabled"
	echo 0 >"$file"
}

# An own address with another prefix length is still ours, and leads to another network.
remove_other_prefixes() { # ADDRESS/PREFIX
	local _ link found
	while read -r _ link _ found _; do
		[[ $link == "$DEVICE" && ${found%/*} == "${1%/*}" && $found != "$1" ]] || continue
		cmd ip address del "$found" dev "$DEVICE"
	done <<<"$ADDRESS_LIST"
}

has_network_route() { # ADDRESS/PREFIX
	[[ $1 == */32 || $1 == */128 ]] || has_route "$1"
}

# In whichever table: a VRF has its own, and an administrator may have moved it.
has_route() { # PREFIX SELECTOR…
	[[ -n $(exec ip -o "$(family "$1")" route show table all "$@" dev "$DEVICE") ]]
}

# Without its local route the host takes no packet for an address, and without the other one no broadcast. They are added
# by themselves: with a device's last IPv4 address the kernel forgets all neighbours and an administrator's routes.
restore_local_routes() { # IPV4_ADDRESS/PREFIX
	local address=${1%/*} table=local vrf=" vrf_slave table ([^ ]+)" broadcast=": $DEVICE +inet ${1//./\\.} brd ([0-9.]+) "
	[[ ! $(device_link) =~ $vrf ]] || table=${BASH_REMATCH[1]}
	has_route "$address" type local proto kernel ||
		cmd ip route replace local "$address" dev "$DEVICE" table "$table" proto kernel scope host src "$address"
	[[ $ADDRESS_LIST =~ $broadcast ]] || return 0
	has_route "${BASH_REMATCH[1]}" type broadcast proto kernel ||
		cmd ip route replace broadcast "${BASH_REMATCH[1]}" dev "$DEVICE" table "$table" proto kernel scope link src "$address"
}

family() { # ADDRESS
	if [[ $1 == *:* ]]; then echo -6; else echo -4; fi
}

# Whether the device has an address for good: one that somebody gave a lifetime would go by itself.
has_address() { # ADDRESS/PREFIX
	local pattern=": $DEVICE +inet6? ${1//./\\.} "$'[^\n]*'" valid_lft forever"
	[[ $ADDRESS_LIST =~ $pattern ]]
}
