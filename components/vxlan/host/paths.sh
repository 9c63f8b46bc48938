# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: probes the path to each peer by an echo that fills the overlay's MTU, for the journal, for "oci-vxlan
# status" and for metrics. The unit runs it in a process of its own.

PROBE_PERIOD=54 # seconds in which each address is probed once: what breaks is in the journal within a minute
PROBE_SHARE=50  # addresses that are probed in one period; where there are more, they take turns
METRICS=/run/oci-vxlan-metrics # for everybody to read

# Starts the process, or ends it if the settings say so.
reconcile_prober() {
	if [[ $PROBES == off ]] || ! hash ping 2>/dev/null; then
		stop_prober
		rm -f "$RUN/$OVERLAY/paths" "$METRICS/$OVERLAY.prom"
	elif [[ -z ${PROBER-} ]] || ! kill -s 0 "$PROBER" 2>/dev/null; then
		probe_paths &
		PROBER=$!
	fi
}

stop_prober() {
	kill "${PROBER-}" 2>/dev/null || true
	PROBER=
}

# The first period begins at a random moment: hosts that boot together do not probe together.
probe_paths() {
	local begin index count turn=0
	REPEATS='' SECONDS=0
	declare -gA PATHS=()
	open_file ECHO
	sleep_tenths $((RANDOM % 50))
	while true; do
		load_settings
		read_targets
		begin=$SECONDS count=$((${#TARGETS[@]} < PROBE_SHARE ? ${#TARGETS[@]} : PROBE_SHARE))
		for ((index = 0; index < count; index++)); do
			if ((index % ((count + 4) / 5) == 0)); then read_nic_mtu || true; fi # five times a period
			# shellcheck disable=SC2086 # split into its words
			probe_path ${TARGETS[(turn + index) % ${#TARGETS[@]}]}
			sleep_tenths $(((begin - SECONDS + PROBE_PERIOD * (index + 1) / count) * 10 + RANDOM % 10 - 5))
		done
		((count > 0)) || sleep_tenths $((PROBE_PERIOD * 10))
		turn=$((turn + count))
		write_paths
	done
}

sleep_tenths() { # TENTHS
	(($1 > 0 && $1 <= PROBE_PERIOD * 10 + 10)) || return 0 # It is more if the clock was set back.
	read -r -t "$(($1 / 10)).$(($1 % 10))" -u "$SILENCE" || true
}

# Sets TARGETS to the peers' names and overlay addresses, and forgets the paths to others.
read_targets() {
	local key name addresses address path
	local -A present=()
	TARGETS=()
	while read -r key name _ _ addresses; do
		[[ $key == peer ]] || continue
		for address in $addresses; do
			TARGETS+=("$name $address")
			present[$name $address]=yes
		done
	done <"$PEERS"
	for path in "${!PATHS[@]}"; do
		[[ -n ${present[$path]-} ]] || unset 'PATHS[$path]'
	done
}

# Each of PATHS holds a state (up, small, down), since when, the time of the last answer, and its round trip in ms. One
# lost echo breaks no path.
probe_path() { # PEER ADDRESS
	local old since last now new=up bytes=$((MTU - 28))
	[[ $2 != *:* ]] || bytes=$((MTU - 48))
	printf -v now '%(%s)T' -1
	read -r old since last _ <<<"${PATHS[$1 $2]-up $now 0 -}"
	if ((${NIC_MTU-9999} < MTU + OVERHEAD)) || { ! send_echo "$2" "$bytes" 1 && { [[ $old != up ]] || ! send_echo "$2" "$bytes" 3; }; }; then
		new=down
		if send_echo "$2" 56 1; then new=small; fi
	fi
	[[ $new == down ]] || last=$now
	PATHS[$1 $2]="$new $since $last $RTT"
	[[ $new != "$old" ]] || return 0
	PATHS[$1 $2]="$new $now $last $RTT"
	log_path "$1" "$2" "$new" $((now - since))
	write_paths
}

# Sets NIC_MTU. Where it is too small, no full-sized echo is sent: the kernel would remember a small path for ten minutes.
read_nic_mtu() {
	read -r NIC <"$RUN/$OVERLAY/nic" && [[ $(exec ip -o link show dev "$NIC") =~ \ mtu\ ([0-9]+) ]] && NIC_MTU=${BASH_REMATCH[1]}
} 2>/dev/null

# Sets RTT. An echo that a host's firewall refuses has arrived there.
send_echo() { # ADDRESS BYTES TIMES
	local output
	RTT=-
	ping -n -c "$3" -i 0.4 -W 1 -M "do" -s "$2" "$1" >"$ECHO" 2>&1 </dev/null || true
	read -r -d '' output <"$ECHO" || true
	if [[ $output =~ time=([0-9.]+) ]]; then RTT=${BASH_REMATCH[1]}; fi
	[[ $RTT != - || $output == *[Pp]rohibited* || $output == *"Port Unreachable"* ]]
}

log_path() { # PEER ADDRESS STATE SECONDS
	case $3 in
	up) log "the path to $1 ($2) is whole again, after $4 s" ;;
	small) log "the path to $1 ($2) is broken: small packets pass, and those of $MTU bytes do not. Run pulumi up to see why" ;;
	down) log "the path to $1 ($2) is broken: nothing comes back. Run pulumi up to see why" ;;
	esac
}

# Replaces the files atomically, for readers that come at any time.
write_paths() {
	local path
	for path in "${!PATHS[@]}"; do echo "path $path ${PATHS[$path]}"; done >"$RUN/$OVERLAY/paths.new"
	mv "$RUN/$OVERLAY/paths.new" "$RUN/$OVERLAY/paths"
	[[ -d $METRICS ]] || mkdir "$METRICS"
	print_state | (umask 022 && exec awk -f "$LIB/status.awk" format=metrics overlay="$OVERLAY" >"$METRICS/$OVERLAY.prom.new")
	mv "$METRICS/$OVERLAY.prom.new" "$METRICS/$OVERLAY.prom"
}
