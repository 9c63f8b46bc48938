#!/bin/bash
# Keeps one host running: boots it in a new network namespace with its VNIC plugged in. When the host reboots from
# inside, it boots in another new namespace, because vxlan0 would survive a reboot in the old one. Ends when the host
# powers off.
#
#   supervise.sh HOST_DIRECTORY
#
# HOST_DIRECTORY/machine holds the settings as shell assignments:
#   NAMESPACE ROUTER PORT   namespaces of the host and of the router; the VNIC's interface in the router
#   NIC MAC ADDRESS GATEWAY  the VNIC as the host sees it; ADDRESS with prefix length
#   HOSTNAME IMAGE MTU UUID
#   DELAY                   seconds by which each boot is delayed
set -euo pipefail

DIRECTORY=$1
# shellcheck source=/dev/null
. "$DIRECTORY/machine"

REBOOT=133     # systemd-nspawn's exit status when the host asked for a reboot
LOG_LIMIT=1000000  # bytes of console log that are kept at a reboot
BOOTS=10           # a host that boots more often within a minute cannot boot

# A VNIC is a point-to-point link to the router, which answers ARP for all other addresses. So two hosts of one subnet
# have no common Ethernet, as in Oracle's network.
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
	# Linux delays proxy ARP by a random time of up to 0.8 s. Oracle's network has no such delay.
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

# The root file system is an overlay: the shared image below, the host's own files above. The mount is private to the
# host's processes, so it ends with them. The host ends when this script is killed (pdeathsig).
# - systemd-nspawn mounts /sys before it enters its network namespace. It therefore starts in that namespace, so that
#   /sys/class/net shows the host's devices and not this machine's. Of /proc/sys, the host can write net only.
# - systemd-nspawn leaves locks and folders in /run/systemd/nspawn. The host has a private tmpfs there, which ends with
#   the mount.
# - The machine name is the namespace's, which is unique on this machine; host names of two labs may be equal.
# - Each host has control groups of its own. In a shared one, the hosts' systemds would end each other's units.
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

# Whether the host has booted more than BOOTS times within a minute, this boot included.
boots_too_often() {
	boot_times=("$SECONDS" "${boot_times[@]:0:BOOTS}")
	((${#boot_times[@]} > BOOTS && SECONDS - boot_times[BOOTS] < 60))
}

boot_times=()
status=$REBOOT
while ((status == REBOOT)); do
	trim_log
	if boots_too_often; then
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
