#!/bin/bash
# Measures what the underlay carries from one host to its peers. Sent to the host on standard input with the data behind
# it, run as root, not installed.
#
#   bytes BYTES        size of the packets that the overlay sends: its MTU, and what VXLAN adds
#   peer NAME ADDRESS  a peer, with its underlay address
#   end
#
# Prints "oci-vxlan path PEER ADDRESS BYTES" for each peer whose path carries less, then one line that all were measured.
# A peer that answers no echo is left out: it may be down, or a firewall may refuse echoes and let VXLAN through.
set -uo pipefail
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin

HEADERS=28    # bytes of IPv4 and ICMP around an echo's payload
SMALL=84      # bytes of an echo that every path carries
FULL_WAIT=3   # seconds until a full-sized echo must have come back; it is sent again meanwhile
STEP_WAIT=1   # seconds for a small echo, and for each size that is tried
TIME_LIMIT=25 # seconds for one peer

# Whether an echo of some bytes, which may not be fragmented, is answered. OUTPUT is what ping says.
carries() { # ADDRESS BYTES SECONDS
	OUTPUT=$(ping -n -c 1 -w "$3" -i 0.3 -M "do" -s "$(($2 - HEADERS))" "$1" 2>&1 </dev/null)
}

# Sets CARRIED to the largest size that passes. A hop may say what it carries; others drop what is too large.
measure() { # ADDRESS
	local high=$BYTES size deadline=$((SECONDS + TIME_LIMIT))
	CARRIED=$SMALL
	while ((high - CARRIED > 1 && SECONDS < deadline)); do
		size=$(((CARRIED + high) / 2))
		if [[ $OUTPUT =~ mtu\ ?=\ ?([0-9]+) ]] && ((BASH_REMATCH[1] > CARRIED && BASH_REMATCH[1] < high)); then
			size=${BASH_REMATCH[1]}
			high=$((size + 1))
		fi
		if carries "$1" "$size" "$STEP_WAIT"; then CARRIED=$size; else high=$size; fi
	done
}

measure_peer() { # NAME ADDRESS
	carries "$2" "$SMALL" "$STEP_WAIT" || return 0
	carries "$2" "$BYTES" "$FULL_WAIT" && return 0
	measure "$2"
	echo "oci-vxlan path $1 $2 $CARRIED"
}

main() {
	local key value complete='' peers=() peer
	while read -r key value; do
		case $key in
		bytes) BYTES=$value ;;
		peer) peers+=("$value") ;;
		end) complete=yes && break ;;
		esac
	done
	if [[ -z $complete ]]; then
		echo "oci-vxlan: error: the list of peers did not arrive whole: run pulumi up again" >&2
		exit 1
	fi
	# The test at the end of "up" says what to install.
	if type -P ping >/dev/null; then
		for peer in "${peers[@]}"; do
			# shellcheck disable=SC2086 # split into its words
			measure_peer $peer &
		done
		wait
	fi
	echo "oci-vxlan paths measured"
}

main
