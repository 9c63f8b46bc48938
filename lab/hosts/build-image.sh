#!/bin/bash
# Builds a host image: a Debian or Ubuntu of this machine's own release, with what Oracle's images have that
# matters here: systemd, sshd, cloud-init, sudo, a user opc, and a host firewall that refuses.
#
#   build-image.sh NAME DIRECTORY
#
# Packages come from this machine's own apt sources, whatever mirror those name.
set -euo pipefail

IMAGE=$1
TARGET=$2

PACKAGES=(
	systemd systemd-sysv dbus udev openssh-server cloud-init sudo
	iproute2 iputils-ping iptables iptables-persistent nftables procps python3-minimal
)

# What a real machine needs and a container does not, and what would run at odd times during a test.
MASKED=(
	console-getty.service getty@.service systemd-timesyncd.service
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer motd-news.timer
	cloud-init-hotplugd.socket systemd-firstboot.service
)

apt_sources() {
	local file
	for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list.d/ubuntu.sources /etc/apt/sources.list; do
		[[ -s $file ]] && echo "$file" && return
	done
	echo "build-image: error: no apt sources found under /etc/apt: is this Debian or Ubuntu?" >&2
	exit 1
}

# INPUT and FORWARD end in REJECT, as on Oracle's Ubuntu images; netfilter-persistent loads it at boot.
write_firewall() {
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

# shellcheck source=/dev/null
. /etc/os-release
packages=$(IFS=,; echo "${PACKAGES[*]}")
mmdebstrap --mode=root --variant=minbase --include="$packages" --aptopt='APT::Install-Recommends "false"' \
	"$VERSION_CODENAME" "$TARGET" "$(apt_sources)"
case $IMAGE in
ubuntu-like) write_firewall ;;
*) echo "build-image: error: there is no image $IMAGE" >&2 && exit 1 ;;
esac
write_cloud_init
mask_units
tidy
