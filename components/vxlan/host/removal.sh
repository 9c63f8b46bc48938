# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: removes an overlay from this host, and the program with the last one. A delete of Pulumi carries the
# digest of its own resource: a renamed resource is created before the old one is deleted, so the files may be another's
# by then. States and files of older versions have no digest, and match each other.

verb_remove_peers() { # INSTALLATION [RESOURCE]
	local file=$ETC/$OVERLAY/peers
	lock
	if [[ ! -e $file ]]; then
		log "there are no peers to remove"
	elif [[ $(<"$VAR/$OVERLAY/installation") != "$1" ]]; then
		log "the peers are those of another installation and stay"
	elif [[ $(setting "$file" resource) != "${2-}" ]]; then
		log "the peers belong to another resource by now and stay"
	else
		replace_settings "$file" </dev/null
		rm "$file"
		load_settings
		reconcile_peer_filter
		if device_exists; then reconcile_fdb; fi
		rm -f "$REPLACED"
	fi
}

verb_remove_device() { # OWNER [RESOURCE]
	local file=$ETC/$OVERLAY/device
	lock
	rm -f "/run/oci-vxlan-program-${2-}" # Delivered, and never installed.
	if [[ ! -e $file ]]; then
		log "there is no device to remove"
		finish_removal # An earlier removal may have failed half-way.
	elif [[ $(setting "$file" owner) != "$1" ]]; then
		log "the device belongs to $(setting "$file" owner) and stays"
	elif [[ $(setting "$file" resource) != "${2-}" ]]; then
		log "the device belongs to another resource by now and stays"
	else
		remove_overlay
		finish_removal
		fail_with_leftovers
	fi
}

# For people: the stack that set the overlay up may be gone.
verb_remove() {
	lock
	[[ -e $ETC/$OVERLAY/device ]] ||
		die "there is no overlay $OVERLAY on $(hostname); there are: $(cd "$ETC" 2>/dev/null && echo */ || echo none)"
	remove_overlay
	finish_removal
	fail_with_leftovers
}

# Removes the parts of the overlay, and keeps the program and the installation id.
remove_overlay() {
	load_settings
	stop_unit
	close_firewall
	if device_exists; then run ip link del dev "$DEVICE"; fi
	rm -rf "${ETC:?}/$OVERLAY" "$VAR/$OVERLAY/started"
	remove_shared_parts
}

# Removes what is left. It reads no settings and may be run again.
finish_removal() {
	disarm_rollback
	rm -rf "${VAR:?}/$OVERLAY" "${RUN:?}/$OVERLAY" "$METRICS/$OVERLAY.prom"{,.new}
	[[ ! -d $METRICS ]] || rmdir "$METRICS" 2>/dev/null || true # Another overlay may have metrics there.
	remove_shared_parts
	remove_program_with_last
}

remove_shared_parts() {
	delete_snapshots
	reconcile_peer_filter
	unmark_unmanaged
}

remove_program_with_last() {
	[[ ! -d $ETC ]] || rmdir "$ETC" 2>/dev/null || return 0
	[[ ! -d $VAR ]] || rmdir "$VAR" 2>/dev/null || true
	log "this was the last overlay: the program and its unit go too"
	# The program goes first: without its parts it would be broken.
	rm -rf {"$PROGRAM_FILE","$UNIT_FILE","$LIB"}{,.new} "$RUN"
	systemctl daemon-reload
}
