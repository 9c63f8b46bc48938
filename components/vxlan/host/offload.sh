# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: checksum offload. The kernel leaves checksums of what the device sends to the NIC. Some NICs cannot
# compute them inside VXLAN, and peers discard what has wrong ones: ICMP passes, and TCP hangs.

# Does what ethtool does below. Most hosts without ethtool have python3.
OFFLOAD_PROGRAM='import array, fcntl, socket, struct, sys
def ask(command, value):
	data = array.array("I", [command, value])
	fcntl.ioctl(socket.socket(), 0x8946, struct.pack("16sP", sys.argv[1].encode(), data.buffer_info()[0]))
	return data[1]
if sys.argv[2]: ask(0x17, sys.argv[2] == "on")
print(["off", "on"][ask(0x16, 0)])'

# Prints whether the offload is on or off, after setting it if a value is given; nothing where no tool can do that. What a
# tool says that may not set it stays to be read.
checksum_offload() { # [on|off]
	local python
	if type -P ethtool >/dev/null; then
		[[ -z ${1-} ]] || ethtool -K "$DEVICE" tx-checksum-ip-generic "$1" >/dev/null || true
		ethtool -k "$DEVICE" 2>/dev/null | awk '$1 == "tx-checksum-ip-generic:" { print $2 }'
	elif python=$(type -P python3 || type -P /usr/libexec/platform-python); then
		"$python" -c "$OFFLOAD_PROGRAM" "$DEVICE" "${1-}" || true
	fi
}

# The config, or "up" once it has seen the fault, has it switched off. Otherwise it is the administrator's.
reconcile_offload() {
	local desired=on actual switched=$RUN/$OVERLAY/offload-off advice="install ethtool there, or python3"
	if [[ $OFFLOAD == off || -e $ETC/$OVERLAY/offload-off ]]; then desired=off; fi
	[[ $desired == off || -e $switched ]] || return 0
	actual=$(checksum_offload)
	if [[ $actual == "$desired" ]]; then
		set_warning offload
	elif [[ $(checksum_offload "$desired") == "$desired" ]]; then
		log_repair "ethtool -K $DEVICE tx-checksum-ip-generic $desired # it was $actual" # The next round clears a warning.
	else
		[[ -z $actual ]] || advice="its kernel does not switch it"
		set_warning offload "the checksum offload of $DEVICE on $(hostname) is ${actual:-unknown} and should be $desired: $advice"
	fi
	if [[ $desired == off ]]; then : >"$switched"; elif [[ $actual == on ]]; then rm "$switched"; fi
}
