# Puts the host side in place; the installer sends a call of install_file for each file behind it.
# shellcheck shell=bash
set -euo pipefail
umask 022 # Whoever logs in may look whether the program is there, and no more than root writes it.

# The program's own lock: an overlay that goes meanwhile may take the program with it.
mkdir -p /usr/local/lib
exec {LOCK_FD}</root
flock --wait 30 "$LOCK_FD" || true

# Goes on as the program, with the lock.
hand_over() { # COMMAND…
	export LOCK_FD
	exec "$@"
}

# Makes standard input the file, at once and lastingly, and only where it differs.
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
