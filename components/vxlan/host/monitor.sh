# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: what the unit runs. It reconciles whenever the device changes, and every half minute.

INTERVAL=25       # seconds after which a run happens without any event: drift is repaired within half a minute
STORM_PAUSE=0.5   # seconds for which events collect after one that does not matter
STORM_BYTES=16384 # of events from such a pause that are looked through; more cost more than a run does
REPAIR_LIMIT=10   # times that the same repair may be the first of a run, until INTERVAL has passed without any

# Each run is a process of its own, so that one that fails ends nothing else. If the unit is stopped, a run that is at work
# ends first: half a repair would be worse than none.
verb_run() {
	trap 'stop_monitor; stop_prober; wait "${RUNNING-}" 2>/dev/null || true' EXIT
	mkdir -p "$RUN/$OVERLAY"
	program_digest >"$RUN/$OVERLAY/program"
	exec {SILENCE}<> <(:) # A pipe without data: reading from it only waits.
	open_file FIRST_REPAIR
	open_file KNOWN_LINES
	declare -gA REPAIR_COUNTS=()
	set_warning contest
	load_settings
	read_index
	while true; do
		load_settings
		read_peer_words
		reconcile_prober
		start_monitor
		merge_events
		(
			trap '' TERM
			trap 'echo "${REPAIRED-}" >"$FIRST_REPAIR"' EXIT
			reconcile_if_changed
		) &
		RUNNING=$!
		if wait "$RUNNING"; then note_sync yes; else note_sync no; fi
		RUNNING=
		read_index
		count_repair
		if [[ -n ${REPEATS-} ]]; then
			pause "$INTERVAL"
		elif [[ $WATCHED == "$INDEX" ]]; then
			await_event
		fi
	done
}

# Sets INDEX to the number that the kernel gave the device; empty if there is none.
read_index() {
	INDEX=$(exec ip -o link show dev "$DEVICE" 2>/dev/null) || true
	INDEX=${INDEX%%:*}
}

# Sets PEER_WORDS to the words of the list of peers: addresses and MACs among them. An event then costs the same however
# many peers there are.
read_peer_words() {
	local lines word
	mapfile -t lines <"$PEERS"
	[[ ${lines[*]} != "${PEER_LIST-none}" ]] || return 0
	PEER_LIST=${lines[*]}
	declare -gA PEER_WORDS=()
	for word in $PEER_LIST; do PEER_WORDS[$word]=yes; done
}

