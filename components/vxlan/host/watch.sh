# shellcheck shell=bash
# Part of oci-vxlan: what the unit runs. It reconciles whenever the device changes, and every half minute.

INTERVAL=25        # seconds after which a run happens without any event: drift has half a minute, the run included

# A run is a process of its own, so that one that fails ends nothing else. One that is at work when the unit is stopped
# comes to its end: half of a mending would be worse than none.
verb_run() {
	trap 'stop_watching; wait "${RUNNING-}" 2>/dev/null || true' EXIT
	mkdir -p "$RUN/$OVERLAY"
	program_digest >"$RUN/$OVERLAY/program"
	load_settings
	read_ifindex
	while true; do
		load_settings
		watch_device
		merge_events
		(
			trap '' TERM
			trap - EXIT
			look_and_mend
		) &
		RUNNING=$!
		wait "$RUNNING" || true
		RUNNING=
		read_ifindex
		[[ $WATCHED != "$INDEX" ]] || await_event
	done
}

# Sets INDEX to the number that the kernel gave the device; empty where there is none.
read_ifindex() {
	INDEX=$(exec ip -o link show dev "$DEVICE" 2>/dev/null) || true
	INDEX=${INDEX%%:*}
}

# Has the kernel tell what happens to the device. A device that was made again is another one to the kernel.
# FDB entries are among the neighbours here.
watch_device() {
	[[ ${WATCHED-none} != "$INDEX" ]] || return 0
	stop_watching
	WATCHED=$INDEX
	[[ -n $INDEX ]] || return 0
	exec {EVENTS}< <(exec ip -o monitor link address neigh route dev "$DEVICE" 2>/dev/null)
	MONITOR=$!
}

stop_watching() {
	[[ -n ${MONITOR-} ]] || return 0
	kill "$MONITOR" 2>/dev/null || true
	exec {EVENTS}<&-
	MONITOR=
}

# Takes what else happens within a moment, this program's own doings too, so that a burst costs one run. The
# moment is longer while runs follow each other closely: somebody may be undoing what each of them mends.
merge_events() {
	local moment=0.2 burst
	((SECONDS - ${LAST_RUN:--10} > 2)) || moment=0.7
	LAST_RUN=$SECONDS
	# shellcheck disable=SC2034 # what happened does not matter: the run looks for itself
	[[ -z ${MONITOR-} ]] || read -r -t "$moment" -N 1000000 -u "$EVENTS" burst || true
}

await_event() {
	local line='' left status deadline=$((SECONDS + INTERVAL))
	if [[ -z ${MONITOR-} ]]; then
		sleep "$INTERVAL"
		return 0
	fi
	while left=$((deadline - SECONDS)) && ((left > 0 && left <= INTERVAL)); do # More, where the clock was set back.
		status=0
		read -r -t "$left" -u "$EVENTS" line || status=$?
		if ((status > 128)); then
			return 0
		elif ((status > 0)); then
			sleep 1 # The monitor ended, which it does when it is killed.
			WATCHED=none
			return 0
		fi
		! event_matters "$line" || return 0
	done
}

# Neighbours and FDB entries that are nobody's drift come, are probed and go all the time, and so do the routes of
# whoever routes over the overlay.
event_matters() { # LINE
	local address=${1#Deleted } mac=${1#* lladdr } peers
	case "$1 " in
	*" inet "* | *" inet6 "* | *PERMANENT* | *" lladdr 00:00:00:00:00:00 "*) return 0 ;;
	*" REACHABLE "* | *" STALE "* | *" DELAY "* | *" PROBE "* | *" FAILED "* | *" INCOMPLETE "* | *" NOARP "*)
		# shellcheck disable=SC2153 # set by load_settings
		mapfile -t peers <"$PEERS"
		[[ " ${peers[*]} " == *" ${address%% *} "* || " ${peers[*]} " == *" ${mac%% *} "* ]]
		;;
	*" proto "*) [[ $1 == *" proto kernel "* ]] ;;
	esac
}
