# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: the unit that keeps an overlay in sync. Stopping or disabling it pauses the overlay.

UNIT_FILE=/etc/systemd/system/oci-vxlan@.service

read_unit_state() {
	local key value
	declare -gA UNIT_STATE=([ActiveState]='' [UnitFileState]='' [NeedDaemonReload]='')
	while IFS='=' read -r key value; do
		UNIT_STATE[$key]=$value
	done < <(systemctl show --property=ActiveState,UnitFileState,NeedDaemonReload "$UNIT")
}

# A unit that has failed, was never started, or is being started again is not paused.
refuse_paused() {
	[[ -e $VAR/$OVERLAY/started ]] || return 0
	local state=
	read_unit_state
	[[ ${UNIT_STATE[UnitFileState]} == enabled ]] || state=${UNIT_STATE[UnitFileState]:-not enabled}
	case ${UNIT_STATE[ActiveState]} in
	"") die "systemd on $(hostname) does not say how $UNIT is: see systemctl status" ;;
	inactive | deactivating) [[ $(systemctl list-jobs --no-legend "$UNIT") == *start* ]] || state=stopped ;;
	esac
	[[ -z $state ]] ||
		die "overlay $OVERLAY is paused on $(hostname): its unit $UNIT is $state. Nothing of the overlay was changed." \
			"To go on, run \"sudo systemctl enable --now $UNIT\" on the host, then pulumi up again"
}

# Prints a digest of the program and its unit as they are installed.
program_digest() {
	cat "$PROGRAM_FILE" "${PARTS[@]/#/$LIB/}" "$UNIT_FILE" | sha256sum | cut -d' ' -f1
}

stop_unit() {
	unlock # The unit may be waiting for the lock.
	run systemctl --quiet disable --now "$UNIT"
	systemctl --quiet reset-failed "$UNIT" 2>/dev/null || true
	lock
}
