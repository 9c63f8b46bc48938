#!/bin/bash
# Prints what a host shows of an overlay that does not pass: states, packet counters, and firewall rules that refuse.
# Sent to the host on standard input with the data behind it, run as root, not installed. It changes nothing.
#
#   overlay NAME       the overlay's name on the host, after which its unit is called
#   device NAME        the VXLAN device
#   port PORT          UDP port of the VTEPs
#   underlay ADDRESS   this host's underlay address
#   address ADDRESS    one of this host's overlay addresses
#   tcp PORT           TCP port on which sshd should listen; may be left out
#   peer NAME UNDERLAY MAC OVERLAY_ADDRESS…
#   end
#
# Each line of output is "oci-vxlan evidence" and one of
#   value KEY VALUE | count KEY NUMBER | rule TOOL FAMILY TABLE CHAIN HOOK PACKETS HANDLE TEXT | table JSON | end
set -uo pipefail
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin

PEERS_MAX=16     # peers that are looked at
RULES_MAX=200    # rules of each tool that are printed
TABLE_MAX=200000 # bytes of a table that is printed
LIMIT=2          # seconds for each tool that reads a firewall

print() {
	echo "oci-vxlan evidence $*"
}

# Prints the word behind a key in what ip says; "-" where there is none.
word() { # TEXT KEY
	local rest=" $1"
	[[ $rest == *" $2 "* ]] || { echo - && return 0; }
	rest=${rest#*" $2 "}
	echo "${rest%% *}"
}

print_link() { # KEY NAME
	local link up=down
	link=$(ip -d -o link show dev "$2" 2>/dev/null) || return 0
	if [[ $link =~ [\<,]UP[,\>] ]]; then up=up; fi
	print value "$1.name" "$2"
	print value "$1.state" "$up"
	print value "$1.mtu" "$(word "$link" mtu)"
	print value "$1.master" "$(word "$link" master)"
	[[ $1 == device ]] || return 0
	VNI=$(word "$link" "vxlan id")
	print value device.vni "$VNI"
	print value device.port "$(word "$link" dstport)"
	print value device.local "$(word "$link" local)"
	print value device.mac "$(word "$link" link/ether)"
}

print_links() {
	local pattern="[0-9]+: ([^ ]+) +inet ${UNDERLAY//./\\.}[/ ]"
	if [[ $(ip -o -4 address show) =~ $pattern ]]; then NIC=${BASH_REMATCH[1]}; fi
	print_link device "$DEVICE"
	[[ -z $NIC ]] || print_link nic "$NIC"
}

# The kernel answers for an address only where it is on a device and has a route in table local.
print_addresses() {
	local address family on_device local_route
	for address in "${ADDRESSES[@]}"; do
		family=-4 on_device=no local_route=no
		[[ $address != *:* ]] || family=-6
		[[ -z $(ip -o "$family" address show dev "$DEVICE" to "$address" 2>/dev/null) ]] || on_device=yes
		[[ -z $(ip -o "$family" route show table all type local "$address" dev "$DEVICE" 2>/dev/null) ]] || local_route=yes
		print value "address.$address" "$on_device"
		print value "local-route.$address" "$local_route"
	done
}

print_peers() {
	local fdb neighbours members peer name underlay mac addresses address route
	fdb=$(bridge fdb show dev "$DEVICE" 2>/dev/null)
	neighbours=$(ip neigh show dev "$DEVICE" 2>/dev/null)
	members=$(timeout "$LIMIT" nft list set ip oci-vxlan "peers-$VNI-$PORT" 2>/dev/null | tr ',\n\t' '   ')
	for peer in "${PEERS[@]:0:PEERS_MAX}"; do
		read -r name underlay mac addresses <<<"$peer"
		print value "peer.$name.mac" "$mac"
		print value "peer.$name.fdb" "$(awk -v mac="$mac" '$1 == mac && $2 == "dst" { print $3; exit }' <<<"$fdb")"
		route=$(ip -o route get "$underlay" 2>/dev/null)
		print value "peer.$name.underlay-route" "$(word "$route" dev)"
		print value "peer.$name.path-mtu" "$(word "$route" mtu)"
		[[ -z $members ]] || print value "peer.$name.filter" "$([[ $members == *" $underlay "* ]] && echo admitted || echo missing)"
		for address in $addresses; do
			print value "peer.$name.neighbour.$address" "$(awk -v address="$address" '$1 == address { print $3; exit }' <<<"$neighbours")"
			route=$(ip -o route get "$address" 2>/dev/null)
			print value "peer.$name.route.$address" "$(word "$route" dev)"
			print value "peer.$name.route-mtu.$address" "$(word "$route" mtu)"
		done
	done
}

print_counters() {
	{
		awk -v device="$DEVICE" -v nic="$NIC" '{ sub(/:/, " ") }
			$1 == device || $1 == nic {
				kind = $1 == device ? "device" : "nic"
				print kind ".rx_packets", $3; print kind ".rx_errors", $4; print kind ".rx_dropped", $5
				print kind ".tx_packets", $11; print kind ".tx_errors", $12; print kind ".tx_dropped", $13
			}' /proc/net/dev
		# A line of names, then one of values.
		awk '$2 ~ /^[A-Za-z]/ { split($0, name); next } { for (i = 2; i <= NF; i++) print substr($1, 1, length($1) - 1) "." name[i], $i }' \
			/proc/net/snmp /proc/net/netstat | grep -E \
			'^(Udp\.(InDatagrams|NoPorts|InErrors|RcvbufErrors|InCsumErrors)|Tcp\.InCsumErrors|Icmp\.(InEchos|OutEchoReps|InCsumErrors)|Ip\.(InAddrErrors|OutNoRoutes|FragFails|InDiscards|OutDiscards)|TcpExt\.IPReversePathFilter) '
		awk '/^(Icmp6InEchos|Icmp6OutEchoReplies|Icmp6InCsumErrors|Ip6InAddrErrors|Ip6OutNoRoutes|Udp6NoPorts) / { print "Six." $1, $2 }' /proc/net/snmp6
	} 2>/dev/null | sed 's/^/oci-vxlan evidence count /'
}

# Rules are read by evidence.awk, which is sent ahead of this script, in READ_RULES.
print_rules() { # TOOL FAMILY
	awk "$READ_RULES" tool="$1" family="$2" port="$PORT" device="$DEVICE" managed="$MANAGED" max="$RULES_MAX" -
}

# Old tables are asked for only where there are some: looking at them would make them.
print_firewalls() {
	local tool family
	MANAGED=" "
	for tool in iptables ip6tables; do
		family=${tool%tables}
		if [[ $("$tool-save" -V 2>/dev/null) == *nf_tables* ]]; then
			print_saved "$tool" "$family"
			tool+=-legacy
		fi
		if { read -r _ <"/proc/net/${family}_tables_names"; } 2>/dev/null; then print_saved "$tool" "$family"; fi
	done
	timeout "$LIMIT" nft -a list ruleset 2>/dev/null | print_rules nft -
	print_tables
}

# Prints tables of nftables, but for iptables' and our own, without the elements of named sets.
print_tables() {
	local family name json
	while read -r _ family name; do
		[[ "$MANAGED ip oci-vxlan " != *" $family $name "* ]] || continue
		json=$(timeout "$LIMIT" nft -j -t list table "$family" "$name" 2>/dev/null | tr -d '\n')
		if [[ -n $json ]] && ((${#json} <= TABLE_MAX)); then print table "$json"; fi
	done < <(timeout "$LIMIT" nft list tables 2>/dev/null)
}

print_saved() { # TOOL FAMILY
	local saved
	saved=$(timeout "$LIMIT" "$1-save" -c 2>/dev/null) || return 0
	MANAGED+=$(sed -n "s/^\*/$2 /p" <<<"$saved" | tr '\n' ' ')" "
	print_rules "$1" "$2" <<<"$saved"
}

print_firewalld() {
	local zone call="call org.fedoraproject.FirewallD1 /org/fedoraproject/FirewallD1 org.fedoraproject.FirewallD1.zone"
	type -P firewall-cmd >/dev/null || return 0
	# shellcheck disable=SC2086 # split into its words
	zone=$(busctl --auto-start=no --timeout=1 $call getZoneOfInterface s "$DEVICE" 2>/dev/null) || return 0
	zone=${zone#s \"}
	print value firewalld running
	print value zone "${zone%\"}"
}

print_file() { # KEY FILE
	local content
	{ read -r content <"$2"; } 2>/dev/null && print value "$1" "$content"
}

print_settings() {
	local conf=/proc/sys/net/ipv4/conf unit="oci-vxlan@$OVERLAY.service"
	print_file echo-ignore4 /proc/sys/net/ipv4/icmp_echo_ignore_all
	print_file echo-ignore6 /proc/sys/net/ipv6/icmp/echo_ignore_all
	print_file rp-filter.all "$conf/all/rp_filter"
	print_file rp-filter.device "$conf/$DEVICE/rp_filter"
	[[ -z $NIC ]] || print_file rp-filter.nic "$conf/$NIC/rp_filter"
	print_file conntrack.count /proc/sys/net/netfilter/nf_conntrack_count
	print_file conntrack.max /proc/sys/net/netfilter/nf_conntrack_max
	print value offload "$(ethtool -k "$DEVICE" 2>/dev/null | awk '$1 == "tx-checksum-ip-generic:" { print $2 }')"
	print value unit.name "$unit"
	print value unit.state "$(timeout "$LIMIT" systemctl show --property=ActiveState "$unit" 2>/dev/null | sed -n 's/^ActiveState=//p')"
	# By /proc: by netlink the kernel would load a module.
	[[ -z $TCP ]] || print value listeners "$(PROC_ROOT=/proc ss -Hltn 2>/dev/null | awk -v port="$TCP" '$4 ~ ":" port "$" { print $4 }' | sort -u | paste -sd' ')"
}

read_input() {
	local key value complete=
	OVERLAY='' DEVICE='' PORT='' UNDERLAY='' TCP='' NIC='' VNI='' ADDRESSES=() PEERS=()
	while read -r key value; do
		case $key in
		overlay) OVERLAY=$value ;;
		device) DEVICE=$value ;;
		port) PORT=$value ;;
		underlay) UNDERLAY=$value ;;
		address) ADDRESSES+=("$value") ;;
		tcp) TCP=$value ;;
		peer) PEERS+=("$value") ;;
		end) complete=yes && break ;;
		esac
	done
	[[ -n $complete ]]
}

main() {
	read_input || { echo "oci-vxlan: error: the question for evidence did not arrive whole: run pulumi up again" >&2 && exit 1; }
	print_links
	print_counters
	print_firewalls
	print_addresses
	print_peers
	print_firewalld
	print_settings
	print end
}

main
