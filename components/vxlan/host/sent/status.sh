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
#   time SECONDS | booted DATE TIME UTC | version NUMBER | release VERSION | unit ACTIVE_STATE ENABLED_STATE | differs WHAT |
#   unconfirmed | link STATE MTU MAC UNDERLAY VNI PORT | address ADDRESS | warning TEXT | event SECONDS TEXT | end
set -uo pipefail
export LC_ALL=C TZ=UTC PATH=/usr/sbin:/usr/bin:/sbin:/bin

ETC=/etc/oci-vxlan VAR=/var/lib/oci-vxlan RUN=/run/oci-vxlan PROGRAM_FILE=/usr/local/sbin/oci-vxlan
LIMIT=3   # seconds for systemd, and for the journal
EVENTS=50 # last lines of the journal that are printed

print() {
	echo "oci-vxlan status $*"
}

# Sets WORD to the word behind a key in what ip says; "-" where there is none.
find_word() { # TEXT KEY
	local rest=" $1"
	WORD=-
	[[ $rest == *" $2 "* ]] || return 0
	rest=${rest#*" $2 "}
	WORD=${rest%% *}
}

print_host() {
	local line version='' release=''
	printf 'oci-vxlan status time %(%s)T\n' -1
	while read -r line; do
		case $line in
		RELEASE=*) release=${line#*=} release=${release%% *} ;;
		VERSION=*) version=${line#*=} version=${version%%[!0-9]*} ;;
		esac
		[[ -z $version || -z $release ]] || break
	done 2>/dev/null <"$PROGRAM_FILE"
	[[ -z $version ]] || print version "$version"
	[[ -z $release ]] || print release "$release"
}

# A container has the kernel's boot time of its machine, so systemd is asked since when it runs. Its answer has a paragraph
# for each unit.
print_units() {
	local key value id='' active='' enabled='' started=''
	while IFS='=' read -r key value; do
		case $key in
		Id) id=$value ;;
		ActiveState) [[ $id == init.scope ]] || active=$value ;;
		UnitFileState) [[ $id == init.scope ]] || enabled=$value ;;
		ActiveEnterTimestamp) [[ $id != init.scope ]] || started=$value ;;
		esac
	done < <(
		exec timeout "$LIMIT" systemctl show --property=Id,ActiveState,UnitFileState,ActiveEnterTimestamp \
			"oci-vxlan@$OVERLAY.service" init.scope 2>/dev/null
	)
	# "Fri 2026-11-27 11:59:59 UTC"
	[[ -z $started ]] || print booted "${started#* }"
	print unit "${active:-unknown}" "${enabled:-unknown}"
}

print_differences() {
	local installation='' digest file
	local -A actual_digests=()
	[[ -e $PROGRAM_FILE ]] || print differs program
	{ read -r installation <"$VAR/$OVERLAY/installation"; } 2>/dev/null
	[[ $installation == "$INSTALLATION" ]] || print differs installation
	while read -r digest file; do
		actual_digests[${file##*/}]=$digest
	done < <(cd "$ETC/$OVERLAY" 2>/dev/null && exec sha256sum -- "${!DIGESTS[@]}" 2>/dev/null)
	for file in "${!DIGESTS[@]}"; do
		[[ ${actual_digests[$file]-} == "${DIGESTS[$file]}" ]] || print differs "$file"
	done
	[[ ! -e $VAR/$OVERLAY/previous ]] || print unconfirmed
}

print_device() {
	local line link='' state=down facts=() key addresses=()
	while read -r line; do
		link+=" $line"
		if [[ $line =~ ^inet6?\ ([^ /]+).*\ scope\ global(\ |$) ]]; then addresses+=("${BASH_REMATCH[1]}"); fi
	done < <(exec ip -d address show dev "$DEVICE" 2>/dev/null)
	[[ -n $link ]] || return 0
	if [[ $link =~ [\<,]UP[,\>] ]]; then state=up; fi
	for key in mtu link/ether local "vxlan id" dstport; do
		find_word "$link" "$key"
		facts+=("$WORD")
	done
	print link "$state" "${facts[@]}"
	[[ ${#addresses[@]} -eq 0 ]] || printf 'oci-vxlan status address %s\n' "${addresses[@]}"
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
	# The probes may follow on standard input, and no tool may read them.
	{
		print_host
		print_units
		print_differences
		print_device
		print_warnings
		print_events
		print end
	} </dev/null
}

main
