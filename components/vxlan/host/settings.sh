# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: reads and writes the settings files.

# Prints the values of a key in a settings file, one a line.
setting() { # FILE KEY
	local key value
	[[ -e $1 ]] || return 0
	while read -r key value; do
		if [[ $key == "$2" ]]; then echo "$value"; fi
	done <"$1"
}

load_settings() {
	local key
	[[ -e $ETC/$OVERLAY/device ]] || die "overlay $OVERLAY is not set up on $(hostname): run pulumi up"
	read_device_file "$ETC/$OVERLAY/device"
	read_mac || die "$VAR/$OVERLAY/mac on $(hostname) holds no MAC: raise this host's generation and run pulumi up," \
		"which draws another"
	PEERS=$ETC/$OVERLAY/peers
	[[ -e $PEERS ]] || PEERS=/dev/null
	while read -r key MTU; do
		if [[ $key == mtu ]]; then return 0; fi
	done <"$PEERS"
}

# Sets DEVICE, VNI and so on to the values of the keys. Files of older versions have no confirm-timeout, and most have no
# offload or probes.
read_device_file() { # FILE
	local key value
	CONFIGURED_MTU='' ADDRESSES=() CONFIRM_TIMEOUT=180 OFFLOAD=auto PROBES=on
	while read -r key value; do
		case $key in
		device | vni | port | underlay | flood | ingress | firewall | offload | probes) printf -v "${key^^}" %s "$value" ;;
		address) ADDRESSES+=("$value") ;;
		mtu) CONFIGURED_MTU=$value ;;
		confirm-timeout) CONFIRM_TIMEOUT=$value ;;
		esac
	done <"$1"
}

read_mac() {
	MAC=
	[[ -e $VAR/$OVERLAY/mac ]] || return 1
	read -r MAC <"$VAR/$OVERLAY/mac" || true
	[[ $MAC =~ ^([0-9a-f]{2}:){5}[0-9a-f]{2}$ ]]
}

# Replaces a file by standard input, atomically and durably; below RUN, which a reboot empties, atomically. If they are
# equal, not even its folder is written.
write_file() { # PATH [UMASK]
	local text folder=${1%/*} sync=sync
	text=$(</dev/stdin)
	[[ -e $1 && $(<"$1") == "$text" ]] && return 0
	[[ $1 != "$RUN"/* ]] || sync=:
	(
		umask "${2:-077}"
		[[ -d $folder ]] || mkdir -p "$folder" || exit
		echo "$text" >"$1.new" && "$sync" "$1.new" && mv "$1.new" "$1" && "$sync" "$folder"
	)
}

# Sets a variable to the path of an open file that has no name, so that it goes when the run ends in any way.
open_file() { # VARIABLE
	local fd file=$RUN/.open.$BASHPID
	[[ -d $RUN ]] || mkdir -p "$RUN"
	exec {fd}<>"$file"
	rm "$file"
	printf -v "$1" %s "/proc/self/fd/$fd"
}

# Writes a settings file. The old one is added to REPLACED, since the kernel still holds entries and addresses of it.
replace_settings() { # PATH
	local text
	text=$(cat)
	[[ -e $1 && $(<"$1") == "$text" ]] && return 0
	[[ ! -e $1 ]] || write_file "$REPLACED" < <(cat "$REPLACED" "$1" 2>/dev/null)
	write_file "$1" <<<"$text"
	delete_snapshots
}

digest_of() { # FILE
	[[ ! -e $1 ]] || sha256sum <"$1" | cut -d' ' -f1
}
