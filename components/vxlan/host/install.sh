# Puts the host side in place; the installer sends a call of install_file for each file behind it.
# shellcheck shell=bash
set -euo pipefail

# Makes standard input the file, at once and only where it differs.
install_file() { # PATH MODE
	local new="$1.new"
	mkdir -p "$(dirname "$1")"
	cat >"$new"
	if cmp -s "$new" "$1" && [[ $(stat -c %a "$1") == "$2" ]]; then
		rm "$new"
	else
		chmod "$2" "$new"
		mv "$new" "$1"
	fi
}
