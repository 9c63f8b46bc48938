# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: files that keep NetworkManager, systemd-networkd and udev from managing the device.

NETWORKD_FILES=/etc/systemd/network/05-oci-vxlan
NETWORK_MANAGER_FILES=/etc/NetworkManager/conf.d

mark_unmanaged() {
	local before files=("$NETWORKD_FILES-$OVERLAY".{link,network} "$NETWORK_MANAGER_FILES/90-oci-vxlan-$OVERLAY.conf")
	before=$(cat "${files[@]}" 2>/dev/null) || true
	write_file "${files[0]}" 022 <<-END
		# Made by oci-vxlan: the device keeps the MAC and the name that it was given.
		[Match]
		OriginalName=$DEVICE
		[Link]
		MACAddressPolicy=none
		NamePolicy=
	END
	write_file "${files[1]}" 022 <<-END
		# Made by oci-vxlan: the device is not systemd-networkd's.
		[Match]
		Name=$DEVICE
		[Link]
		Unmanaged=yes
	END
	if [[ -d $NETWORK_MANAGER_FILES ]]; then
		write_file "${files[2]}" 022 <<-END
			# Made by oci-vxlan: the device is not NetworkManager's.
			[device-oci-vxlan-$OVERLAY]
			match-device=interface-name:$DEVICE
			managed=0
		END
	fi
	[[ $(cat "${files[@]}" 2>/dev/null) == "$before" ]] || notify_managers
}

unmark_unmanaged() {
	local files=("$NETWORKD_FILES-$OVERLAY".{link,network} "$NETWORK_MANAGER_FILES/90-oci-vxlan-$OVERLAY.conf")
	rm -f "${files[@]/%/.new}" # Of a run that was killed.
	[[ -n $(ls "${files[@]}" 2>/dev/null) ]] || return 0
	rm -f "${files[@]}"
	notify_managers
}

# A manager that does not reload reads its files at its next start.
notify_managers() {
	if systemctl --quiet is-active NetworkManager.service; then
		run systemctl reload NetworkManager.service || true
	fi
	if systemctl --quiet is-active systemd-networkd.service; then
		run networkctl reload || true
	fi
}
