#!/bin/bash
# Probes from one host whether the overlay carries traffic to its peers. Sent to the host on standard input with the data
# behind it, run as root, not installed.
#
#   mtu BYTES                     MTU of the device
#   tries one|many                whether a target that does not answer is tried again
#   echoes NUMBER                 full-sized echoes to each target, whose loss and round-trip times are printed
#   target PEER ADDRESS TCP_PORT  one overlay address of a peer; a TCP port of 0 means ICMP alone, and "-" that the
#                                 administrators of the peer may refuse both
#   end
#
# Prints "oci-vxlan probe PEER ADDRESS PROBE ANSWER" for each target: "all passes", or the first probe that does not pass
# and its answer. A target without a line was not probed to the end. With echoes it also prints "oci-vxlan echoes PEER
# ADDRESS SENT RECEIVED MILLISECONDS" for each that answers. The last line says that all is printed.
set -uo pipefail
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin

PARALLEL=64   # targets that are probed at the same time
ICMP_WAIT=3   # seconds until an echo must have come back; it is sent again meanwhile
SMALL_WAIT=1  # seconds for the small echo that is tried when a full-sized one stays without answer
TCP_WAIT=4    # seconds for a connection and the banner of sshd; where it hangs up, it is dialled again meanwhile
TRY_LIMIT=8   # seconds in which a target that does not answer is tried again: a busy machine is no outage
TIME_LIMIT=25 # seconds for all targets

die() {
	echo "oci-vxlan: error: $*" >&2
	exit 1
}

# --- Probes ---------------------------------------------------------------------------------------------

# Each sets ANSWER, since a subshell for each would cost more than the probes of a thousand peers.

# Starts ping, which sends echoes that may not be fragmented, and sets ECHO to where its output can be read.
start_echo() { # ADDRESS BYTES SECONDS [NUMBER]
	local gap=0.5
	((${4-1} == 1)) || gap=0.1
	# With exec, bash does not fork twice.
	exec {ECHO}< <(exec ping -n -c "${4-1}" -w "$3" -i "$gap" -M "do" -s "$2" "$1" 2>&1 </dev/null)
}

# Sets ANSWER to how started echoes ended: passes, too-long, unreachable, prohibited, silent, or not-permitted.
read_echo() { # DESCRIPTOR [NUMBER]
	local output fd=$1 sent received
	# With -N, bash does not read the pipe byte by byte.
	IFS= read -r -N 8192 -u "$fd" output
	exec {fd}<&-
	if [[ $output =~ ([0-9]+)\ packets\ transmitted,\ ([1-9][0-9]*)\ (packets\ )?received ]]; then
		ANSWER=passes sent=${BASH_REMATCH[1]} received=${BASH_REMATCH[2]}
		# ping ends on the last answer that it needs. Where that is late, it has sent another echo, which is not lost.
		if ((received >= ${2-1})) && [[ $output =~ .*icmp_seq=([0-9]+) ]]; then sent=${BASH_REMATCH[1]}; fi
		LOSS="$((sent < received ? received : sent)) $received"
		[[ $output =~ =\ [0-9.]+/([0-9.]+)/ ]] && MILLISECONDS=${BASH_REMATCH[1]}
		return 0
	fi
	case $output in
	*"essage too long"* | *"too big"* | *"Frag needed"*) ANSWER=too-long ;;
	*[Pp]rohibited* | *filtered*) ANSWER=prohibited ;;
	*nreachable* | *"annot assign"* | *"o route"*) ANSWER=unreachable ;;
	*"not permitted"*) ANSWER=not-permitted ;;
	*) ANSWER=silent ;;
	esac
}

# Sets BYTES to the largest echo that fits: the MTU less the headers of IP and ICMP.
full_size() { # ADDRESS
	BYTES=$((MTU - 28))
	[[ $1 != *:* ]] || BYTES=$((MTU - 48))
}

