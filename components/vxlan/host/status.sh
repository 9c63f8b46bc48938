# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: what people and monitoring see of an overlay on this host.

# Notes whether the last run of the unit left the host in sync, and since when.
note_sync() { # yes|no
	local old=
	[[ ! -e $RUN/$OVERLAY/sync ]] || read -r _ old _ <"$RUN/$OVERLAY/sync"
	[[ $old != "$1" ]] || return 0
	printf 'sync %s %(%s)T\n' "$1" -1 >"$RUN/$OVERLAY/sync"
}

# Notes a repair. What a phase of "pulumi up" changes is none.
note_repair() { # TEXT
	[[ -z ${UNDO_PHASE-} && -d $RUN/$OVERLAY ]] || return 0
	printf 'repair %(%s)T %s\n' -1 "$1" >"$RUN/$OVERLAY/repair"
}

# Prints what the unit has noted, each thing in a line that begins with its key.
print_state() {
	cat "$RUN/$OVERLAY"/{sync,repair,paths} 2>/dev/null || true
	if compgen -G "$RUN/$OVERLAY/warned-*" >/dev/null; then sed 's/^/warning /' "$RUN/$OVERLAY"/warned-*; fi
}

# Prints what the kernel holds, in lines of the same kind.
print_device() {
	local link address
	link=$(show_device)
	echo "device $DEVICE $(word_after mtu "$link") $(word_after link/ether "$link") $(if [[ $link =~ [\<,]UP[,\>] ]]; then echo up; elif [[ -n $link ]]; then echo down; fi)"
	for address in "${ADDRESSES[@]}"; do echo "address $address"; done
	echo "underlay $UNDERLAY $(if find_nic; then echo "$NIC"; fi)"
	sed -n "s/^ *$DEVICE: */traffic /p" /proc/net/dev
}

verb_status() { # [--json]
	local format=text
	case ${1-} in
	--json) format=json ;;
	?*) usage ;;
	esac
	load_settings
	read_unit_state
	{
		echo "overlay $OVERLAY $VERSION $VNI $PORT $RELEASE"
		print_state
		print_device
		echo "unit ${UNIT_STATE[ActiveState]} ${UNIT_STATE[UnitFileState]}"
		echo "probes $PROBES"
		if ! is_unchanged; then
			diff "$RUN/$OVERLAY/snapshot" "$SNAPSHOT" 2>&1 | sed -n 's/^[<>]/difference &/p' | head -n 5 || true
			echo "now no"
		fi
	} | awk -f "$LIB/status.awk" format="$format" now="$(date +%s)"
}
