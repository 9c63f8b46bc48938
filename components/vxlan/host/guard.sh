# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: nobody is locked out by a change of this host's settings. Phase device saves the settings from before
# it. They return if the phase fails, or after CONFIRM_TIMEOUT seconds in which no new SSH session has reached the host.

change_is_unconfirmed() {
	[[ -d $PREVIOUS ]]
}

# Has systemd undo the change in time, whatever becomes of this process. A rollback that fails is repeated.
arm_rollback() { # FILE_OF_NEW_SETTINGS
	if systemctl --quiet is-active "$ROLLBACK_UNIT.timer"; then return 0; fi
	systemd-run --quiet --collect --unit="$ROLLBACK_UNIT.service" --on-active="$CONFIRM_TIMEOUT" \
		--timer-property=AccuracySec=1s --property=Restart=on-failure --property=RestartSec=10 \
		"$PROGRAM_FILE" roll-back "$OVERLAY" "$(digest_of "$1")" ||
		die "systemd on $(hostname) does not set the timer that takes back a change which cuts off SSH: systemd-run says" \
			"why above"
}

disarm_rollback() {
	change_is_unconfirmed || return 0
	systemctl --quiet stop "$ROLLBACK_UNIT.timer" 2>/dev/null || true
}

# A new SSH session has reached this host, so the change may stay.
confirm_change() {
	change_is_unconfirmed || return 0
	disarm_rollback
	rm -rf "$PREVIOUS"
}

# Puts a file of device settings in force. What only the old settings name goes while they can still be read: firewall
# rules, and a device of another name.
change_settings() { # FILE
	local device vxlan ingress
	if [[ -e $ETC/$OVERLAY/device ]]; then
		read_device_file "$1"
		device=$DEVICE vxlan=$(vxlan_settings) ingress=$(ingress_settings)
		read_device_file "$ETC/$OVERLAY/device"
		[[ $(vxlan_settings) == "$vxlan" ]] || close_firewall vxlan
		[[ $(ingress_settings) == "$ingress" ]] || close_firewall ingress
		if [[ $DEVICE != "$device" ]] && device_exists; then run ip link del dev "$DEVICE"; fi
	fi
	replace_settings "$ETC/$OVERLAY/device" <"$1"
	load_settings
	mark_unmanaged
	reconcile
}

# Returns to the settings from before the change; to none after a first installation. Then the device, which may be what
# cuts off the host, goes first.
roll_back() { # REASON
	if [[ -e $PREVIOUS/device ]]; then
		log "$1: the previous settings return"
		change_settings "$PREVIOUS/device"
	elif [[ -e $PREVIOUS/none && -e $ETC/$OVERLAY/device ]]; then
		log "$1: what was installed goes again"
		load_settings
		if device_exists; then run ip link del dev "$DEVICE"; fi
		remove_overlay || true # If a step fails, the next ones are taken all the same.
	fi
	disarm_rollback
	rm -rf "$PREVIOUS"
}

# The timer runs this. The stack's state has the change by now, and its installation id, which is kept for the next "up".
verb_roll_back() { # DEVICE_DIGEST
	lock
	change_is_unconfirmed || return 0
	[[ ! -e $ETC/$OVERLAY/device || $(digest_of "$ETC/$OVERLAY/device") == "$1" ]] || return 0
	roll_back "no new SSH session has reached $(hostname) since its last change"
}

# Phases leave the host as they found it if they fail. Pulumi keeps the state from before a failed phase, so nothing else
# would undo a first installation or a change.
begin_phase() { # UNDO_FUNCTION
	UNDO_PHASE=$1
	trap end_phase EXIT
	trap 'exit 143' TERM HUP INT PIPE # Otherwise a phase that is ended would look like a success.
}

end_phase() {
	local status=$?
	trap - EXIT
	trap '' TERM HUP INT
	trap : PIPE
	((status == 0)) || "$UNDO_PHASE"
	exit "$status"
}
