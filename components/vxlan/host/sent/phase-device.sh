# shellcheck shell=bash disable=SC2034,SC2153
# Phase device: sets this host's end of the overlay up from the settings on standard input. It is sent to the host behind
# the program's files, and not installed. It uses the program's functions, and is called by its main function.

ACKNOWLEDGE_WAIT=10 # seconds in which the SSH client must acknowledge what the host sends after a change

verb_device() {
	open_file NEW_SETTINGS
	cat >"$NEW_SETTINGS"
	begin_phase undo_device_phase
	[[ $(setting "$NEW_SETTINGS" overlay) == "$OVERLAY" ]] || die "the settings are not those of overlay $OVERLAY"
	refuse_missing_tools
	lock
	confirm_change # The SSH session of this phase is a new one.
	warn_of_older_program
	read_device_file "$NEW_SETTINGS"
	refuse_missing_ethtool
	refuse_mute_firewalld
	refuse_foreign_device "$(setting "$NEW_SETTINGS" owner)"
	refuse_paused
	require_nic 0
	refuse_unfit_mtu
	refuse_occupied_networks

	[[ ! -e $RUN/.drop-table ]] || mv "$RUN/.drop-table" "$RUN/.peer-filter" # Its name in older versions.
	begin_change "$NEW_SETTINGS"
	identify_installation "$NEW_SETTINGS"
	read_mac || draw_mac | write_file "$VAR/$OVERLAY/mac"
	change_settings "$NEW_SETTINGS"
	refuse_kept_offload
	start_unit
	# The unit had the lock meanwhile, and the timer may have fired.
	cmp -s "$NEW_SETTINGS" "$ETC/$OVERLAY/device" || die "$(hostname) took the change back while it was made, after" \
		"$CONFIRM_TIMEOUT s: raise confirmTimeout, then run pulumi up again"
	refuse_cut_session
	echo "oci-vxlan device mac=$(word_after link/ether "$(show_device)") mtu=$NIC_MTU" \
		"installation=$(<"$VAR/$OVERLAY/installation")"
}

# A first installation that fails leaves nothing, and another change leaves the settings and the id from before.
undo_device_phase() {
	local name
	if change_is_unconfirmed; then
		for name in installation incarnation; do
			[[ ! -e $PREVIOUS/$name ]] || write_file "$VAR/$OVERLAY/$name" <"$PREVIOUS/$name"
		done
		roll_back "phase device failed"
	fi
	if [[ ! -e $ETC/$OVERLAY/device ]]; then
		rm -rf "${VAR:?}/$OVERLAY" "${RUN:?}/$OVERLAY" "${ETC:?}/$OVERLAY"
		remove_program_with_last
	fi
}

# --- Before the change ----------------------------------------------------------------------------------

# The peer filter needs nft; phases and reconciler need the rest. The installer calls it as well.
refuse_missing_tools() {
	local tool
	for tool in nft ip bridge flock cmp awk sed; do
		type -P "$tool" >/dev/null || die "$(hostname) has no $tool: install nftables, iproute2 (iproute on Oracle Linux)," \
			"util-linux, diffutils, awk and sed there, then run pulumi up again"
	done
}

refuse_missing_ethtool() {
	[[ $OFFLOAD != off || -n $(type -P ethtool python3 /usr/libexec/platform-python) ]] || die "$(hostname) has neither" \
		"ethtool nor python3, by which checksumOffload: off is set: install ethtool there, then run pulumi up again"
}

# Without its answers, rules would neither be added nor removed, and the change would look like a success.
refuse_mute_firewalld() {
	[[ $FIREWALL == manage || $(setting "$ETC/$OVERLAY/device" firewall) == manage ]] || return 0
	if systemctl --quiet is-active firewalld.service && ! firewalld_runs; then
		die "firewalld on $(hostname) does not answer: sudo systemctl restart firewalld, then run pulumi up again. Nothing" \
			"was changed"
	fi
}

# The stack may go back to an older checkout, for example after a change that failed. Another overlay's stack may have
# a newer one.
warn_of_older_program() {
	local file overlay version release warning=
	for file in "$VAR"/*/version; do
		overlay=${file%/version} overlay=${overlay##*/}
		[[ -e $file && ($overlay == "$OVERLAY" || -e $ETC/$overlay/device) ]] || continue
		version=0 release=
		{ read -r version && read -r release; } <"$file" || true # Release 0.1.0 wrote the version alone.
		if ((version > VERSION)); then
			warning="$(hostname) had version $version of the program, and got version $VERSION from an older checkout"
		elif is_newer "$release"; then
			warning="$(hostname) had release $release of the program, and got $RELEASE from an older checkout"
		fi
	done
	set_warning version "$warning"
}

# By semantic versioning 1.0.0-rc.1 is older than 1.0.0, as 1.0.0~rc.1 is to sort.
is_newer() { # RELEASE
	local newest
	newest=$(printf '%s\n' "${RELEASE//-/\~}" "${1//-/\~}" | sort -V | tail -n1)
	[[ -n $1 && $1 != "$RELEASE" && $newest == "${1//-/\~}" ]]
}

