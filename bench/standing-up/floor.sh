#!/bin/bash
# The plainest way to build the overlay: ssh to all hosts at the same time, in two phases. It keeps nothing over a
# reboot, repairs nothing and tests nothing, so it shows what the work on the hosts costs at least.
#
#   floor.sh up VNI <HOSTS       device, addresses and firewall; then all peers' entries and the peer filter
#   floor.sh down <HOSTS         removes all of it
#
# A line of HOSTS is: NAME UNDERLAY OVERLAY/PREFIX. SSH holds the command and options by which a host is reached.
set -euo pipefail

VERB=$1
DEVICE=vxlan0
PORT=4789
PARALLEL=32
export VNI=${2-} DEVICE PORT SSH
FOLDER=$(mktemp -d)
export FOLDER
trap 'rm -r "$FOLDER"' EXIT
cat >"$FOLDER/hosts"

# Runs on a host: brings the device up, and prints its MAC.
# shellcheck disable=SC2016 # expanded on the host
export DEVICE_PHASE='
set -euo pipefail
device=$1 vni=$2 port=$3 underlay=$4 overlay=$5
nic=$(ip -o -4 address show | awk -v address="$underlay/" "index(\$4, address) == 1 { print \$2 }")
link=$(ip -d -o link show dev "$device" 2>/dev/null || true)
if [[ $link != *" vxlan id $vni "* ]]; then
	mac=()
	if [[ -n $link ]]; then
		mac=(address "$(cat "/sys/class/net/$device/address")")
		ip link del dev "$device"
	fi
	ip link add "$device" "${mac[@]}" type vxlan id "$vni" dstport "$port" local "$underlay" dev "$nic" nolearning
fi
ip link set dev "$device" mtu "$(($(cat "/sys/class/net/$nic/mtu") - 50))" up
ip address replace "$overlay" dev "$device" broadcast +
for rule in "-p udp -m udp --dport $port" "-i $device"; do
	iptables -w -C INPUT $rule -j ACCEPT 2>/dev/null || iptables -w -I INPUT $rule -j ACCEPT
done
cat "/sys/class/net/$device/address"
'

# Runs on a host, which reads the fleet, a line a host: MAC UNDERLAY OVERLAY.
# shellcheck disable=SC2016
export PEERS_PHASE='
set -euo pipefail
device=$1 port=$2 underlay=$3
peers=$(grep -v " $underlay " || true)
{
	bridge fdb show dev "$device" |
		awk -v device="$device" "/ dst / { print \"fdb del\", \$1, \"dev\", device, \"dst\", \$3 }"
	awk -v device="$device" "{
		print \"fdb replace\", \$1, \"dev\", device, \"dst\", \$2, \"self permanent\"
		print \"fdb append 00:00:00:00:00:00 dev\", device, \"dst\", \$2, \"self permanent\"
	}" <<<"$peers"
} | bridge -batch -
ip neigh flush dev "$device" nud permanent
awk -v device="$device" "{ print \"neigh replace\", \$3, \"lladdr\", \$1, \"dev\", device, \"nud permanent\" }" <<<"$peers" |
	ip -batch -
nft -f - <<END
table ip bench-vxlan
delete table ip bench-vxlan
table ip bench-vxlan {
	set peers { type ipv4_addr; elements = { $(awk "{ print \$2 }" <<<"$peers" | paste -sd,) }; }
	chain prerouting {
		type filter hook prerouting priority -300; policy accept;
		udp dport $port ip saddr != @peers drop
	}
}
END
'

# shellcheck disable=SC2016
export DOWN='
ip link del dev "$1" 2>/dev/null
for rule in "-p udp -m udp --dport $2" "-i $1"; do iptables -w -D INPUT $rule -j ACCEPT 2>/dev/null; done
nft delete table ip bench-vxlan 2>/dev/null
true
'

# Runs a script as root on a host, with arguments and this standard input.
on_host() { # UNDERLAY SCRIPT ARGUMENT…
	local command
	command=$(printf '%q ' sudo -n bash -c "$2" bash "${@:3}")
	# shellcheck disable=SC2086 # the command and its options
	$SSH "opc@$1" "$command"
}

device_phase() { # NAME UNDERLAY OVERLAY
	local mac
	mac=$(on_host "$2" "$DEVICE_PHASE" "$DEVICE" "$VNI" "$PORT" "$2" "$3" </dev/null)
	echo "$mac $2 ${3%/*}" >"$FOLDER/mac-$1"
}

peers_phase() { # NAME UNDERLAY OVERLAY
	on_host "$2" "$PEERS_PHASE" "$DEVICE" "$PORT" "$2" <"$FOLDER/fleet"
}

down() { # NAME UNDERLAY OVERLAY
	on_host "$2" "$DOWN" "$DEVICE" "$PORT" </dev/null
}

export -f on_host device_phase peers_phase down

on_all() { # FUNCTION
	xargs -P "$PARALLEL" -L 1 bash -euo pipefail -c "$1 \"\$@\"" bash <"$FOLDER/hosts"
}

case $VERB in
up)
	on_all device_phase
	cat "$FOLDER"/mac-* >"$FOLDER/fleet"
	on_all peers_phase
	;;
down) on_all down ;;
esac
