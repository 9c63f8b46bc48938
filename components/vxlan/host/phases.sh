# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: phase peers, and the check at the end of "pulumi up". Phase device is sent: phase-device.sh.

EXIT_DIFFERS=3 # The host has other settings than the stack, or has lost some: the phases have to run again.

verb_peers() {
	local settings installation
	settings=$(cat)
	[[ ${settings##*$'\n'} == end ]] || die "the list of peers did not arrive whole: run pulumi up again"
	lock
	[[ -e $VAR/$OVERLAY/installation ]] || die "overlay $OVERLAY is not set up on $(hostname): run pulumi up"
	installation=$(awk '$1 == "installation" { print $2; exit }' <<<"$settings")
	[[ $installation == "$(<"$VAR/$OVERLAY/installation")" ]] ||
		die "$(hostname) was installed anew since its device phase: run pulumi up again"
	refuse_paused
	confirm_change
	begin_phase undo_peers_phase
	[[ ! -e $ETC/$OVERLAY/peers ]] || cp -p "$ETC/$OVERLAY/peers" "$VAR/$OVERLAY/peers.previous"
	replace_settings "$ETC/$OVERLAY/peers" <<<"$settings"
	if [[ -e $ETC/$OVERLAY/device ]]; then
		load_settings
		reconcile
	else
		log "the device's settings were taken back, since no new SSH session had confirmed them: the peers wait for it"
	fi
	rm -f "$VAR/$OVERLAY/peers.previous"
}

undo_peers_phase() {
	[[ -e $VAR/$OVERLAY/peers.previous ]] || return 0
	log "phase peers failed: the previous peers return"
	replace_settings "$ETC/$OVERLAY/peers" <"$VAR/$OVERLAY/peers.previous"
	rm "$VAR/$OVERLAY/peers.previous"
}

# Whether this host has the stack's settings and is in sync with them. A difference is repaired here, as the unit would
# do it, so that the error is printed here if it cannot be.
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