# A device belongs to one overlay, and an overlay to one stack.
refuse_foreign_device() { # OWNER
	local file owner other advice="Where that stack is gone, or has another name now, run on the host: sudo $PROGRAM_FILE"
	owner=$(setting "$ETC/$OVERLAY/device" owner)
	[[ -z $owner || $owner == "$1" ]] || die "overlay $OVERLAY on $(hostname) belongs to $owner: destroy it there first," \
		"or give this one another name. $advice remove $OVERLAY"
	for file in "$ETC"/*/device; do
		[[ -e $file && $file != "$ETC/$OVERLAY/device" ]] || continue
		owner=$(setting "$file" owner)
		other=$(basename "${file%/device}")
		[[ $(setting "$file" device) != "$DEVICE" ]] || die "$DEVICE on $(hostname) belongs to $owner: choose another" \
			"device name, or destroy it there first. $advice remove $other"
		[[ "$(setting "$file" vni) $(setting "$file" port)" != "$VNI $PORT" ]] || die "VNI $VNI at port $PORT on" \
			"$(hostname) belongs to $owner: choose another vni, or destroy it there first. $advice remove $other"
	done
	if [[ $(setting "$ETC/$OVERLAY/device" device) != "$DEVICE" ]] && device_exists; then
		die "$DEVICE on $(hostname) is there already and was not made by $PROGRAM:" \
			"remove it with \"sudo ip link del $DEVICE\", or choose another device name"
	fi
}

# Refuses an MTU that does not fit the NIC, or that is too small for IPv6.
refuse_unfit_mtu() {
	local limit=$((NIC_MTU - OVERHEAD))
	local mtu=${CONFIGURED_MTU:-$limit} sizes="$NIC carries $NIC_MTU bytes and VXLAN takes $OVERHEAD of them"
	if needs_ipv6 && ((limit < IPV6_MTU)); then mtu=$limit; fi # No MTU would do.
	((mtu <= limit)) || die "mtu $mtu does not fit on $(hostname): $sizes: set mtu to $limit or less"
	if needs_ipv6 && ((mtu < IPV6_MTU)); then
		die "IPv6 needs $IPV6_MTU bytes, and $DEVICE on $(hostname) would have $mtu: $sizes: raise the MTU of $NIC to" \
			"$((IPV6_MTU + OVERHEAD)) or more, or take the IPv6 network out of cidrs"
	fi
}

# Refuses a new network that holds addresses which the host reaches elsewhere: the route to the overlay would take all
# packets to them, for example the answers to the SSH client. overlaps.awk is sent in OVERLAPS.
refuse_occupied_networks() {
	local address present new=() overlaps own
	own="$DEVICE $(setting "$ETC/$OVERLAY/device" device)"
	present=" $(setting "$ETC/$OVERLAY/device" address | tr '\n' ' ')"
	for address in "${ADDRESSES[@]}"; do
		[[ $present == *" $address "* ]] || new+=("$address")
	done
	((${#new[@]} > 0)) || return 0
	# A resolver on the host itself, which the first file may name, asks the servers of the second.
	overlaps=$(awk "$OVERLAPS" networks="${new[*]}" own="$own" input=client <(echo "${SSH_CONNECTION-}") \
		input=resolver <(cat /etc/resolv.conf /run/systemd/resolve/resolv.conf 2>/dev/null) \
		input=address <(ip -o -4 address show && ip -o -6 address show scope global) \
		input=route <(ip -4 route show table all && ip -6 route show table all))
	[[ -z $overlaps ]] ||
		die "the overlay's network on $(hostname) overlaps what this host reaches elsewhere, and would cut it off:" \
			$'\n'"$overlaps"$'\n'"Choose another network in cidrs that none of these lies in, such as a part of 10.0.0.0/8," \
			"172.16.0.0/12 or 192.168.0.0/16, or for IPv6 a /64 of fd00::/8, then run pulumi up again. Nothing was changed"
}

# --- The change -----------------------------------------------------------------------------------------

# Saves the present settings, or that there are none, until the change is confirmed. PREVIOUS appears in one step, since
# half of it could say that there were none.
begin_change() { # FILE_OF_NEW_SETTINGS
	if cmp -s "$1" "$ETC/$OVERLAY/device"; then return 0; fi
	local file
	rm -rf "$PREVIOUS.new"
	(umask 077 && mkdir -p "$PREVIOUS.new")
	if [[ -e $ETC/$OVERLAY/device ]]; then
		for file in "$ETC/$OVERLAY/device" "$VAR/$OVERLAY/installation" "$VAR/$OVERLAY/incarnation"; do
			[[ ! -e $file ]] || cp -p "$file" "$PREVIOUS.new"
		done
	else
		echo "nothing" >"$PREVIOUS.new/none"
	fi
	sync "$PREVIOUS.new"/*
	mv "$PREVIOUS.new" "$PREVIOUS"
	arm_rollback "$1"
}

# Draws an installation id if there is none, or if the new settings name another generation or machine: such a host is
# installed anew, although its disk may be the same.
identify_installation() { # FILE_OF_NEW_SETTINGS
	local file=$VAR/$OVERLAY/incarnation old
	old=$(cat "$file" 2>/dev/null) || old=$(identity_of "$ETC/$OVERLAY/device")
	if [[ ! -e $VAR/$OVERLAY/installation || $old != "$(identity_of "$1")" ]]; then
		write_file "$VAR/$OVERLAY/installation" </proc/sys/kernel/random/uuid
		rm -f "$ETC/$OVERLAY/offload-off" # Another NIC may do, so "up" tests it again.
	fi
	write_file "$file" < <(identity_of "$1")
}

identity_of() { # FILE
	echo "$(setting "$1" generation) $(setting "$1" machine)"
}

# Prints a random MAC, locally administered and unicast.
draw_mac() {
	local octets
	read -ra octets < <(od -An -N6 -tx1 /dev/urandom)
	printf '%02x:%s:%s:%s:%s:%s\n' "$((0x${octets[0]} & 0xfe | 0x02))" "${octets[@]:1}"
}

# The kernel may refuse it, for example in a container.
refuse_kept_offload() {
	[[ $OFFLOAD != off || $(checksum_offload) == off ]] || die "the kernel of $(hostname) does not switch the checksum" \
		"offload of $DEVICE off, for the reason above: set checksumOffload to auto"
}

# Enables and starts the unit, or restarts it if it runs another version of the program. Units of other overlays that do
# so are restarted if they run at all.
start_unit() {
	local file overlay
	read_unit_state
	[[ ${UNIT_STATE[NeedDaemonReload]} != yes ]] || run systemctl daemon-reload
	[[ ${UNIT_STATE[UnitFileState]} == enabled ]] || run systemctl --quiet enable "$UNIT"
	unlock # The unit runs this program too, or an older one, and would wait for the lock.
	flock_older --unlock
	if ! runs_current_program "$OVERLAY"; then
		run systemctl restart "$UNIT" || die_without_unit
	elif [[ ${UNIT_STATE[ActiveState]} != active ]]; then
		run systemctl start "$UNIT" || die_without_unit
	fi
	for file in "$ETC"/*/device; do
		overlay=$(basename "${file%/device}")
		[[ $overlay != "$OVERLAY" ]] || continue
		# Without a wait: this overlay needs neither their success nor their time.
		runs_current_program "$overlay" || run systemctl --no-block try-restart "oci-vxlan@$overlay.service"
	done
	lock
	flock_older --wait 8
	remove_old_files
	write_file "$VAR/$OVERLAY/started" <<<"yes"
	write_file "$VAR/$OVERLAY/version" <<<"$VERSION"$'\n'"$RELEASE"
}

