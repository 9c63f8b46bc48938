# shellcheck shell=bash disable=SC2034,SC2153
# Confirms a change of this host's settings, over a new SSH session. It is sent to the host behind a line that reads the
# program, uses its functions, is called by its main function, and is not installed.

verb_confirm() { # DEVICE_DIGEST
	lock
	[[ $(digest_of "$ETC/$OVERLAY/device") == "$1" ]] || die "$(hostname) has taken the change back already, since no" \
		"new SSH session had reached it in time: sudo journalctl -t $PROGRAM"
	confirm_change
}
