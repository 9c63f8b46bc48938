# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: the lock that keeps two runs apart. The installer has it too.

LOCK_WAIT=30   # seconds that another run may take
LOCK=$RUN/lock # Only root can open it, so no other user can hold the lock.

# Lets one run at a time change this host. The installer hands its lock over in LOCK_FD. The last removal on a host takes
# the file with it; a run that waited for that lock then takes the next one.
lock() {
	local _
	for _ in 1 2 3; do
		if [[ -z ${LOCK_FD-} ]]; then
			[[ -d $RUN ]] || mkdir "$RUN"
			[[ -e $LOCK ]] || (umask 077 && : >>"$LOCK")
			exec {LOCK_FD}<"$LOCK"
		fi
		flock --wait "$LOCK_WAIT" "$LOCK_FD" || break
		[[ ! $LOCK -ef /proc/self/fd/$LOCK_FD ]] || return 0
		exec {LOCK_FD}<&-
		LOCK_FD=
	done
	die "another run of $PROGRAM on $(hostname) does not end: see ps -ef | grep $PROGRAM"
}

unlock() {
	flock --unlock "$LOCK_FD"
}
