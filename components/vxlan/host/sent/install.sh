# Installs the program, then goes on with phase device. It is sent to the host behind lock.sh and in front of
# phase-device.sh and a call of stage_file for each file of the program. OVERLAY is set.
# shellcheck shell=bash disable=SC2034
set -euo pipefail
umask 022 # The files are for everybody to read, and for root to write.

export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
PROGRAM=oci-vxlan
RUN=/run/oci-vxlan
LIB=/usr/local/lib/oci-vxlan
STAGED=()      # files that are written beside those that they will replace
INSTALLED=     # mode, size and path of each file of the program that is there
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
	rm -rf "$LIB.new" # A killed run has left it.
	INSTALLED=$'\n'$(stat -c '%a %s %n' "$LIB"/* /etc/systemd/system/oci-vxlan@.service /usr/local/sbin/oci-vxlan 2>/dev/null || true)$'\n'
}

# Versions before lock.sh lock these folders. Units of such a version go on until phase device has restarted them.
open_older_locks() {
	local folder fd
	[[ -e $LIB/settings.sh && ! -e $LIB/lock.sh ]] || return 0
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

# Writes a file of the program beside its place, unless it is there: all of them fit on the disk before one is replaced.
# It starts no process for a file, since a host's two dozen files would take longer than all else of a phase.
stage_file() { # PATH MODE TEXT
	local file=$1.new
	[[ $1 != "$LIB"/* ]] || file=$LIB.new/${1##*/}
	[[ ! -e $file ]] || rm "$file" # A killed run has left it.
	if is_installed "$@"; then return 0; fi
	[[ -d ${file%/*} ]] || mkdir -p "${file%/*}"
	STAGED+=("$file")
	printf %s "$3" >"$file"
	[[ $2 == 644 ]] || chmod "$2" "$file"
}

is_installed() { # PATH MODE TEXT
	local text=
	[[ $INSTALLED == *$'\n'"$2 ${#3} $1"$'\n'* ]] || return 1
	IFS= read -r -d '' text <"$1" || true # It reads to the end, and says that it has met no delimiter.
	[[ $text == "$3" ]]
}

discard_staged_files() {
	local status=$?
	rm -rf "${STAGED[@]}" "$LIB.new"
	rmdir "$LIB" 2>/dev/null || true
	[[ -e /etc/oci-vxlan ]] || rm -rf "$RUN"
	exit "$status"
}

# Puts the staged files in their places, atomically and durably.
replace_files() {
	local file folders=()
	[[ ${#STAGED[@]} == 0 ]] || sync "${STAGED[@]}"
	if [[ -d $LIB.new ]]; then
		mkdir -p "$LIB"
		mv -f -t "$LIB" "$LIB.new"/*
		rmdir "$LIB.new"
		folders+=("$LIB")
	fi
	for file in "${STAGED[@]}"; do
		[[ $file == *.new ]] || continue
		mv -f -T "$file" "${file%.new}"
		folders+=("${file%/*}")
	done
	[[ ${#folders[@]} == 0 ]] || sync "${folders[@]}"
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
