#!/bin/bash
# Proves from one host that the overlay carries traffic to each of its peers. Sent to the host on standard
# input with the data behind it, run as the login user, not installed.
#
#   host NAME                              this host
#   underlay ADDRESS                       its underlay address
#   port PORT                              UDP port of the VTEPs
#   mtu BYTES                              MTU of the device
#   target PEER UNDERLAY ADDRESS TCP_PORT  one address of a peer; a TCP port of "-" means ICMP alone
#   end
#
# Prints one line when every target answered; otherwise names each that did not, and why, and fails.
set -uo pipefail
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin

PARALLEL=64     # targets that are probed at the same time
ICMP_WAIT=3     # seconds until an echo must have come back; it is sent again meanwhile
SMALL_WAIT=1    # seconds for the small echo that is tried when a full-sized one stays without answer
TCP_WAIT=4      # seconds for a connection and the banner of sshd; where it hangs up, it is dialled again meanwhile
TIME_LIMIT=85   # seconds for all targets

die() {
	echo "oci-vxlan: error: $*" >&2
	exit 1
}

# --- Probes ---------------------------------------------------------------------------------------------

# Each sets ANSWER, since a subshell for each would cost more than the probes of a thousand peers.

# Sets ANSWER to what became of an echo that may not be fragmented: passes, too-long, unreachable, prohibited,
# silent, or not-permitted.
send_echo() { # ADDRESS BYTES SECONDS
	local said
	if said=$(ping -n -c 1 -w "$3" -i 0.5 -M "do" -s "$2" "$1" 2>&1 </dev/null); then
		ANSWER=passes
		return
	fi
	case $said in
	*"essage too long"* | *"too big"* | *"Frag needed"*) ANSWER=too-long ;;
	*[Pp]rohibited* | *filtered*) ANSWER=prohibited ;;
	*nreachable* | *"annot assign"* | *"o route"*) ANSWER=unreachable ;;
	*"not permitted"*) ANSWER=not-permitted ;;
	*) ANSWER=silent ;;
	esac
}

# A full-sized echo; where that stays without an answer, a small one tells a cut from a size that does not fit.
probe_icmp() { # ADDRESS BYTES
	send_echo "$1" "$2" "$ICMP_WAIT"
	[[ $ANSWER == silent ]] || return
	send_echo "$1" 56 "$SMALL_WAIT"
	if [[ $ANSWER == passes ]]; then ANSWER=only-small; else ANSWER=silent; fi
}

# An sshd that many dial at once hangs up on some of them, without a banner.
probe_tcp() { # ADDRESS PORT
	local deadline=$((SECONDS + TCP_WAIT))
	dial "$1" "$2"
	while [[ $ANSWER == no-banner ]] && ((SECONDS < deadline)); do
		sleep "0.$((RANDOM % 800 + 100))"
		dial "$1" "$2"
	done
}

# Sets ANSWER to what became of a TCP connection: passes, refused, unreachable, silent or no-banner.
dial() { # ADDRESS PORT
	local said
	# shellcheck disable=SC2016 # expanded by the inner shell
	said=$(timeout "$TCP_WAIT" bash -c '
		exec 3<>"/dev/tcp/$1/$2" || exit
		echo connected
		IFS= read -r -u 3 line && [[ $line == SSH-* ]] && echo banner' bash "$1" "$2" 2>&1 </dev/null)
	case $said in
	*banner) ANSWER=passes ;;
	*connected*) ANSWER=no-banner ;;
	*"onnection refused"*) ANSWER=refused ;;
	*"o route to host"* | *nreachable*) ANSWER=unreachable ;;
	*) ANSWER=silent ;;
	esac
}

# Prints "PEER UNDERLAY ADDRESS PROBE ANSWER" for the first probe of a target that does not pass.
probe_target() { # PEER UNDERLAY ADDRESS TCP_PORT
	# The largest echo that fits: the MTU less the headers of IP and ICMP.
	local bytes=$((MTU - 28))
	[[ $3 != *:* ]] || bytes=$((MTU - 48))
	probe_icmp "$3" "$bytes"
	# Where TCP is not asked for, whether this host is let in is not asked either: a refusal has crossed too.
	[[ $4 == - && $ANSWER == prohibited ]] && return
	if [[ $ANSWER != passes ]]; then
		echo "$1 $2 $3 icmp:$bytes $ANSWER"
	elif [[ $4 != - ]]; then
		probe_tcp "$3" "$4"
		[[ $ANSWER == passes ]] || echo "$1 $2 $3 tcp:$4 $ANSWER"
	fi
}

