# shellcheck shell=bash
# Part of oci-vxlan: the underlay's NIC, the VXLAN device on it, and this host's addresses on the device. Links are
# asked for by netlink: /sys shows those of whoever mounted it, in a container another's.

OVERHEAD=50        # bytes that VXLAN over IPv4 adds to a frame
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

# Sets NIC and NIC_MTU to the interface that carries the underlay address; ADDRESS_LIST to all there are.
find_nic() {
	local pattern="[0-9]+: ([^ ]+) +inet ${UNDERLAY//./\\.}[/ ]"
	ADDRESS_LIST=$(exec ip -o address show)
	[[ $ADDRESS_LIST =~ $pattern ]] || return 1
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

refuse_large_mtu() {
	[[ -z $CONFIGURED_MTU ]] || ((CONFIGURED_MTU <= NIC_MTU - OVERHEAD)) ||
		die "mtu $CONFIGURED_MTU does not fit on $(hostname): $NIC carries $NIC_MTU bytes and VXLAN takes $OVERHEAD of them:" \
			"set mtu to $((NIC_MTU - OVERHEAD)) or less"
}

reconcile_device() {
	local link
	link=$(device_link)
	if [[ -n $link ]] && ! device_matches "$link"; then
		change_device "$link"
		link=$(device_link)
	fi
	if [[ -z $link ]]; then
		cmd ip link add "$DEVICE" address "$MAC" type vxlan id "$VNI" dstport "$PORT" local "$UNDERLAY" dev "$NIC" nolearning
		link=$(device_link)
	fi
	keep_secondary_addresses
	[[ $link == *" link/ether $MAC "* ]] || cmd ip link set dev "$DEVICE" address "$MAC"
	reconcile_mtu "$link"
	[[ $link =~ [\<,]UP[,\>] ]] || cmd ip link set dev "$DEVICE" up
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

device_matches() { # LINK
	[[ $1 == *" vxlan id $VNI local $UNDERLAY dev $NIC "* && $1 == *" dstport $PORT "* && $1 == *" nolearning "* ]]
}

# Changes the device in place where the kernel lets it be changed; otherwise it goes, to be made again. VNI and
# port cannot change on a live device, nor is one usable that is no VXLAN at all.
change_device() { # LINK
	if [[ $1 == *" vxlan id $VNI "*" dstport $PORT "* ]]; then
		cmd ip link set dev "$DEVICE" type vxlan local "$UNDERLAY" dev "$NIC" nolearning || true
		! device_matches "$(device_link)" || return 0
	fi
	cmd ip link del dev "$DEVICE"
}

# The MTU is the fleet's. Where the NIC no longer carries it, it is not lowered here: lowering one end alone
# would make large frames vanish without a word.
reconcile_mtu() { # LINK
	local mtu=${MTU:-${CONFIGURED_MTU:-$((NIC_MTU - OVERHEAD))}}
	if ((mtu > NIC_MTU - OVERHEAD)); then
		warn_once mtu "$NIC carries $NIC_MTU bytes, and $DEVICE with mtu $mtu needs $((mtu + OVERHEAD)): large frames are lost." \
			"Raise the MTU of $NIC, or raise this host's generation and run pulumi up, which lowers it on all hosts"
		return
	fi
	forget_warning mtu
	[[ $1 == *" mtu $mtu "* ]] || cmd ip link set dev "$DEVICE" mtu "$mtu"
}

# Adds this host's overlay addresses and removes those that it had by older settings; others on the device are
# their administrator's.
reconcile_addresses() {
	local address key
	for address in "${ADDRESSES[@]}"; do
		if has_address "$address"; then
			continue
		elif [[ $address == *:* ]]; then
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

# Whether the device has an address for good: one that somebody gave a lifetime would go by itself.
has_address() { # ADDRESS/PREFIX
	local pattern=": $DEVICE +inet6? ${1//./\\.} "$'[^\n]*'" valid_lft forever"
	[[ $ADDRESS_LIST =~ $pattern ]]
}
