# Installs the program, then goes on with phase device. It is sent to the host, in front of a call of install_file for each
# file of the program.
# shellcheck shell=bash
set -euo pipefail
umask 022 # The files are for everybody to read, and for root to write.

# The program's own lock: the removal of another overlay could remove the program meanwhile.
mkdir -p /usr/local/lib
exec {LOCK_FD}</root
flock --wait 30 "$LOCK_FD" || true

# Replaces a file by standard input, atomically and durably, if it differs.
install_file() { # PATH MODE
	local new="$1.new"
	mkdir -p "$(dirname "$1")"
	cat >"$new"
	if cmp -s "$new" "$1" && [[ $(stat -c %a "$1") == "$2" ]]; then
		rm "$new"
	else
		chmod "$2" "$new"
		sync "$new"
		mv "$new" "$1"
		sync "$(dirname "$1")"
	fi
}

# Goes on as the program, with the lock, and with the functions of phase device, which are sent beside these.
hand_over() { # PROGRAM VERB OVERLAY
	# shellcheck source=/dev/null
	. "$1"
	main "${@:2}"
}