probe_all() {
	local target running=0
	for target in "${TARGETS[@]}"; do
		if ((SECONDS >= TIME_LIMIT)); then
			read -r peer underlay address _ <<<"$target"
			echo "$peer $underlay $address any late"
			continue
		fi
		if ((running++ >= PARALLEL)); then wait -n; fi
		# shellcheck disable=SC2086 # split into its words
		probe_target $target &
	done
	wait
}

# --- Report ---------------------------------------------------------------------------------------------

# What was seen, in a few words.
describe() { # PROBE ANSWER
	local probe
	case $1 in
	icmp:*) probe="ICMP of ${1#icmp:} bytes" ;;
	tcp:*) probe="TCP to port ${1#tcp:}" ;;
	*) probe="not probed" ;;
	esac
	case $2 in
	silent) echo "$probe timed out" ;;
	only-small) echo "$probe timed out, while a small one is answered" ;;
	too-long) echo "$probe is too long for this host's device or a hop behind it" ;;
	prohibited) echo "$probe was refused by a firewall" ;;
	refused) echo "$probe was refused" ;;
	unreachable) echo "$probe found its destination unreachable" ;;
	not-permitted) echo "$probe may not be sent from this host" ;;
	no-banner) echo "$probe connected, and no SSH banner came within $TCP_WAIT s" ;;
	late) echo "$probe: the others took $TIME_LIMIT s" ;;
	esac
}

# The likely cause of an answer, and what to do; said once for all pairs that it applies to.
advise() { # KIND ANSWER
	case "$1 $2" in
	"icmp silent")
		echo "timed out: nothing comes back. Is the peer up? Do the Security List and both hosts' firewalls pass UDP port $PORT between the underlay addresses, both ways? On the peer: journalctl -u 'oci-vxlan@*'" ;;
	"icmp only-small")
		echo "timed out, small ones pass: the network between the hosts carries less than $((MTU + 50)) bytes. Set mtu to what it carries less 50" ;;
	"icmp too-long")
		echo "too long: the device's MTU is below $MTU. On this host: ip link show type vxlan" ;;
	"icmp unreachable")
		echo "unreachable: this host has no way to the address. Its device may have lost address or neighbour entry: journalctl -u 'oci-vxlan@*'" ;;
	"icmp not-permitted")
		echo "not permitted: a firewall of this host drops what it sends, or its users may not ping" ;;
	"icmp prohibited")
		echo "refused by a firewall: the peer's own rules refuse ICMP from the overlay, ahead of the rule that admits it" ;;
	"tcp refused")
		echo "refused: the peer answers, and nothing listens there. Does its sshd listen on the overlay address? If it uses another port, set verifyPort" ;;
	"tcp unreachable")
		echo "unreachable: ICMP passes, so it is the peer's firewall that rejects TCP from the overlay. On the peer: nft list ruleset, iptables -S INPUT" ;;
	"tcp silent")
		echo "timed out: ICMP passes, so it is a firewall that drops TCP without a word. On the peer: nft list ruleset, iptables -S INPUT" ;;
	"tcp no-banner")
		echo "no banner: is it sshd that listens there? It may also be overloaded, or limit connections (MaxStartups)" ;;
	*)
		echo "not probed: too many others timed out first" ;;
	esac
}

report_failures() { # FAILURES
	local peer underlay address probe answer
	echo "oci-vxlan: error: the overlay does not pass from $HOST to $(wc -l <<<"$1") of ${#TARGETS[@]} addresses:"
	while read -r peer underlay address probe answer; do
		echo "  $HOST -> $peer ($address, by $UNDERLAY -> $underlay): $(describe "$probe" "$answer")"
	done <<<"$1"
	awk '{ sub(/:.*/, "", $4); print $4, $5 }' <<<"$1" | sort -u | while read -r probe answer; do
		echo "  $(advise "$probe" "$answer")."
	done
}

# --- Input ----------------------------------------------------------------------------------------------

read_input() {
	local key value complete=
	HOST='' UNDERLAY='' PORT='' MTU='' TARGETS=()
	while read -r key value; do
		case $key in
		host) HOST=$value ;;
		underlay) UNDERLAY=$value ;;
		port) PORT=$value ;;
		mtu) MTU=$value ;;
		target) TARGETS+=("$value") ;;
		end) complete=yes && break ;;
		esac
	done
	[[ -n $complete ]] || die "the list of peers did not arrive whole: run pulumi up again"
}

main() {
	local failures
	read_input
	command -v ping >/dev/null || die "$HOST has no ping, which the overlay is verified with: install iputils, or set verify to false"
	failures=$(probe_all 2>/dev/null | sort)
	if [[ -n $failures ]]; then
		report_failures "$failures" >&2
		exit 1
	fi
	echo "oci-vxlan verified time=$(date -u +%Y-%m-%dT%H:%M:%SZ) targets=${#TARGETS[@]}"
}

main
