# shellcheck shell=bash
# Part of oci-vxlan: files that keep NetworkManager, systemd-networkd and udev off the device.

NETWORKD_FILES=/etc/systemd/network/05-oci-vxlan
NETWORK_MANAGER_FILES=/etc/NetworkManager/conf.d

keep_managers_off() {
	local link=$NETWORKD_FILES-$OVERLAY.link network=$NETWORKD_FILES-$OVERLAY.network
	local profile=$NETWORK_MANAGER_FILES/90-oci-vxlan-$OVERLAY.conf before
	before=$(cat "$link" "$network" "$profile" 2>/dev/null) || true
	write_file "$link" 022 <<-END
		# Made by oci-vxlan: the device keeps the MAC and the name that it was given.
		[Match]
		OriginalName=$DEVICE
		[Link]
		MACAddressPolicy=none
		NamePolicy=
	END
	write_file "$network" 022 <<-END
		# Made by oci-vxlan: the device is not systemd-networkd's.
		[Match]
		Name=$DEVICE
		[Link]
		Unmanaged=yes
	END
	if [[ -d $NETWORK_MANAGER_FILES ]]; then
		write_file "$profile" 022 <<-END
			# Made by oci-vxlan: the device is not NetworkManager's.
			[device-oci-vxlan-$OVERLAY]
			match-device=interface-name:$DEVICE
			managed=0
		END
	fi
	[[ $(cat "$link" "$network" "$profile" 2>/dev/null) == "$before" ]] || tell_managers
}

let_managers_be() {
	local files=("$NETWORKD_FILES-$OVERLAY".{link,network} "$NETWORK_MANAGER_FILES/90-oci-vxlan-$OVERLAY.conf") file
	rm -f "${files[@]/%/.new}" # Of a run that was killed.
	for file in "${files[@]}"; do
		[[ -e $file ]] || continue
		rm -f "${files[@]}"
		tell_managers
	done
}

# One that does not take it reads its files at its next start.
tell_managers() {
	! systemctl --quiet is-active NetworkManager.service || cmd systemctl reload NetworkManager.service || true
	! systemctl --quiet is-active systemd-networkd.service || cmd networkctl reload || true
}
