# shellcheck shell=bash
# Part of oci-vxlan: the files that say what should be, and the lock that keeps two runs apart.

LOCK_WAIT=30  # seconds that another run may take
LOCK=/root    # only root can open it, so no other user can hold the lock; and it stays when the last overlay goes

# The overlay that a file below /etc belongs to.
overlay_of() { # FILE
	basename "$(dirname "$1")"
}

# Prints the values of a key in a settings file, one line each.
setting() { # FILE KEY
	local key value
	[[ -e $1 ]] || return 0
	while read -r key value; do
		[[ $key != "$2" ]] || echo "$value"
	done <"$1"
}

# Reads this overlay's settings from /etc into variables.
# shellcheck disable=SC2034 # the other files of this program read them
load_settings() {
	[[ -e $ETC/$OVERLAY/device ]] || die "overlay $OVERLAY is not set up on $(hostname): run pulumi up"
	read_device_file "$ETC/$OVERLAY/device"
	read_mac || die "$VAR/$OVERLAY/mac on $(hostname) holds no MAC: raise this host's generation and run pulumi up, which draws another"
	LEAVING=$VAR/$OVERLAY/leaving
	PEERS=$ETC/$OVERLAY/peers
	[[ -e $PEERS ]] || PEERS=/dev/null
	read_fleet_mtu
}

# shellcheck disable=SC2034 # the other files of this program read them
read_device_file() { # FILE
	local key value
	CONFIGURED_MTU='' ADDRESSES=() CONFIRM_TIMEOUT=180
	while read -r key value; do
		case $key in
		device) DEVICE=$value ;;
		vni) VNI=$value ;;
		port) PORT=$value ;;
		underlay) UNDERLAY=$value ;;
		address) ADDRESSES+=("$value") ;;
		mtu) CONFIGURED_MTU=$value ;;
		flood) FLOOD=$value ;;
		ingress) INGRESS=$value ;;
		firewall) FIREWALL=$value ;;
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

# The MTU that the whole fleet has; empty before the peers are known.
# shellcheck disable=SC2034 # the other files of this program read it
read_fleet_mtu() {
	local key
	while read -r key MTU; do
		[[ $key != mtu ]] || return 0
	done <"$PEERS"
	MTU=
}

# Makes standard input the content of a file, at once and lastingly, and only where it differs: otherwise not even
# its folder is written.
write_file() { # PATH [UMASK]
	local text
	text=$(cat)
	[[ -e $1 && $(<"$1") == "$text" ]] && return 0
	local folder
	folder=$(dirname "$1")
	(umask "${2:-077}" && mkdir -p "$folder" && echo "$text" >"$1.new" && sync "$1.new" && mv "$1.new" "$1" && sync "$folder")
}

# Writes a settings file, and notes what the old one had put into the kernel before it is gone.
replace_settings() { # PATH
	local text leaving=$VAR/$OVERLAY/leaving
	text=$(cat)
	[[ -e $1 && $(<"$1") == "$text" ]] && return 0
	if [[ -e $1 ]]; then
		{ [[ ! -e $leaving ]] || cat "$leaving" && cat "$1"; } | write_file "$leaving"
	fi
	write_file "$1" < <(echo "$text")
	forget_what_was_right
}

# One run at a time on this host, whoever started it.
lock() {
	[[ -n ${LOCK_FD-} ]] || exec {LOCK_FD}<"$LOCK" # The installer hands it over.
	relock
}

relock() {
	flock --wait "$LOCK_WAIT" "$LOCK_FD" ||
		die "another run of $PROGRAM on $(hostname) does not end: see ps -ef | grep $PROGRAM"
}

unlock() {
	flock --unlock "$LOCK_FD"
}
