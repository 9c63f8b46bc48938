# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: the NIC of the underlay, the VXLAN device on it, and this host's addresses on the device. Links are
# read by netlink: in a container /sys may show the links of another network.

OVERHEAD=50     # bytes that VXLAN over IPv4 adds to a frame
IPV6_MTU=1280   # bytes that IPv6 needs: with a smaller MTU the kernel removes it from a device
ADDRESS_WAIT=30 # seconds that a booting host may take to give its NIC the underlay address

# Attributes that this program never sets. They keep packets from their peers, or send them elsewhere.
FOREIGN_ATTRIBUTES='(remote|group|ttl ([0-9]+|inherit)|tos|df|proxy|rsc|l2miss|l3miss|gbp|gpe|external)'

# Finds the interface that has the underlay address.
find_nic() {
	local pattern="[0-9]+: ([^ ]+) +inet ${UNDERLAY//./\\.}[/ ]"
	[[ $(exec ip -o -4 address show) =~ $pattern ]] || return 1
	NIC=${BASH_REMATCH[1]}
	NIC_MTU=$(word_after mtu "$(exec ip -o link show dev "$NIC")")
}

require_nic() { # SECONDS
	local deadline=$((SECONDS + $1))
	until find_nic; do
		((SECONDS < deadline)) || die "no interface of $(hostname) carries the underlay address $UNDERLAY; it has" \
			"$(ip -4 -o address show scope global | awk '{ print $2 " " $4 }' | paste -sd, -): correct the host's underlay" \
			"address, then run pulumi up again"
		sleep 0.2
	done
}

needs_ipv6() {
	[[ ${ADDRESSES[*]} == *:* ]]
}

device_exists() {
	ip link show dev "$DEVICE" >/dev/null 2>&1
}

# Prints the device and its attributes in one line; nothing if there is none.
show_device() {
	ip -d -o link show dev "$DEVICE" 2>/dev/null || true
}

