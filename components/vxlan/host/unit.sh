# shellcheck shell=bash
# Part of oci-vxlan: the unit that keeps an overlay true. Whoever stops or disables it has paused the overlay.

UNIT_WAIT=9  # seconds in which a unit that fails must be up again: systemd waits 5 of them

UNIT_FILE=/etc/systemd/system/oci-vxlan@.service

unit() { # [OVERLAY]
	echo "oci-vxlan@${1:-$OVERLAY}.service"
}

# Sets ACTIVE, ENABLED and RELOAD_NEEDED to what systemd says of this overlay's unit.
read_unit_state() {
	local key value
	ACTIVE='' ENABLED='' RELOAD_NEEDED=''
	while IFS='=' read -r key value; do
		case $key in
		ActiveState) ACTIVE=$value ;;
		UnitFileState) ENABLED=$value ;;
		NeedDaemonReload) RELOAD_NEEDED=$value ;;
		esac
	done < <(systemctl show --property=ActiveState,UnitFileState,NeedDaemonReload "$(unit)")
}

# A failed unit is not paused, nor is one that was never started, or is being started again.
refuse_paused() {
	[[ -e $VAR/$OVERLAY/started ]] || return 0
	local how=
	read_unit_state
	[[ -n $ACTIVE ]] || die "systemd on $(hostname) does not say how $(unit) is: see systemctl status"
	[[ $ENABLED == enabled ]] || how="${ENABLED:-not enabled}"
	[[ ($ACTIVE != inactive && $ACTIVE != deactivating) || $(systemctl list-jobs --no-legend "$(unit)") == *start* ]] || how=stopped
	[[ -z $how ]] ||
		die "overlay $OVERLAY is paused on $(hostname): its unit $(unit) is $how. Nothing of the overlay was changed. To go on, run" \
			"\"sudo systemctl enable --now $(unit)\" on the host, then pulumi up again"
}

# Identifies the program and unit as they are installed.
program_digest() {
	local digest
	digest=$(cat "$PROGRAM_FILE" "$LIB"/* "$UNIT_FILE" | sha256sum)
	echo "${digest%% *}"
}

runs_current_program() { # OVERLAY
	[[ -e $RUN/$1/program && $(<"$RUN/$1/program") == "$(program_digest)" ]]
}

# Enables and starts the unit, or starts it again where it runs an older program. Units of other overlays that
# do so follow, where they run at all.
start_unit() {
	local file overlay
	read_unit_state
	[[ $RELOAD_NEEDED != yes ]] || cmd systemctl daemon-reload
	[[ $ENABLED == enabled ]] || cmd systemctl --quiet enable "$(unit)"
	# The unit runs this program too, which must not wait for itself.
	unlock
	if ! runs_current_program "$OVERLAY"; then
		cmd systemctl restart "$(unit)" || die_without_unit
	elif [[ $ACTIVE != active ]]; then
		cmd systemctl start "$(unit)" || die_without_unit
	fi
	for file in "$ETC"/*/device; do
		overlay=$(overlay_of "$file")
		[[ $overlay != "$OVERLAY" ]] || continue
		# Another overlay's trouble is not this one's, nor is its time.
		runs_current_program "$overlay" || cmd systemctl --no-block try-restart "$(unit "$overlay")"
	done
	relock
	write_file "$VAR/$OVERLAY/started" <<<"yes"
}

die_without_unit() {
	die "$(unit) does not start on $(hostname). Its lines say why: sudo journalctl --boot --unit $(unit)"
}

# A unit that failed is started again by systemd within a few seconds, for as long as it takes.
await_unit() {
	local deadline=$((SECONDS + UNIT_WAIT))
	until read_unit_state && [[ $ACTIVE == active ]]; do
		((SECONDS < deadline)) ||
			die "$(unit) on $(hostname) does not stay up, so nothing keeps the overlay true there: sudo journalctl --boot --unit $(unit)"
		sleep 0.5
	done
}

stop_unit() {
	unlock
	cmd systemctl --quiet disable --now "$(unit)"
	systemctl --quiet reset-failed "$(unit)" 2>/dev/null || true
	relock
}
