# shellcheck shell=bash disable=SC2034,SC2153
# The check at the end of "pulumi up". It is sent to the host behind a line that reads the program, uses its functions, is
# called by its main function, and is not installed.

EXIT_DIFFERS=3 # The host has other settings than the stack, or has lost some: the phases have to run again.
UNIT_WAIT=9    # seconds in which a unit that fails must be up again: systemd waits 5 of them

# Whether this host has the stack's settings and is in sync with them. A difference is repaired here, as the unit would do
# it, so that the error is printed here if it cannot be.
verb_check() { # INSTALLATION DEVICE_DIGEST PEERS_DIGEST
	local turn=0
	[[ -e $ETC/$OVERLAY/device ]] || exit "$EXIT_DIFFERS"
	refuse_paused
	if change_is_unconfirmed; then
		lock
		confirm_change
		unlock
	fi
	[[ $(cat "$VAR/$OVERLAY/installation" 2>/dev/null) == "$1" ]] || exit "$EXIT_DIFFERS"
	[[ $(digest_of "$ETC/$OVERLAY/device") == "$2" ]] || exit "$EXIT_DIFFERS"
	[[ $(digest_of "$ETC/$OVERLAY/peers") == "$3" ]] || exit "$EXIT_DIFFERS"
	reconcile_if_changed
	[[ -z ${LOCK_FD-} ]] || unlock # The unit may be waiting for it.
	await_unit
	sed 's/^/oci-vxlan warning: /' "$RUN/$OVERLAY"/warned-* 2>/dev/null || true
	# The turn decides which peers of a large fleet are probed this time.
	[[ ! -e $RUN/$OVERLAY/turn ]] || read -r turn <"$RUN/$OVERLAY/turn"
	write_file "$RUN/$OVERLAY/turn" <<<"$((turn + 1))"
	echo "oci-vxlan turn $turn"
}

# systemd starts a unit that failed again within a few seconds, as often as it takes.
await_unit() {
	local deadline=$((SECONDS + UNIT_WAIT))
	until read_unit_state && [[ ${UNIT_STATE[ActiveState]} == active ]]; do
		((SECONDS < deadline)) || die "$UNIT on $(hostname) does not stay up, so nothing keeps the overlay in sync" \
			"there: sudo journalctl --boot --unit $UNIT"
		sleep 0.5
	done
}
