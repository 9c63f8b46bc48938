#!/bin/bash
# Builds a host image: Debian or Ubuntu with what Oracle's images have that matters here: systemd, sshd, cloud-init,
# sudo, a user opc, and a host firewall that refuses.
#
#   build-image.sh NAME RELEASE DIRECTORY
#
#   ubuntu-like        iptables ending in REJECT, kept by netfilter-persistent
#   oracle-linux-like  firewalld, gawk, and NetworkManager managing the NIC; udev runs
#
# RELEASE is the code name of this machine's own release, or of another of the same distribution. Packages come from
# this machine's apt sources, whatever mirror those name.
set -euo pipefail

IMAGE=$1
RELEASE=$2
TARGET=$3

PACKAGES=(
	systemd systemd-sysv dbus udev openssh-server cloud-init sudo
	iproute2 iputils-ping iptables nftables procps python3-minimal
	keepalived
)

case $IMAGE in
ubuntu-like) PACKAGES+=(iptables-persistent) ;;
oracle-linux-like) PACKAGES+=(firewalld network-manager gawk) ;;
*) echo "build-image: error: there is no image $IMAGE" >&2 && exit 1 ;;
esac

# What a real machine needs and a container does not, and what would run at odd times during a test. A manager
# for each login would take three inotify instances of the 128 that all hosts of a machine share by default.
MASKED=(
	console-getty.service getty@.service user@.service systemd-timesyncd.service
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer motd-news.timer
	cloud-init-hotplugd.socket systemd-firstboot.service
	keepalived.service
	networking.service # Only Debian 11 has it, where it orders cloud-init, firewalld and D-Bus in a circle.
)

# Prints this machine's apt sources, for RELEASE: "Suites: bookworm bookworm-updates" becomes "bullseye bullseye-updates".
apt_sources() {
	local file
	for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list.d/ubuntu.sources /etc/apt/sources.list; do
		[[ -s $file ]] || continue
		# shellcheck source=/dev/null
		sed "s/\b$(. /etc/os-release && echo "$VERSION_CODENAME")\b/$RELEASE/g" "$file"
		return
	done
	echo "build-image: error: no apt sources found under /etc/apt: is this Debian or Ubuntu?" >&2
	exit 1
}

# Debian 13's cloud-init refuses to be installed beside firewalld. Oracle Linux has both.
install_firewalld_by_force() {
	PACKAGES=("${PACKAGES[@]/#firewalld/python3-firewall}"
		dbus polkitd gir1.2-glib-2.0 gir1.2-nm-1.0 python3 python3-dbus python3-gi python3-nftables)
	# shellcheck disable=SC2016 # expanded by mmdebstrap's shell
	options+=(--customize-hook='cd "$1/tmp" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download firewalld'
		--customize-hook='chroot "$1" sh -c "dpkg --force-conflicts --install /tmp/firewalld_*.deb && rm /tmp/firewalld_*"')
}

# INPUT and FORWARD end in REJECT, as on Oracle's Ubuntu images; netfilter-persistent loads it at boot.
write_iptables_rules() {
	mkdir -p "$TARGET/etc/iptables"
	cat >"$TARGET/etc/iptables/rules.v4" <<-'END'
		*filter
		:INPUT ACCEPT [0:0]
		:FORWARD ACCEPT [0:0]
		:OUTPUT ACCEPT [0:0]
		-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
		-A INPUT -p icmp -j ACCEPT
		-A INPUT -i lo -j ACCEPT
		-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT
		-A INPUT -j REJECT --reject-with icmp-host-prohibited
		-A FORWARD -j REJECT --reject-with icmp-host-prohibited
		COMMIT
	END
}