# Sends a full-sized echo, unless ANSWER says how an earlier one ended. Where that stays without an answer, a small one
# tells a dead path from a size that does not fit.
probe_icmp() { # ADDRESS BYTES
	if [[ -z $ANSWER ]]; then
		start_echo "$1" "$2" "$ICMP_WAIT" "$ECHOES" || exit
		read_echo "$ECHO" "$ECHOES"
	fi
	[[ $ANSWER == silent ]] || return 0
	start_echo "$1" 56 "$SMALL_WAIT" || exit
	read_echo "$ECHO"
	if [[ $ANSWER == passes ]]; then ANSWER=only-small LOSS=; else ANSWER=silent; fi
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

# Sets ANSWER to how a TCP connection ended: passes, refused, unreachable, silent or no-banner. A fork is enough for it: to
# start bash and timeout would cost a host with thirty peers more than all else.
dial() { # ADDRESS PORT
	local output='' fd
	exec {fd}< <(
		exec 2>&1 3<>"/dev/tcp/$1/$2" || exit
		echo connected
		IFS= read -r -u 3 line && [[ $line == SSH-* ]] && echo banner
	)
	read -r -d '' -t "$TCP_WAIT" -u "$fd" output
	kill "$!" 2>/dev/null
	exec {fd}<&-
	case $output in
	*banner*) ANSWER=passes ;;
	*connected*) ANSWER=no-banner ;;
	*"onnection refused"*) ANSWER=refused ;;
	*"o route to host"* | *nreachable*) ANSWER=unreachable ;;
	*) ANSWER=silent ;;
	esac
}

# Sets PROBE and ANSWER to the first probe of a target that does not pass; PROBE is empty where all do.
probe_once() { # ADDRESS TCP_PORT
	full_size "$1"
	PROBE=icmp:$BYTES
	probe_icmp "$1" "$BYTES"
	# Where the peer's administrators may refuse traffic, a refusal is an answer: it has crossed the overlay too.
	if [[ $2 == - && $ANSWER == prohibited ]]; then ANSWER=passes; fi
	[[ $ANSWER == passes ]] || return 0
	if [[ $2 != [-0] ]]; then
		PROBE=tcp:$2
		probe_tcp "$1" "$2"
		[[ $ANSWER == passes ]] || return 0
	fi
	PROBE=
}

# Tests a target to which echoes were sent, and sends them again where it is tried many times.
probe_target() { # PEER ADDRESS TCP_PORT
	local deadline=$((SECONDS + TRY_LIMIT))
	probe_once "$2" "$3"
	while [[ -n $PROBE ]] && ((SECONDS < deadline)); do
		sleep "0.$((RANDOM % 400 + 100))"
		ANSWER=''
		probe_once "$2" "$3"
	done
	echo "oci-vxlan probe $1 $2 ${PROBE:-all} $ANSWER"
	[[ -z $LOSS || $PRINTS_ECHOES == no ]] || echo "oci-vxlan echoes $1 $2 $LOSS $MILLISECONDS"
}

# Sends echoes to each target at once. A target that needs no more than their answers costs no process but ping.
probe_batch() { # TARGET...
	local target peer address port echoes=()
	for target; do
		read -r _ address _ <<<"$target"
		full_size "$address"
		start_echo "$address" "$BYTES" "$ICMP_WAIT" "$ECHOES" || ECHO=
		echoes+=("$ECHO")
	done
	for target; do
		read -r peer address port <<<"$target"
		ECHO=${echoes[0]} echoes=("${echoes[@]:1}") LOSS='' MILLISECONDS=-
		[[ -n $ECHO ]] || continue
		read_echo "$ECHO" "$ECHOES"
		if [[ $ANSWER == passes && $port == [-0] ]]; then
			probe_target "$peer" "$address" "$port"
		else
			if ((running++ >= PARALLEL)); then wait -n; fi
			probe_target "$peer" "$address" "$port" &
		fi
	done
}

probe_all() {
	local target first peer address running=0
	for ((first = 0; first < ${#TARGETS[@]}; first += PARALLEL)); do
		if ((SECONDS < TIME_LIMIT)); then
			probe_batch "${TARGETS[@]:first:PARALLEL}"
			continue
		fi
		for target in "${TARGETS[@]:first}"; do
			read -r peer address _ <<<"$target"
			echo "oci-vxlan probe $peer $address any late"
		done
		break
	done
	wait
}

# --- Input ----------------------------------------------------------------------------------------------

read_input() {
	local key value complete=
	MTU='' ECHOES=1 PRINTS_ECHOES=no TARGETS=()
	while read -r key value; do
		case $key in
		mtu) MTU=$value ;;
		tries) [[ $value == many ]] || TRY_LIMIT=0 ;;
		echoes) ECHOES=$value PRINTS_ECHOES=yes ;;
		target) TARGETS+=("$value") ;;
		end) complete=yes && break ;;
		esac
	done
	[[ -n $complete ]] || die "the list of peers did not arrive whole: run pulumi up again"
}

main() {
	read_input
	command -v ping >/dev/null ||
		die "$(hostname) has no ping, which the overlay is tested with: install iputils (iputils-ping on Debian and Ubuntu), or set verify to false"
	probe_all 2>/dev/null
	TZ=UTC printf "oci-vxlan probed time=%(%Y-%m-%dT%H:%M:%SZ)T targets=%d\n" -1 "${#TARGETS[@]}"
}

main
