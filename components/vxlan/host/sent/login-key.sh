#!/bin/bash
# Replaces a login key in the authorized_keys of the login user. Sent to the host on standard input with a line behind
# it that calls main, run as root, not installed. Keys are public ones, as "TYPE BASE64".
#
#   main add OLD NEW             adds the new key beside the old one: a copy of its entry, with the same options and comment
#   main retire OLD NEW          removes the entries of the old key; a file that lacks the new one gets it in their place
#   main retire OLD NEW every    the same in the files of all users, as on an instance, whose image has users with that key
#
# A file is replaced by a copy of itself, in one step, so that mode, owner, ACL and SELinux context stay and no login
# ever meets half of it. One line is printed for each file that changed: "oci-vxlan login-key FILE".
set -uo pipefail
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin

USER_NAME=${SUDO_USER:-$(id -un)} # the login user
OLD='' NEW=''                     # the keys
PATTERNS=''                       # where sshd looks for keys, with %u and %h, one a line
COPY=''                           # the copy of a file that is being written

die() {
	echo "$*" >&2
	exit 1
}

# Prints a file of authorized keys as it should be. An entry is "[OPTIONS] TYPE BASE64 [COMMENT]"; options may hold blanks
# in quotes. What is not an entry of the old key stays as it is, to the byte.
edited() { # ADD_OR_RETIRE FILE
	awk -v action="$1" -v old="$OLD" -v new="$NEW" '
		# The two words at the start of a text.
		function words(text, parts) {
			sub(/\r$/, "", text)
			return split(text, parts, /[ \t]+/) < 2 ? "" : parts[1] " " parts[2]
		}
		function options_length(text, i, c, quoted) {
			for (i = 1; i <= length(text); i++) {
				c = substr(text, i, 1)
				if (c == "\\" && substr(text, i + 1, 1) == "\"") i++
				else if (c == "\"") quoted = !quoted
				else if (!quoted && (c == " " || c == "\t")) break
			}
			return i - 1
		}
		# Where the key begins in its entry; 0 where the entry has another key, or is none.
		function position(text, key, start) {
			if (text ~ /^[ \t]*#/) return 0
			match(text, /^[ \t]*/)
			start = RLENGTH + 1
			if (words(substr(text, start)) == key) return start
			start += options_length(substr(text, start))
			match(substr(text, start), /^[ \t]*/)
			start += RLENGTH
			# The key of an authority signs certificates, and logs in nobody.
			if (substr(text, 1, start - 1) ~ /(^|[ \t,])cert-authority[ \t,]/) return 0
			return words(substr(text, start)) == key ? start : 0
		}
		function with_new_key(text, start, rest) {
			rest = substr(text, start)
			sub(/^[^ \t]+[ \t]+[^ \t\r]+/, "", rest)
			return substr(text, 1, start - 1) new rest
		}
		{ entry[NR] = $0 }
		position($0, new) { has_new = 1 }
		position($0, old) { has_old = 1 }
		END {
			for (i = 1; i <= NR; i++) {
				at = position(entry[i], old)
				if (!at || action == "add") print entry[i]
				if (at && !has_new) print with_new_key(entry[i], at)
			}
			if (action == "add" && !has_new && !has_old) print new
		}' "$2"
}

# Two runs may replace keys on one host: the second waits. Only root can open its home, so no other user can hold the lock.
lock_keys() {
	exec 9<~root || die "cannot open the home of root on $(hostname)"
	flock -w 30 9 || die "another run replaces login keys on $(hostname) for more than 30 s: run pulumi up again"
}

change_file() { # ADD_OR_RETIRE LINK
	local file
	file=$(readlink -e -- "$2") || die "$2 leads nowhere on $(hostname)"
	if edited "$1" "$file" | cmp -s - "$file"; then return 0; fi
	COPY=$file.oci-vxlan
	rm -f -- "$COPY"
	cp --preserve=all -- "$file" "$COPY" || die "cannot copy $file on $(hostname)"
	edited "$1" "$file" >"$COPY" || die "cannot write $COPY on $(hostname)"
	grep -qF -- "${NEW#* }" "$COPY" || die "$COPY on $(hostname) would lack the new key; nothing was changed"
	# Without this, a power cut may leave an empty file.
	sync -- "$COPY" || die "cannot write $COPY on $(hostname)"
	mv -f -- "$COPY" "$file" || die "cannot replace $file on $(hostname): is it immutable (lsattr)?"
	COPY=''
	sync -- "${file%/*}" || true
	echo "oci-vxlan login-key $2"
}

remove_copy() {
	if [[ -n $COPY ]]; then rm -f -- "$COPY"; fi
}

# The same with the rights of a user, who may replace what is in the own home by links to files of root at any moment.
change_file_as() { # USER ADD_OR_RETIRE LINK
	local functions
	functions=$(declare -f die edited change_file remove_copy)
	setpriv --reuid="$(id -u "$1")" --regid="$(id -g "$1")" --init-groups \
		env OLD="$OLD" NEW="$NEW" bash -uo pipefail -c "COPY=''; $functions; trap remove_copy EXIT; change_file \"\$@\"" bash "$2" "$3" 9<&- ||
		exit 1
}

read_patterns() {
	local paths client=${SSH_CONNECTION-}
	paths=$(sshd -T -C "user=$USER_NAME,host=localhost,addr=${client%% *}" 2>/dev/null |
		sed -n 's/^authorizedkeysfile //p')
	PATTERNS=$(tr ' ' '\n' <<<"${paths:-.ssh/authorized_keys .ssh/authorized_keys2}" | grep -vx none)
}

# Prints where the keys of a user are.
paths_of() { # NAME HOME
	local path
	while read -r path; do
		[[ -n $path ]] || continue
		path=${path//%u/$1}
		path=${path//%h/$2}
		[[ $path == /* ]] || path=$2/$path
		echo "${path//%%/%}"
	done <<<"$PATTERNS"
}

# Creates the file where there is none, as sshd wants it.
create_file() { # FILE
	local folder=${1%/*} group
	group=$(id -gn "$USER_NAME") || die "$(hostname) has no user $USER_NAME"
	if [[ ! -d $folder ]]; then
		install -d -m 700 -o "$USER_NAME" -g "$group" -- "$folder" || die "cannot create $folder on $(hostname)"
	fi
	install -m 600 -o "$USER_NAME" -g "$group" -- /dev/null "$1" || die "cannot create $1 on $(hostname)"
	if command -v restorecon >/dev/null; then restorecon -R "$folder"; fi
}

# Adds the new key to the file that has the old one, or else to the first.
add() {
	local home path first='' target=''
	home=$(getent passwd "$USER_NAME" | cut -d: -f6)
	while read -r path; do
		[[ -n $first ]] || first=$path
		if [[ -z $target && -f $path ]] && grep -qF -- "${OLD#* }" "$path"; then target=$path; fi
	done < <(paths_of "$USER_NAME" "$home")
	target=${target:-$first}
	[[ -n $target ]] || die "sshd of $(hostname) reads no file of authorized keys for $USER_NAME (AuthorizedKeysFile):" \
		"add the new public key where its AuthorizedKeysCommand finds it, then run pulumi up again"
	[[ -e $target ]] || create_file "$target"
	change_file add "$target"
}

retire() { # [every]
	local name home path
	while IFS=: read -r name _ _ _ _ home _; do
		[[ $name == "$USER_NAME" || ${1-} == every ]] || continue
		while read -r path; do
			if [[ ! -f $path ]] || ! grep -qF -- "${OLD#* }" "$path"; then
				continue
			elif [[ $name != "$USER_NAME" && $path == "$home"/* ]]; then
				change_file_as "$name" retire "$path"
			else
				change_file retire "$path"
			fi
		done < <(paths_of "$name" "$home")
	done < <(getent passwd)
}

main() { # add|retire OLD NEW [every]
	OLD=$2
	NEW=$3
	[[ $OLD != "$NEW" ]] || die "the new login key is the old one"
	lock_keys
	read_patterns
	trap remove_copy EXIT
	case $1 in
		add) add ;;
		retire) retire "${4-}" ;;
		*) die "unknown action $1" ;;
	esac
}
