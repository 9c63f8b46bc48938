# shellcheck shell=bash disable=SC2034,SC2153
# Switches the checksum offload of the device off for good, where the connectivity test has seen that it sends wrong
# checksums. It is sent to the host behind a line that reads the program, uses its functions, is called by its main
# function, and is not installed.

verb_switch_offload_off() {
	lock
	load_settings
	refuse_paused
	[[ -n $(checksum_offload) ]] || die "$(hostname) has neither ethtool nor python3, by which its checksum offload could be" \
		"switched off: install ethtool there, then run pulumi up again"
	write_file "$ETC/$OVERLAY/offload-off" <<<"up has seen TCP with wrong checksums that this host had sent"
	reconcile
	[[ $(checksum_offload) == off ]] || die "the kernel of $(hostname) does not switch the checksum offload of $DEVICE off," \
		"for the reason above"
}