# The lab plugs the NIC in with its address set, as Oracle Linux's initramfs does; and as there, NetworkManager
# finds a profile that says the same, takes the NIC over and changes nothing on it. No other NIC gets one.
write_network_manager() {
	mkdir -p "$TARGET/etc/NetworkManager/conf.d"
	printf '[main]\nno-auto-default=*\ndns=none\n' >"$TARGET/etc/NetworkManager/conf.d/lab.conf"
	cat >"$TARGET/usr/local/sbin/lab-nic-profile" <<-'END'
		#!/bin/sh
		# Describes the NIC that carries the default route to NetworkManager.
		set -eu
		umask 077
		nic=$(ip -4 -o route show default | sed 's/.* dev \([^ ]*\).*/\1/')
		address=$(ip -4 -o address show dev "$nic" scope global | awk '{ print $4; exit }')
		gateway=$(ip -4 -o route show default | sed 's/.* via \([^ ]*\).*/\1/')
		mkdir -p /run/NetworkManager/system-connections
		cat >"/run/NetworkManager/system-connections/$nic.nmconnection" <<-PROFILE
			[connection]
			id=$nic
			uuid=$(cat /proc/sys/kernel/random/uuid)
			type=ethernet
			interface-name=$nic
			[ipv4]
			method=manual
			address1=$address,$gateway
			[ipv6]
			method=link-local
		PROFILE
	END
	chmod 755 "$TARGET/usr/local/sbin/lab-nic-profile"
	cat >"$TARGET/etc/systemd/system/lab-nic-profile.service" <<-'END'
		[Unit]
		Description=NetworkManager profile of the NIC
		DefaultDependencies=no
		After=local-fs.target
		Before=NetworkManager.service
		[Service]
		Type=oneshot
		ExecStart=/usr/local/sbin/lab-nic-profile
		[Install]
		WantedBy=NetworkManager.service
	END
	chroot "$TARGET" systemctl --quiet enable lab-nic-profile.service
	rm -f "$TARGET/etc/NetworkManager/dispatcher.d/01-ifupdown"
}

# systemd starts udev only where /sys can be written, which it cannot in a container. What udev does with network
# devices (MACAddressPolicy) it does all the same. It hears of the machine's other devices too: no rule for those
# is kept.
run_udev() {
	local unit rule
	for unit in systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket; do
		mkdir -p "$TARGET/etc/systemd/system/$unit.d"
		printf '[Unit]\nConditionPathIsReadWrite=\n' >"$TARGET/etc/systemd/system/$unit.d/lab.conf"
	done
	for rule in "$TARGET"/usr/lib/udev/rules.d/*.rules; do
		case ${rule##*/} in
		*-net-* | 85-nm-* | 99-systemd.rules) ;;
		*) ln -s /dev/null "$TARGET/etc/udev/rules.d/${rule##*/}" ;;
		esac
	done
}

# Only the modules that make the login user and the host keys: the others cost a second at first boot.
write_cloud_init() {
	cat >"$TARGET/etc/cloud/cloud.cfg" <<-'END'
		datasource_list: [NoCloud, None]
		disable_root: true
		ssh_pwauth: false
		preserve_hostname: false
		manage_etc_hosts: localhost
		network: {config: disabled}
		system_info:
		  distro: debian
		  default_user:
		    name: opc
		    lock_passwd: true
		    sudo: ["ALL=(ALL) NOPASSWD:ALL"]
		    shell: /bin/bash
		users: [default]
		cloud_init_modules: [write_files, set_hostname, update_etc_hosts, users_groups, ssh]
		cloud_config_modules: [runcmd]
		cloud_final_modules: [scripts_user]
	END
	rm -f "$TARGET"/etc/cloud/cloud.cfg.d/*
}

mask_units() {
	local unit
	for unit in "${MASKED[@]}"; do
		ln -sf /dev/null "$TARGET/etc/systemd/system/$unit"
	done
}

tidy() {
	rm -f "$TARGET"/etc/ssh/ssh_host_* "$TARGET/etc/machine-id" "$TARGET/etc/hostname"
	touch "$TARGET/etc/machine-id"
	rm -rf "$TARGET"/var/cache/apt/* "$TARGET"/var/lib/apt/lists/* "$TARGET"/usr/share/{doc,man,locale}/*
	mkdir -p "$TARGET/etc/systemd/journald.conf.d"
	printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=8M\n' >"$TARGET/etc/systemd/journald.conf.d/lab.conf"
	printf 'UseDNS no\n' >"$TARGET/etc/ssh/sshd_config.d/lab.conf"
}

options=(--mode=root --variant=minbase --aptopt='APT::Install-Recommends "false"'
	--dpkgopt=force-unsafe-io) # An unfinished image is thrown away.
# Debian's installer merges /usr, and mmdebstrap does so by itself from Debian 12 on only.
if [[ $RELEASE == bullseye ]]; then options+=(--setup-hook=/usr/share/mmdebstrap/hooks/merged-usr/setup00.sh); fi
# Debian 13 recommends it, and users may not ping without it.
if [[ $RELEASE == trixie ]]; then PACKAGES+=(linux-sysctl-defaults); fi
if [[ $IMAGE-$RELEASE == oracle-linux-like-trixie ]]; then install_firewalld_by_force; fi
options+=(--include="$(IFS=,; echo "${PACKAGES[*]}")")
sources=$(apt_sources)
mmdebstrap "${options[@]}" "$RELEASE" "$TARGET" - <<<"$sources"
case $IMAGE in
ubuntu-like) write_iptables_rules ;;
oracle-linux-like)
	write_network_manager
	run_udev
	;;
esac
write_cloud_init
mask_units
tidy