# Prints the word that follows a key in a line of ip; nothing if there is no such key.
word_after() { # KEY LINE
	[[ $2 == *" $1 "* ]] || return 0
	local rest=${2#*" $1 "}
	echo "${rest%% *}"
}

reconcile_device() {
	local link difference
	link=$(show_device)
	difference=$(device_difference "$link")
	if [[ -n $link && -n $difference ]]; then
		change_device "$link" "$difference"
		link=$(show_device)
	fi
	if [[ -z $link ]]; then
		rename_back || make_device
		link=$(show_device)
	fi
	reconcile_attribute "$link" link/ether "$MAC" address
	reconcile_mtu "$link"
	reconcile_sysctls # Behind the MTU: the kernel makes those of IPv6 anew where the MTU rises above 1,280.
	if [[ $link =~ [\<,]NOARP[,\>] ]]; then repair "ARP was off" ip link set dev "$DEVICE" arp on; fi
	if [[ $link == *" protodown on "* ]]; then repair "it was held down" ip link set dev "$DEVICE" protodown off; fi
	if [[ -z $UNFILTERED && ! $link =~ [\<,]UP[,\>] ]]; then
		repair "it was down" ip link set dev "$DEVICE" up || die_of_occupied_port
	fi
	if [[ -n ${ADMINISTRATOR_STATE-} ]]; then
		run_batch ip "$ADMINISTRATOR_STATE"
		run_batch bridge "$ADMINISTRATOR_STATE"
		ADMINISTRATOR_STATE=
	fi
	warn_of_master "$link"
	reconcile_offload
}

# Prints the first attribute in which a link differs from the overlay's device; nothing if there is none.
device_difference() { # LINK
	local attribute actual
	for attribute in "vxlan id $VNI" "local $UNDERLAY" "dev $NIC" "dstport $PORT"; do
		if [[ $1 != *" $attribute "* ]]; then
			actual=$(word_after "${attribute% *}" "$1")
			echo "${attribute% *} was ${actual:-missing}"
			return 0
		fi
	done
	if [[ $1 != *" nolearning "* ]]; then
		echo "learning was on"
	elif [[ ${1#*" vxlan "} =~ \ $FOREIGN_ATTRIBUTES\  ]]; then
		echo "${BASH_REMATCH[1]} was set"
	fi
}

# Sets an attribute that the kernel can change at any time.
reconcile_attribute() { # LINK KEY VALUE OPTION
	[[ $1 == *" $2 $3 "* ]] || repair "it was $(word_after "$2" "$1")" ip link set dev "$DEVICE" "$4" "$3"
}

# Changes the device in place if the kernel can, and removes it otherwise: VNI and port cannot change.
change_device() { # LINK DIFFERENCE
	if [[ $1 == *" vxlan id $VNI "*" dstport $PORT "* ]]; then
		repair "$2" ip link set dev "$DEVICE" type vxlan local "$UNDERLAY" dev "$NIC" nolearning ttl auto tos 0 || true
		[[ -n $(device_difference "$(show_device)") ]] || return 0
	fi
	if [[ $1 == *" link/ether $MAC "* ]]; then save_administrator_state; log_losses; fi
	repair "$2" ip link del dev "$DEVICE"
}

# Gives a renamed device its name again: the kernel takes a VNI at a port only once.
rename_back() {
	local link name
	while read -r link; do
		[[ $link == *" link/ether $MAC "* && $link == *" vxlan id $VNI "*" dstport $PORT "* ]] || continue
		name=${link#*: }
		name=${name%%[:@]*}
		run ip link set dev "$name" down
		repair "it had another name" ip link set dev "$name" name "$DEVICE"
		return 0
	done < <(ip -d -o link show type vxlan)
	return 1
}

make_device() {
	local pattern="s/^[0-9]*: $DEVICE: .* qdisc \([^ ]*\) .*/, and had qdisc \1/p" snapshot=$RUN/$OVERLAY/snapshot losses=
	[[ ! -e $snapshot ]] ||
		losses="$(sed -n "/ qdisc noqueue /!$pattern" "$snapshot"), so what ethtool or tc had set on it is lost"
	repair "it was missing$losses" ip link add "$DEVICE" address "$MAC" type vxlan id "$VNI" dstport "$PORT" \
		local "$UNDERLAY" dev "$NIC" nolearning ||
		die "the kernel of $(hostname) does not make $DEVICE, for the reason above. Where another device has VNI $VNI at" \
			"port $PORT, remove it: at that port $(list_port_holders) are to be seen. If it is none of them, it was moved into" \
			"a network namespace: lsns -t net. Where the kernel does not know vxlan at all, install its extra modules"
}

# The fleet's MTU, unless the settings name one. Between the phases the fleet's may be of older settings, without IPv6.
# Where the NIC no longer carries it, it stays: lowering it at one end would lose the large frames of the other.
reconcile_mtu() { # LINK
	local mtu=${CONFIGURED_MTU:-$MTU} limit=$((NIC_MTU - OVERHEAD))
	if [[ -z $mtu ]] || { needs_ipv6 && ((mtu < IPV6_MTU)); }; then mtu=$limit; fi
	if ((mtu > limit)); then
		set_warning mtu "$NIC carries $NIC_MTU bytes, and $DEVICE with mtu $mtu needs $((mtu + OVERHEAD)): large frames are" \
			"lost. Raise the MTU of $NIC, or raise this host's generation and run pulumi up, which lowers it on all hosts"
	else
		set_warning mtu
		reconcile_attribute "$1" mtu "$mtu" mtu
	fi
}

# Saves the device's addresses and entries, an administrator's among them, as commands for the next device.
save_administrator_state() {
	ADMINISTRATOR_STATE=$(
		ip -o address show dev "$DEVICE" scope global permanent |
			awk '{ print "ip address replace", $4, ($5 == "brd" ? "brd " $6 : ""), "dev", $2 }'
		ip neigh show dev "$DEVICE" nud permanent |
			awk -v dev="$DEVICE" '$2 == "lladdr" { print "ip neigh replace", $1, $2, $3, "dev", dev, "nud permanent" }'
		bridge fdb show dev "$DEVICE" | awk -v dev="$DEVICE" '
			$2 == "dst" && $1 != "00:00:00:00:00:00" && NF == 5 { print "bridge fdb append", $1, "dev", dev, $2, $3, $4, $5 }'
	)
}

# Logs what tc and ethtool have set on the device, since the next one will not have it.
log_losses() {
	local losses
	losses=$(
		tc qdisc show dev "$DEVICE" | awk '$2 != "noqueue" { print $1, $2 }'
		ethtool -k "$DEVICE" | awk 'NF == 2 && ($2 == "off") != ($1 ~ /^(tx-nocache-copy|rx-gro-list|rx-udp-gro-f.*):/)'
	) 2>/dev/null || true
	losses=${losses//$'\n'/, }
	[[ -z $losses ]] || log "warning: $DEVICE is made again, and loses what an administrator has set: ${losses//$'\t'/}"
}

# The addresses of a bridge's port get no traffic. Somebody has made the device one on purpose, so it stays.
warn_of_master() { # LINK
	if [[ $1 == *" master "* ]]; then
		set_warning master "$DEVICE belongs to $(word_after master "$1"), so this host's own overlay addresses may not" \
			"answer. If that is not meant: ip link set dev $DEVICE nomaster"
	else
		set_warning master
	fi
}

# The kernel gives a UDP port to one program or kind of device, when a device with it is set up.
die_of_occupied_port() {
	die "$DEVICE on $(hostname) cannot be set up, for the reason above. UDP port $PORT is held there by" \
		"$(list_port_holders): give the overlay another port, or end that"
}

# Prints what has the overlay's port: "flows (vxlan external id 0), python3 (pid 7)". An older ip shows no port of the first.
list_port_holders() {
	local holders
	holders=$(
		ip -d -o link show | sed -nE "/^[0-9]+: ${DEVICE}[:@]/d
			s/^[0-9]+: ([^:@ ]+).* (vxlan|geneve) (.*) dstport $PORT .*/\1 (\2 \3)/p
			s/^[0-9]+: ([^:@ ]+).* (vxlan|geneve) external addrgenmode .*/\1 (\2 external)/p" |
			sed -E 's/ (srcport|remote ::) [^)]*//'
		ss -Hlunp "sport = :$PORT" | sed -nE 's/.*users:\(\("([^"]*)",pid=([0-9]+),.*/\1 (pid \2)/p' || true
	)
	holders=${holders//$'\n'/, }
	echo "${holders:-no devices and programs}"
}

# Sets SYSCTLS: sysctls of the device that the kernel does not have by default. Any user of any peer can send router
# advertisements and redirects, and they would change this host's routes. Without promote_secondaries the kernel removes
# an administrator's addresses together with the first one of their network.
list_sysctls() {
	local ipv4=net/ipv4/conf/$DEVICE ipv6=net/ipv6/conf/$DEVICE disable_ipv6=1
	if needs_ipv6; then disable_ipv6=0; fi
	SYSCTLS=("$ipv4"/{promote_secondaries=1,accept_redirects=0}
		"$ipv6"/{accept_ra=0,accept_redirects=0,disable_ipv6=$disable_ipv6})
}

reconcile_sysctls() {
	local sysctl file actual repaired='' before='' failed=''
	list_sysctls
	if needs_ipv6; then require_ipv6; fi
	for sysctl in "${SYSCTLS[@]}"; do
		file=/proc/sys/${sysctl%=*}
		{ read -r actual <"$file"; } 2>/dev/null || continue # A kernel without IPv6, and a device with a small MTU, lack some.
		[[ $actual != "${sysctl#*=}" ]] || continue
		if { echo "${sysctl#*=}" >"$file"; } 2>/dev/null; then
			repaired+=" $sysctl" before+=" $actual"
			if [[ $sysctl == */accept_ra=* ]] && needs_ipv6; then forget_router; fi
		else
			failed+=" $sysctl" # They may be read-only in a container.
		fi
	done
	[[ -z $repaired ]] || log_repair "sysctl -w$repaired # before:$before"
	set_warning sysctls ${failed:+"the kernel of $(hostname) does not let these sysctls be set:$failed"}
}

# Removes what router advertisements have set up so far: routers, addresses, and networks that no address is in.
forget_router() {
	local network
	ip -6 route flush dev "$DEVICE" proto ra || true
	ip -6 address flush dev "$DEVICE" mngtmpaddr || true
	while read -r network _; do
		[[ $(ip -6 -o address show dev "$DEVICE" to "$network") == *"/${network#*/} "* ]] ||
			ip -6 route del "$network" dev "$DEVICE" proto kernel || true
	done < <(ip -6 route show dev "$DEVICE" proto kernel)
}

require_ipv6() {
	[[ -e /proc/sys/net/ipv6/conf/$DEVICE/disable_ipv6 ]] || die "the kernel of $(hostname) has no IPv6, and $DEVICE is to" \
		"have an IPv6 address: enable it, or take the IPv6 network out of cidrs"
}

# Adds this host's overlay addresses, and removes those of replaced settings. Others are an administrator's. With another
# prefix an IPv4 address is added first, since a device loses its neighbours with its last one. IPv6 takes it once only.
reconcile_addresses() {
	local address
	ADDRESS_LIST=$(exec ip -o address show dev "$DEVICE")
	for address in "${ADDRESSES[@]}"; do
		if [[ $address == *:* ]]; then remove_other_prefixes "$address"; fi
		reconcile_address "$address"
		if [[ $address != *:* ]]; then remove_other_prefixes "$address"; fi
	done
	[[ -e $REPLACED ]] || return 0
	for address in $(setting "$REPLACED" address | sort -u); do
		if [[ " ${ADDRESSES[*]%/*} " != *" ${address%/*} "* ]] && has_address "$address"; then
			repair "it was of older settings" ip address del "$address" dev "$DEVICE"
		fi
	done
}

reconcile_address() { # ADDRESS/PREFIX
	local difference="" options=(broadcast +)
	if ! has_address "$1"; then
		difference="it was missing"
	elif [[ $1 != */32 && $1 != */128 ]] && ! has_route "$1"; then
		difference="its network had no route"
	elif [[ $1 != *:* ]]; then
		restore_local_routes "$1"
	elif ! has_route "${1%/*}" type local proto kernel; then
		difference="it had no local route"
	fi
	[[ -n $difference ]] || return 0
	# The kernel makes the routes when it is given the address.
	if has_address "$1"; then repair "$difference" ip address del "$1" dev "$DEVICE"; fi
	[[ $1 != *:* ]] || options=(nodad)
	repair "$difference" ip address replace "$1" dev "$DEVICE" "${options[@]}"
}

# An own address with another prefix length leads to another network.
remove_other_prefixes() { # ADDRESS/PREFIX
	local _ link other
	while read -r _ link _ other _; do
		[[ $link == "$DEVICE" && ${other%/*} == "${1%/*}" && $other != "$1" ]] || continue
		repair "it had this prefix length" ip address del "$other" dev "$DEVICE"
	done <<<"$ADDRESS_LIST"
}

# Looks in all tables: an administrator may have moved a route, and a VRF has a table of its own.
has_route() { # PREFIX SELECTOR…
	local family=-4
	if [[ $1 == *:* ]]; then family=-6; fi
	[[ -n $(exec ip -o "$family" route show table all "$@" dev "$DEVICE") ]]
}

# Adds the routes by which the host takes packets to an address, and broadcasts. Setting the address again would add them
# too, but with a device's last IPv4 address the kernel forgets all neighbours and an administrator's routes.
restore_local_routes() { # IPV4_ADDRESS/PREFIX
	local address=${1%/*} table=local vrf=" vrf_slave table ([^ ]+)" route
	local broadcast=": $DEVICE +inet ${1//./\\.} brd ([0-9.]+) "
	if [[ $(show_device) =~ $vrf ]]; then table=${BASH_REMATCH[1]}; fi
	route=(dev "$DEVICE" table "$table" proto kernel src "$address")
	has_route "$address" type local proto kernel ||
		repair "it was missing" ip route replace local "$address" "${route[@]}" scope host
	[[ $ADDRESS_LIST =~ $broadcast ]] || return 0
	has_route "${BASH_REMATCH[1]}" type broadcast proto kernel ||
		repair "it was missing" ip route replace broadcast "${BASH_REMATCH[1]}" "${route[@]}" scope link
}

# Whether the device has an address for good. One with a lifetime would expire.
has_address() { # ADDRESS/PREFIX
	local pattern=": $DEVICE +inet6? ${1//./\\.} "$'[^\n]*'" valid_lft forever"
	[[ $ADDRESS_LIST =~ $pattern ]]
}
