# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: phase peers. Phase device, and the check at the end of "pulumi up", are sent.

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
