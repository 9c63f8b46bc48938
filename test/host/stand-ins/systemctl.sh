#!/bin/bash
# Stands in for systemctl where no systemd runs: writes down how it was called, and keeps for each unit whether
# it is enabled and what its state is. Started means active, and is done by no process at all.
state=/run/stand-ins/units
mkdir -p "$state"
echo "$*" >>/run/stand-ins/systemctl.log
unit=${!#}
case "$*" in
show*)
	echo "ActiveState=$(cat "$state/$unit.active" 2>/dev/null || echo inactive)"
	echo "UnitFileState=$(cat "$state/$unit.enabled" 2>/dev/null || echo disabled)"
	echo "NeedDaemonReload=no"
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
	cat /usr/local/sbin/oci-vxlan /usr/local/lib/oci-vxlan/* /etc/systemd/system/oci-vxlan@.service | sha256sum | cut -d' ' -f1 >"/run/oci-vxlan/$overlay/program"
	;;
stop*) echo inactive >"$state/$unit.active" ;;
esac
