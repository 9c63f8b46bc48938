# Installs the program, then goes on with phase device. It is sent to the host behind lock.sh and in front of
# phase-device.sh and a call of stage_file for each file of the program. OVERLAY is set.
# shellcheck shell=bash disable=SC2034
set -euo pipefail
umask 022 # The files are for everybody to read, and for root to write.

export PATH=/usr/sbin:/usr/bin:/sbin:/bin
PROGRAM=oci-vxlan
RUN=/run/oci-vxlan
STAGED=()      # files that are written beside those that they will replace
OLDER_LOCKS=() # file descriptors

die() {
	echo "oci-vxlan: error: $*" >&2
	exit 1
}

# Waits until no other run changes this host, and refuses what must not be installed.
begin_installation() { # VERSION
	refuse_missing_tools
	lock
	trap discard_staged_files EXIT
	open_older_locks
	flock_older --wait 8
	refuse_older_program "$@"
}

# Versions before lock.sh lock these folders. Units of such a version go on until phase device has restarted them.
open_older_locks() {
	local folder fd
	[[ -e /usr/local/lib/oci-vxlan/settings.sh && ! -e /usr/local/lib/oci-vxlan/lock.sh ]] || return 0
	for folder in /root /usr/local/lib; do
		exec {fd}<"$folder"
		OLDER_LOCKS+=("$fd")
	done
}

# All overlays of a host run the same program. This overlay's own stack may go back to an older one.
refuse_older_program() { # VERSION
	local file overlay version
	for file in /var/lib/oci-vxlan/*/version; do
		overlay=${file%/version} overlay=${overlay##*/}
		# shellcheck disable=SC2153 # two variables
		[[ -e /etc/oci-vxlan/$overlay/device && $overlay != "$OVERLAY" ]] || continue
		read -r version <"$file"
		((version <= $1)) || die "overlay $overlay on $(hostname) needs version $version of the program or a newer one," \
			"and this checkout would install version $1: update it, then run pulumi up again. Nothing was changed"
	done
}

# Writes a file of the program beside its place: all of them fit on the disk before one is replaced.
stage_file() { # PATH MODE
	mkdir -p "$(dirname "$1")"
	STAGED+=("$1")
	cat >"$1.new"
	chmod "$2" "$1.new"
}

discard_staged_files() {
	local status=$?
	rm -f "${STAGED[@]/%/.new}"
	rmdir /usr/local/lib/oci-vxlan 2>/dev/null || true
	[[ -e /etc/oci-vxlan ]] || rm -rf "$RUN"
	exit "$status"
}

# Replaces files that differ, atomically and durably.
replace_files() {
	local file
	for file in "${STAGED[@]}"; do
		if cmp -s "$file.new" "$file" && [[ $(stat -c %a "$file.new") == "$(stat -c %a "$file")" ]]; then
			rm "$file.new"
		else
			sync "$file.new"
			mv "$file.new" "$file"
			sync "$(dirname "$file")"
		fi
	done
	STAGED=()
	trap - EXIT
}

# Goes on as the program, with the lock, and with the functions of phase device, which are sent beside these.
hand_over() { # PROGRAM VERB OVERLAY
	replace_files
	# shellcheck source=/dev/null
	. "$1"
	main "${@:2}"
}
