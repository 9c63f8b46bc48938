#!/bin/bash
# A fake of systemctl where no systemd runs: writes down how it was called, and keeps for each unit whether
# it is enabled and what its state is. Started means active, and is done by no process at all.
state=/run/fakes/units
mkdir -p "$state"
echo "$*" >>/run/fakes/systemctl.log
unit=${!#}
case "$*" in
show*)
	for unit; do
		[[ $unit == *.* ]] || continue
		echo "Id=$unit"
		echo "ActiveState=$(cat "$state/$unit.active" 2>/dev/null || echo inactive)"
		echo "UnitFileState=$(cat "$state/$unit.enabled" 2>/dev/null || echo disabled)"
		echo "ActiveEnterTimestamp=$([[ $unit != init.scope ]] || echo Thu 2026-11-26 08:00:00 UTC)"
		echo "NeedDaemonReload=no"
	done
	;;
*is-active*) [[ $(cat "$state/$unit.active" 2>/dev/null) == active ]] ;;
*enable*--now*) echo enabled >"$state/$unit.enabled" && echo active >"$state/$unit.active" ;;
*disable*--now*) rm -f "$state/$unit".* ;;
*disable*) echo disabled >"$state/$unit.enabled" ;;
*enable*) echo enabled >"$state/$unit.enabled" ;;
start* | restart*)
	echo active >"$state/$unit.active"
	overlay=${unit#oci-vxlan@}
	overlay=${overlay%.service}
	# What the running program itself says about which one it is.
	mkdir -p "/run/oci-vxlan/$overlay"
	bash -c '. /usr/local/sbin/oci-vxlan; program_digest' >"/run/oci-vxlan/$overlay/program"
	;;
stop*) echo inactive >"$state/$unit.active" ;;
esac
