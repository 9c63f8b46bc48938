# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: what the unit runs. It reconciles whenever the device changes, and every half minute.

INTERVAL=25 # seconds after which a run happens without any event: drift is repaired within half a minute

# Each run is a process of its own, so that one that fails ends nothing else. If the unit is stopped, a run that is at work
# ends first: half a repair would be worse than none.
verb_run() {
	trap 'stop_monitor; wait "${RUNNING-}" 2>/dev/null || true' EXIT
	mkdir -p "$RUN/$OVERLAY"
	program_digest >"$RUN/$OVERLAY/program"
	load_settings
	read_index
	while true; do
		load_settings
		start_monitor
		merge_events
		(
			trap '' TERM
			trap - EXIT
			reconcile_if_changed
		) &
		RUNNING=$!
		wait "$RUNNING" || true
		RUNNING=
		read_index
		[[ $WATCHED != "$INDEX" ]] || await_event
	done
}

# Sets INDEX to the number that the kernel gave the device; empty if there is none.
read_index() {
	INDEX=$(exec ip -o link show dev "$DEVICE" 2>/dev/null) || true
	INDEX=${INDEX%%:*}
}

# Starts "ip monitor", which shows FDB entries among the neighbours. A device that was made again has another number, and
# needs another monitor.
start_monitor() {
	[[ ${WATCHED-none} != "$INDEX" ]] || return 0
	stop_monitor
	WATCHED=$INDEX
	[[ -n $INDEX ]] || return 0
	exec {EVENTS}< <(exec ip -o monitor link address neigh route dev "$DEVICE" 2>/dev/null)
	MONITOR=$!
}

stop_monitor() {
	[[ -n ${MONITOR-} ]] || return 0
	kill "$MONITOR" 2>/dev/null || true
	exec {EVENTS}<&-
	MONITOR=
}

# Skips what else happens within a moment, this program's own repairs among it, so that a burst costs one run. The moment
# is longer while runs follow each other closely: something may be undoing each repair.
merge_events() {
	local moment=0.2 _
	((SECONDS - ${LAST_RUN:--10} > 2)) || moment=0.7
	LAST_RUN=$SECONDS
	[[ -z ${MONITOR-} ]] || read -r -t "$moment" -N 1000000 -u "$EVENTS" _ || true
}

await_event() {
	local line='' left status deadline=$((SECONDS + INTERVAL))
	if [[ -z ${MONITOR-} ]]; then
		sleep "$INTERVAL"
		return 0
	fi
	while left=$((deadline - SECONDS)) && ((left > 0 && left <= INTERVAL)); do # It is more if the clock was set back.
		status=0
		read -r -t "$left" -u "$EVENTS" line || status=$?
		if ((status > 128)); then
			return 0
		elif ((status > 0)); then
			sleep 1 # The monitor was killed.
			WATCHED=none
			return 0
		elif event_matters "$line"; then
			return 0
		fi
	done
}

# Entries of neighbours that are no peers come and go all the time, and so do routes of a routing daemon. They are no drift.
event_matters() { # LINE
	local address=${1#Deleted } mac=${1#* lladdr } peers
	case "$1 " in
	*" inet "* | *" inet6 "* | *PERMANENT* | *" lladdr 00:00:00:00:00:00 "*) return 0 ;;
	*" REACHABLE "* | *" STALE "* | *" DELAY "* | *" PROBE "* | *" FAILED "* | *" INCOMPLETE "* | *" NOARP "*)
		mapfile -t peers <"$PEERS"
		[[ " ${peers[*]} " == *" ${address%% *} "* || " ${peers[*]} " == *" ${mac%% *} "* ]]
		;;
	*" proto "*) [[ $1 == *" proto kernel "* ]] ;;
	esac
}
