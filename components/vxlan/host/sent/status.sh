#!/bin/bash
# Prints how a host and its overlay are. Sent to the host on standard input with the question behind it, run as root, not
# installed. It changes nothing and repairs nothing.
#
#   overlay NAME           the overlay's name on the host, after which its unit is called
#   device NAME            the VXLAN device
#   installation ID        what the stack knows the host by
#   settings FILE DIGEST   a file below /etc/oci-vxlan/NAME as the stack has it
#   end
#
# Each line of output is "oci-vxlan status" and one of
#   time SECONDS | booted SECONDS | version NUMBER | release VERSION | unit ACTIVE_STATE ENABLED_STATE | differs WHAT |
#   unconfirmed | link STATE MTU MAC UNDERLAY VNI PORT | address ADDRESS | warning TEXT | event SECONDS TEXT | end
set -uo pipefail
export LC_ALL=C TZ=UTC PATH=/usr/sbin:/usr/bin:/sbin:/bin

ETC=/etc/oci-vxlan VAR=/var/lib/oci-vxlan RUN=/run/oci-vxlan PROGRAM_FILE=/usr/local/sbin/oci-vxlan
LIMIT=3   # seconds for systemd, and for the journal
EVENTS=50 # last lines of the journal that are printed

print() {
	echo "oci-vxlan status $*"
}

# Prints the word behind a key in what ip says; "-" where there is none.
word() { # TEXT KEY
	local rest=" $1"
	[[ $rest == *" $2 "* ]] || { echo - && return; }
	rest=${rest#*" $2 "}
	echo "${rest%% *}"
}

# A container has the kernel's boot time of its machine, so systemd is asked.
print_host() {
	local started version release
	started=$(timeout "$LIMIT" systemctl show --property=UserspaceTimestamp 2>/dev/null)
	print time "$(date +%s)"
	if [[ $started == UserspaceTimestamp=?* ]]; then print booted "$(date -d "${started#*=}" +%s)"; fi
	version=$(sed -n 's/^VERSION=\([0-9]*\).*/\1/p' "$PROGRAM_FILE" 2>/dev/null)
	[[ -z $version ]] || print version "$version"
	release=$(sed -n 's/^RELEASE=\([^ ]*\).*/\1/p' "$PROGRAM_FILE" 2>/dev/null)
	[[ -z $release ]] || print release "$release"
}

print_unit() {
	local key value active='' enabled=''
	while IFS='=' read -r key value; do
		case $key in
		ActiveState) active=$value ;;
		UnitFileState) enabled=$value ;;
		esac
	done < <(timeout "$LIMIT" systemctl show --property=ActiveState,UnitFileState "oci-vxlan@$OVERLAY.service" 2>/dev/null)
	print unit "${active:-unknown}" "${enabled:-unknown}"
}

print_differences() {
	local file
	[[ -e $PROGRAM_FILE ]] || print differs program
	[[ $(cat "$VAR/$OVERLAY/installation" 2>/dev/null) == "$INSTALLATION" ]] || print differs installation
	for file in "${!DIGESTS[@]}"; do
		[[ $(sha256sum 2>/dev/null <"$ETC/$OVERLAY/$file") == "${DIGESTS[$file]} "* ]] || print differs "$file"
	done
	[[ ! -e $VAR/$OVERLAY/previous ]] || print unconfirmed
}

print_device() {
	local link state=down address
	link=$(ip -d -o link show dev "$DEVICE" 2>/dev/null)
	[[ -n $link ]] || return 0
	[[ ! $link =~ [\<,]UP[,\>] ]] || state=up
	print link "$state" "$(word "$link" mtu)" "$(word "$link" link/ether)" "$(word "$link" local)" \
		"$(word "$link" "vxlan id")" "$(word "$link" dstport)"
	while read -r _ _ _ address _; do
		print address "${address%/*}"
	done < <(ip -o address show dev "$DEVICE" scope global 2>/dev/null)
}

print_warnings() {
	local file text
	for file in "$RUN/$OVERLAY"/warned-*; do
		{ read -r text <"$file"; } 2>/dev/null && print warning "$text"
	done
}

# "1764146820.123456 host01 oci-vxlan[42]: oci-vxlan: lab.overlay: ip link set …"
print_events() {
	timeout "$LIMIT" journalctl -q --no-pager -o short-unix -n "$EVENTS" -t oci-vxlan 2>/dev/null |
		sed -n "s/^\([0-9]*\)\.[0-9]* [^ ]* oci-vxlan[^:]*: oci-vxlan: ${OVERLAY//./\\.}: /oci-vxlan status event \1 /p"
}

read_input() {
	local key value digest complete=
	OVERLAY='' DEVICE='' INSTALLATION=''
	declare -gA DIGESTS=()
	while read -r key value digest; do
		case $key in
		overlay) OVERLAY=$value ;;
		device) DEVICE=$value ;;
		installation) INSTALLATION=$value ;;
		settings) DIGESTS[$value]=$digest ;;
		end) complete=yes && break ;;
		esac
	done
	[[ -n $complete ]]
}

main() {
	read_input || { echo "oci-vxlan: error: the question for the host's status did not arrive whole: ask again" >&2 && exit 1; }
	print_host
	print_unit
	print_differences
	print_device
	print_warnings
	print_events
	print end
}

main
