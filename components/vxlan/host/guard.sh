# shellcheck shell=bash
# Part of oci-vxlan: nobody is locked out. A change of this host's settings
# - is refused where the overlay's network would take over addresses that the host needs elsewhere;
# - is undone where it fails, or where the SSH session that makes it goes dead;
# - is taken back after CONFIRM_TIMEOUT seconds, unless a new SSH session has reached the host by then.

ACKNOWLEDGE_WAIT=10  # seconds in which the SSH client must acknowledge what the host sends after a change

# --- Before a change ------------------------------------------------------------------------------------

# A route to the overlay's network takes all that is sent to its addresses, for example the answers to an SSH client that has
# one of them. Networks that the overlay has already are not compared again.
refuse_occupied_networks() {
	local address present new=() occupied
	present=$(setting "$ETC/$OVERLAY/device" address)
	for address in "${ADDRESSES[@]}"; do
		[[ $'\n'$present$'\n' == *$'\n'$address$'\n'* ]] || new+=("$address")
	done
	((${#new[@]} > 0)) || return 0
	occupied=$(occupied_addresses | awk -f "$LIB/overlaps.awk" networks="${new[*]}" -)
	[[ -z $occupied ]] ||
		die "the overlay's network on $(hostname) overlaps what this host reaches elsewhere, and would cut it off:"$'\n'"$occupied"$'\n'"Choose" \
			"another network in cidrs, such as a part of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16 that none of these lies in, then" \
			"run pulumi up again. Nothing was changed"
}

# Prints "ADDRESS[/PREFIX] what it is" for all that the host reaches by other ways than this overlay's device.
occupied_addresses() {
	local client _ old_device
	old_device=$(setting "$ETC/$OVERLAY/device" device)
	read -r client _ <<<"${SSH_CONNECTION-}"
	[[ -z $client ]] || echo "$client the SSH client that makes this change"
	# The first may name a resolver on the host itself, which asks those of the second.
	cat /etc/resolv.conf /run/systemd/resolve/resolv.conf 2>/dev/null | awk '$1 == "nameserver" { print $2, "a name server" }'
	{
		ip -o -4 address show
		ip -o -6 address show scope global
	} | awk -v own=" $DEVICE $old_device " 'index(own, " " $2 " ") == 0 { print $4, "an address of", $2 }'
	{
		ip -4 route show table all
		ip -6 route show table all
	} | awk -v own=" $DEVICE $old_device " '
		{
			device = gateway = ""
			for (i = 1; i < NF; i++) {
				if ($i == "dev") device = $(i + 1)
				if ($i == "via" && $(i + 1) ~ /^inet6?$/) gateway = $(i + 2)
				else if ($i == "via") gateway = $(i + 1)
			}
		}
		device != "" && index(own, " " device " ") { next }
		$1 ~ /^(local|broadcast|multicast|anycast)$/ { next }
		$1 ~ /^(unreachable|blackhole|prohibit|throw|unicast)$/ { $1 = ""; $0 = $0 }
		{ print $1, "the route", $1, (gateway == "" ? "" : "via " gateway " ") (device == "" ? "" : "by " device) }
		gateway != "" { print gateway, "the gateway of", $1 (device == "" ? "" : " by " device) }'
}

# --- While it is unconfirmed ----------------------------------------------------------------------------

change_is_unconfirmed() {
	[[ -d $PREVIOUS ]]
}

# Keeps the present settings, or that there are none, until the change is confirmed. PREVIOUS comes into being at once: one
# half written would say that there were none.
begin_change() { # FILE_OF_NEW_SETTINGS
	! cmp -s "$1" "$ETC/$OVERLAY/device" || return 0
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

rollback_unit() {
	echo "oci-vxlan-rollback-$OVERLAY"
}

# Has systemd take the change back, whatever becomes of this process. It tries until that is done.
arm_rollback() { # FILE_OF_NEW_SETTINGS
	! systemctl --quiet is-active "$(rollback_unit).timer" || return 0
	systemd-run --quiet --collect --unit="$(rollback_unit).service" --on-active="$CONFIRM_TIMEOUT" \
		--timer-property=AccuracySec=1s --property=Restart=on-failure --property=RestartSec=10 \
		"$PROGRAM_FILE" roll-back "$OVERLAY" "$(digest_of "$1")" ||
		die "systemd on $(hostname) does not set the timer that takes back a change which cuts off SSH: systemd-run says why above"
}

disarm_rollback() {
	change_is_unconfirmed || return 0
	systemctl --quiet stop "$(rollback_unit).timer" 2>/dev/null || true
}

# A new SSH session has reached this host, so the change may stay.
confirm_change() {
	change_is_unconfirmed || return 0
	disarm_rollback
	rm -rf "$PREVIOUS"
}

# The host's answers to the SSH client leave by its routes: where these lead elsewhere by now, no more of them arrive.
refuse_cut_session() {
	local before deadline=$((SECONDS + ACKNOWLEDGE_WAIT))
	before=$(acknowledged_bytes)
	[[ -n $before ]] || return 0 # No SSH session, or a kernel that does not count.
	echo "$PROGRAM: $DEVICE is up" >&2
	until (($(acknowledged_bytes) > before)); do
		((SECONDS < deadline)) ||
			die "the change cut off the SSH session that made it: ${SSH_CONNECTION%% *} acknowledged nothing for $ACKNOWLEDGE_WAIT s after" \
				"$DEVICE with ${ADDRESSES[*]} was up on $(hostname). Choose another network in cidrs that holds no address which this host" \
				"is reached from"
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

# Returns to the settings from before the change; after a first installation, to nothing. The way to the host comes first,
# and what cannot be undone keeps nothing else from being undone.
roll_back() { # REASON
	if [[ -e $PREVIOUS/device ]]; then
		log "$1: the previous settings return"
		change_settings "$PREVIOUS/device"
	elif [[ -e $PREVIOUS/none && -e $ETC/$OVERLAY/device ]]; then
		log "$1: what was installed goes again"
		load_settings
		! device_exists || cmd ip link del dev "$DEVICE"
		remove_overlay || true # Also where a step of it fails, the next ones are made.
	fi
	disarm_rollback
	rm -rf "$PREVIOUS"
}

# A phase that fails is not in the stack's state, nor is the id that it has drawn.
restore_installation() {
	local name
	for name in installation incarnation; do
		[[ ! -e $PREVIOUS/$name ]] || write_file "$VAR/$OVERLAY/$name" <"$PREVIOUS/$name"
	done
}

# By the timer: the stack's state has the change by now, and its installation id, which is kept for when it is made again.
verb_roll_back() { # SHA256_OF_DEVICE
	lock
	change_is_unconfirmed || return 0
	[[ ! -e $ETC/$OVERLAY/device || $(digest_of "$ETC/$OVERLAY/device") == "$1" ]] || return 0
	roll_back "no new SSH session has reached $(hostname) since its last change"
}
