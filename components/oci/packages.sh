#!/bin/sh
# Installs what the overlay needs and this image lacks, as minimal images do. cloud-init runs it at the first boot. Where
# it cannot, it leaves the packages and the reason in a file that phase ready reads.

LIMIT=240 # seconds for all tries: another program may hold the lock, and the network may come late
PAUSE=5   # seconds between two tries
FAILURE=/run/oci-vxlan-packages

package_of() { # TOOL
	case $manager-$1 in
		*-nft) echo nftables ;;
		apt-ip | apt-bridge) echo iproute2 ;;
		*-ip | *-bridge) echo iproute ;;
		*-flock) echo util-linux ;;
		*-cmp) echo diffutils ;;
		apt-awk) echo mawk ;;
		*-awk) echo gawk ;;
		apt-ping) echo iputils-ping ;;
		*-ping) echo iputils ;;
		*) echo "$1" ;;
	esac
}

# Prints each package once.
missing_packages() {
	packages=
	for tool in nft ip bridge flock cmp awk sed gzip ping; do
		if command -v "$tool" >/dev/null; then continue; fi
		package=$(package_of "$tool")
		case " $packages " in
			*" $package "*) ;;
			*) packages="$packages $package" ;;
		esac
	done
	echo "${packages# }"
}

# dnf waits for its own lock; apt waits for that of dpkg, and not for the one of its lists.
install_once() {
	left=$((deadline - $(date +%s)))
	if [ "$left" -lt 1 ]; then left=1; fi
	case $manager in
		apt)
			timeout "$left" apt-get -qq update &&
				timeout "$left" apt-get -qq -o "DPkg::Lock::Timeout=$left" install -y --no-install-recommends "$@"
			;;
		dnf | yum | microdnf) timeout "$left" "$manager" install -y "$@" ;;
		*) echo "neither apt-get nor dnf is there" ;;
	esac
}

manager=none
for candidate in microdnf yum dnf; do
	if command -v "$candidate" >/dev/null; then manager=$candidate; fi
done
if command -v apt-get >/dev/null; then manager=apt; fi

export DEBIAN_FRONTEND=noninteractive
deadline=$(($(date +%s) + LIMIT))
packages=$(missing_packages)
while [ -n "$packages" ]; do
	echo "oci-vxlan: installs $packages"
	# shellcheck disable=SC2086 # split into the packages
	reason=$(install_once $packages 2>&1 | tail -n 3)
	echo "$reason"
	packages=$(missing_packages)
	if [ -z "$packages" ]; then break; fi
	echo "$packages: $reason" >"$FAILURE"
	if [ "$manager" = none ] || [ "$(date +%s)" -ge "$deadline" ]; then exit 0; fi
	sleep "$PAUSE"
done
rm -f "$FAILURE"
