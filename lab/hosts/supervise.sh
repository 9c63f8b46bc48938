#!/bin/bash
# Keeps one host running: boots it in a fresh network namespace with its VNIC plugged in, and boots it again,
# in another fresh one, when it reboots from inside. A reboot in the old namespace would find vxlan0 still
# there, which no real machine does. Ends when the host powers off.
#
#   supervise.sh HOST_DIRECTORY
#
# HOST_DIRECTORY/machine holds the settings as shell assignments:
#   NAMESPACE ROUTER PORT   namespaces of the host and of the router, and the VNIC's interface in the router
#   NIC MAC ADDRESS GATEWAY  the VNIC as the host sees it; ADDRESS with prefix length
#   HOSTNAME IMAGE MTU UUID
#   DELAY                   seconds that a boot takes longer
set -euo pipefail

DIRECTORY=$1
# shellcheck source=/dev/null
. "$DIRECTORY/machine"

REBOOT=133     # systemd-nspawn's exit status when the host asked for a reboot
LOG_LIMIT=1000000  # bytes of console log that are kept over a reboot
BOOTS=10           # more than these within a minute are a host that cannot boot

# A VNIC is a point-to-point link to the router, which answers ARP for everything beyond it: two hosts of one
# subnet have no common Ethernet either, as in Oracle's network.
plug_in() {
	unplug
	ip netns add "$NAMESPACE"
	ip -n "$ROUTER" link add "$PORT" mtu "$MTU" type veth peer name "$NIC" address "$MAC" mtu "$MTU" netns "$NAMESPACE"
	ip -n "$NAMESPACE" -batch - <<-END
		link set lo up
		address add $ADDRESS dev $NIC
		link set $NIC up
		route add default via $GATEWAY
	END
	# Linux answers ARP for others after a random while of up to 0.8 s. Oracle's network does not.
	ip -n "$ROUTER" -batch - <<-END
		ntable change name arp_cache dev $PORT proxy_delay 0
		link set $PORT up
		address add $GATEWAY/32 dev $PORT
		route replace ${ADDRESS%/*}/32 dev $PORT
	END
}

unplug() {
	ip -n "$ROUTER" link del "$PORT" 2>/dev/null || true
	ip netns del "$NAMESPACE" 2>/dev/null || true
}

# The root file system is the shared image below what this host has written. The mount is private to the
# host's own processes, so it ends with them, whatever ends them; so does the host when this script is killed.
# systemd-nspawn mounts /sys before it enters the network namespace that it is given: it is put there before, so
# that the host finds its own devices in /sys/class/net and not this machine's. Its own part of /proc/sys/net can
# be written, as on any host; nothing else there can.
# systemd-nspawn leaves locks and folders behind below /run/systemd/nspawn: the host has one of its own, which goes
# with the mount. The machine's name is unique on this one all the same; its host name need not be.
# Each host gets control groups of its own: in one that hosts share, their systemds would end each other's units.
boot() {
	mkdir -p "$DIRECTORY"/{written,work,root} /run/systemd/nspawn
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount --propagation slave setpriv --pdeathsig KILL sh -c '
		mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/written,workdir=$2/work" "$2/root" || exit 1
		mount -t tmpfs -o mode=755 nspawn /run/systemd/nspawn || exit 1
		for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
			if [ -w "$hierarchy/cgroup.procs" ]; then
				mkdir -p "$hierarchy/$4" && echo $$ >"$hierarchy/$4/cgroup.procs"
			fi
		done
		export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
		exec nsenter --net="/run/netns/$4" systemd-nspawn --quiet --boot --register=no --keep-unit --link-journal=no --console=pipe \
			--directory="$2/root" --machine="$4" --hostname="$3" --uuid="$5" --resolv-conf=off --timezone=off \
			--network-namespace-path="/run/netns/$4" --capability=CAP_NET_ADMIN,CAP_NET_RAW
	' sh "$IMAGE" "$DIRECTORY" "$HOSTNAME" "$NAMESPACE" "$UUID" </dev/null
}

trim_log() {
	local log=$DIRECTORY/console.log
	if (($(stat -c %s "$log") > LOG_LIMIT)); then
		tail -c "$LOG_LIMIT" "$log" >"$log.new"
		cat "$log.new" >"$log"
		rm "$log.new"
	fi
}

# Whether the host has booted too often within a minute; this boot counts.
boots_in_circles() {
	booted=("$SECONDS" "${booted[@]:0:BOOTS}")
	((${#booted[@]} > BOOTS && SECONDS - booted[BOOTS] < 60))
}

booted=()
status=$REBOOT
while ((status == REBOOT)); do
	trim_log
	if boots_in_circles; then
		echo "supervise: $HOSTNAME booted $BOOTS times within a minute and is left off"
		break
	fi
	sleep "$DELAY"
	plug_in
	status=0
	boot || status=$?
done
unplug
((status == 0 || status == REBOOT)) || echo "supervise: $HOSTNAME ended with exit status $status"
exit "$status"