# Starts the monitors. A device that was made again has another number, and needs other ones. MONITOR is the process that
# runs them, and MONITORS are those that a pause stops.
start_monitor() {
	local line=
	[[ ${WATCHED-none} != "$INDEX" ]] || return 0
	stop_monitor
	WATCHED=$INDEX
	[[ -n $INDEX ]] || return 0
	exec {EVENTS}< <(print_events 2>/dev/null)
	MONITOR=$!
	while read -r -t 5 -u "$EVENTS" line && [[ $line != "monitor "* ]]; do :; done
	MONITORS=${line#monitor }
}

# Prints "monitor" with the process of "ip monitor", and then events: those of the device, with FDB entries among the
# neighbours; where the kernel dropped events, that it did; and what is removed from nftables. It ends with "ip monitor",
# and INTERVAL seconds after "nft monitor", so that both are started again.
print_events() {
	local ip
	trap 'kill -s KILL $(jobs -p)' EXIT # A monitor may be stopped by a pause, and then gets no other signal.
	trap 'exit 0' TERM
	nft monitor destroy &
	ip -o monitor link address neigh route dev "$DEVICE" 2>&1 &
	ip=$!
	echo "monitor $ip"
	wait -n || true
	if kill -s 0 "$ip"; then
		sleep "$INTERVAL" &
		wait -n || true
	fi
}

stop_monitor() {
	[[ -n ${MONITOR-} ]] || return 0
	kill "$MONITOR" 2>/dev/null || true
	exec {EVENTS}<&-
	MONITOR='' MONITORS=''
}

signal_monitors() { # SIGNAL
	local monitor
	for monitor in ${MONITORS-}; do kill -s "$1" "$monitor" 2>/dev/null || true; done
}

# Counts how often the same repair was the first of a run. Where somebody undoes it again and again, runs are INTERVAL
# apart, and REPEATS is a file of the lines that are not logged again.
count_repair() {
	local repair='' count
	read -r repair <"$FIRST_REPAIR" || true
	if [[ -n $repair ]]; then
		LAST_REPAIR=$SECONDS
		count=$((${REPAIR_COUNTS[$repair]-0} + 1))
		REPAIR_COUNTS[$repair]=$count
		((count == REPAIR_LIMIT)) && [[ -z ${REPEATS-} ]] || return 0
		set_warning contest "something undoes \"$repair\" again and again. It is repaired every $INTERVAL s from now on, and not" \
			"logged each time. Find what else changes $DEVICE, for example another network manager, and stop that"
		: >"$KNOWN_LINES"
		REPEATS=$KNOWN_LINES
	elif ((SECONDS - ${LAST_REPAIR-0} >= INTERVAL)); then
		REPAIR_COUNTS=()
		[[ -n ${REPEATS-} ]] || return 0
		REPEATS=
		set_warning contest
		log "nothing was undone for $INTERVAL s: changes are repaired at once again"
	fi
}

# Waits without starting a process. Meanwhile the kernel queues events up, and the monitors then print them at once: it
# would cost ten times as much to wake them for each.
pause() { # SECONDS
	signal_monitors STOP
	read -r -t "$1" -u "$SILENCE" || true
	signal_monitors CONT
	read -r -t 0.02 -u "$SILENCE" || true
}

# Sets TEXT to the events that are there. Bash itself would read them byte by byte.
drain_events() {
	TEXT=
	if [[ -n ${MONITORS-} ]] && read -r -t 0 -u "$EVENTS"; then
		TEXT=$(exec dd bs=65536 count=1 status=none <&"$EVENTS") || true
	fi
}

# Skips what else happens within a moment, this program's own repairs among it, so that a burst costs one run. The moment
# is longer while runs follow each other closely: something may be undoing each repair.
merge_events() {
	local moment=0.2
	((SECONDS - ${LAST_RUN:--10} > 2)) || moment=0.7
	LAST_RUN=$SECONDS
	[[ -n ${MONITORS-} ]] || return 0
	pause "$moment"
	drain_events
}

# Events that do not matter come in storms, for example where a peer forges ARP. They collect for a moment and are then
# examined together.
await_event() {
	local line='' seconds status deadline=$((SECONDS + INTERVAL))
	if [[ -z ${MONITORS-} ]]; then
		pause "$INTERVAL"
		return 0
	fi
	while seconds=$((deadline - SECONDS)) && ((seconds > 0 && seconds <= INTERVAL)); do # It is more if the clock was set back.
		status=0
		read -r -t "$seconds" -u "$EVENTS" line || status=$?
		if ((status > 128)); then
			return 0
		elif ((status > 0)); then
			pause 1 # The monitor was killed.
			WATCHED=none
			return 0
		elif event_matters "$line"; then
			return 0
		fi
		pause "$STORM_PAUSE"
		drain_events
		if ((${#TEXT} > STORM_BYTES)) || any_event_matters "$TEXT"; then return 0; fi
	done
}

# Splits the lines by expansion, since mapfile would read them byte by byte.
any_event_matters() { # LINES
	local IFS=$'\n' line
	set -f
	# shellcheck disable=SC2086 # splits the lines
	set -- $1
	set +f
	for line in "$@"; do
		if event_matters "$line"; then return 0; fi
	done
	return 1
}

# Entries of neighbours that are no peers come and go all the time, and so do routes of a routing daemon. They are no drift.
# Of what is removed from nftables, what is ours matters, and any rule in INPUT: it may be our jump.
event_matters() { # LINE
	local address=${1#Deleted } mac=${1#* lladdr }
	case "$1 " in
	"delete "*) [[ "$1 " == *" $PROGRAM"[\ -]* || $1 == *" filter INPUT "* ]] ;;
	*" inet "* | *" inet6 "* | *PERMANENT* | *" lladdr 00:00:00:00:00:00 "*) return 0 ;;
	*" REACHABLE "* | *" STALE "* | *" DELAY "* | *" PROBE "* | *" FAILED "* | *" INCOMPLETE "* | *" NOARP "*)
		[[ -n ${PEER_WORDS[${address%% *}]-} || -n ${PEER_WORDS[${mac%% *}]-} ]]
		;;
	*" proto "*) [[ $1 == *" proto kernel "* ]] ;;
	esac
}