# Takes or releases the locks of versions before lock.sh. Any user may hold one of them, so the wait for it may fail.
flock_older() { # OPTION…
	local fd
	for fd in "${OLDER_LOCKS[@]}"; do flock "$@" "$fd" || true; done
}

runs_current_program() { # OVERLAY
	[[ -e $RUN/$1/program && $(<"$RUN/$1/program") == "$(program_digest)" ]]
}

die_without_unit() {
	die "$UNIT does not start on $(hostname). Its lines say why: sudo journalctl --boot --unit $UNIT"
}

# Removes files of other versions, which had other names. Units of such a version have read them until now.
remove_old_files() {
	local file
	for file in "$LIB"/*; do
		[[ " ${PARTS[*]} " == *" ${file##*/} "* ]] || rm "$file"
	done
	rm -f "$RUN"/*/right
}

# --- After the change -----------------------------------------------------------------------------------

# If the change has led the host's answers to the SSH client elsewhere, no more of them are acknowledged.
refuse_cut_session() {
	local before deadline=$((SECONDS + ACKNOWLEDGE_WAIT))
	before=$(acknowledged_bytes)
	[[ -n $before ]] || return 0 # No SSH session, or a kernel that does not count.
	echo "$PROGRAM: $DEVICE is up" >&2
	until (($(acknowledged_bytes) > before)); do
		((SECONDS < deadline)) || die "the change cut off the SSH session that made it: ${SSH_CONNECTION%% *} acknowledged" \
			"nothing for $ACKNOWLEDGE_WAIT s after $DEVICE with ${ADDRESSES[*]} was up on $(hostname). Choose another network" \
			"in cidrs that holds no address which this host is reached from"
		sleep 0.1
	done
}

# Prints how many bytes the client of this SSH session has acknowledged so far.
acknowledged_bytes() {
	local client client_port server server_port text
	read -r client client_port server server_port <<<"${SSH_CONNECTION-}"
	[[ -n ${server_port-} ]] || return 0
	text=$(ss -Htin "src [$server]:$server_port and dst [$client]:$client_port" 2>/dev/null) || return 0
	[[ $text =~ \ bytes_acked:([0-9]+) ]] || return 0
	echo "${BASH_REMATCH[1]}"
}
