#!/bin/bash
# A fake of the bus on which firewalld answers: busctl [OPTIONS] call SERVICE PATH INTERFACE METHOD SIGNATURE
# ARGUMENTS. Its state is one file for each rule and interface; like firewalld, it keeps a table that shows them, and
# refuses to remove what is not there any more. Where there is a file "bound", the peers' addresses are bound to zone drop.
state=/run/fakes/firewalld
while [[ $1 == -* ]]; do shift; done
interface=$4
shift 4
method=$1
shift 2
[[ -e $state/running ]] || exit 1

rule() { echo "$state/rule $1 $(tr -c 'a-z0-9=.\n' _ <<<"$2")"; }

show() {
	{
		echo "table inet firewalld; delete table inet firewalld; table inet firewalld {"
		echo "chain state {"
		for file in "$state"/rule*; do
			[[ -e $file ]] && sed -E 's/.*address="([^"]*)".*port="([0-9]+)" .*/ip daddr \1 udp dport \2 accept/' "$file"
		done
		for file in "$state"/interface*; do
			[[ -e $file ]] && echo "iifname \"${file##* }\" accept"
		done
		echo "}"
		echo "}"
	} | nft -f -
}

case $method in
remove*) nft list table inet firewalld | grep -q accept || exit 1 ;;
esac
case $method in
getZoneOfInterface)
	# The permanent settings name a zone in a file.
	if [[ $interface == *.config ]]; then
		echo "s \"$(cat "$state/permanent" 2>/dev/null)\""
		exit
	fi
	for file in "$state/interface "*" $1"; do
		[[ -e $file ]] && zone=$(basename "$file" | cut -d' ' -f2)
	done
	echo "s \"$zone\""
	;;
getZones) echo 'as 3 "drop" "public" "trusted"' ;;
queryRichRule) [[ -e $(rule "${1:-public}" "$2") ]] && echo "b true" || echo "b false" ;;
getActiveZones)
	answer='a{sa{sas}} 1 "public" 1 "interfaces" 1 "eth0"'
	[[ -e $state/bound ]] && answer='a{sa{sas}} 2 "drop" 1 "sources" 1 "10.196.218.0/24" "public" 1 "interfaces" 1 "eth0"'
	echo "$answer"
	;;
addRichRule) echo "$2" >"$(rule "${1:-public}" "$2")" ;;
removeRichRule) rm "$(rule "${1:-public}" "$2")" ;;
addInterface) touch "$state/interface $1 $2" ;;
removeInterface) rm "$state/interface $1 $2" ;;
reload) rm -f "$state"/rule* "$state"/interface* ;;
*) exit 1 ;;
esac
case $method in add* | remove* | reload) show ;; esac
