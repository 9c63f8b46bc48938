# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: opens firewalld by runtime rules. A reload or restart of firewalld drops them, and the next run adds
# them again.

# Calls firewalld by D-Bus. firewall-cmd does the same by Python, which would cost more than all the rest of a run.
firewalld() { # METHOD SIGNATURE ARGUMENT…
	busctl --auto-start=no --timeout=10 call org.fedoraproject.FirewallD1 /org/fedoraproject/FirewallD1 \
		org.fedoraproject.FirewallD1.zone "$@" 2>/dev/null
}

firewalld_runs() {
	type -P firewall-cmd >/dev/null || return 1
	firewalld getZoneOfInterface s lo >/dev/null
}

rich_rule() {
	echo "rule family=\"ipv4\" destination address=\"$UNDERLAY\" port port=\"$PORT\" protocol=\"udp\" accept"
}

has_rich_rule() { # ZONE
	[[ $(firewalld queryRichRule ss "$1" "$(rich_rule)") == "b true" ]]
}

zone_of() { # INTERFACE
	local answer
	answer=$(firewalld getZoneOfInterface s "$1") ||
		die "firewalld on $(hostname) does not answer: see systemctl status firewalld"
	answer=${answer#s \"}
	echo "${answer%\"}"
}

# A packet belongs to the zone that its source is bound to, else to the zone of its NIC. Peers may be in either.
reconcile_firewalld() {
	local zone nic_zone
	nic_zone=$(zone_of "$NIC") # Empty means the default zone, in firewalld's calls too.
	for zone in "$nic_zone" $(zones_with_sources); do
		has_rich_rule "$zone" || add_to_firewalld addRichRule ssi "$zone" "$(rich_rule)" 0
	done
	# Before zone trusted lets anything through.
	if [[ $INGRESS == all && $(zone_of "$DEVICE") =~ ^(trusted)?$ ]] && ! zone_is_permanent; then
		refuse_forwarding
	else
		allow_forwarding
	fi
	if [[ $INGRESS == all ]]; then trust_device; else set_warning zone; fi
	warn_of_lost_rules
}

# Prints the zones that addresses are bound to. firewalld answers: a{sa{sas}} 2 "drop" 1 "sources" 1 "10.0.0.0/8" …
zones_with_sources() {
	firewalld getActiveZones "" | awk '{
		gsub(/"/, "")
		at = 3
		for (zones = $2; zones > 0; zones--) {
			zone = $(at++)
			for (kinds = $(at++); kinds > 0; kinds--) {
				if ($at == "sources" && $(at + 1) > 0) print zone
				at += 2 + $(at + 1)
			}
		}
	}'
}

# An administrator who has put the device into another zone has decided about it.
trust_device() {
	local zone
	zone=$(zone_of "$DEVICE")
	case $zone in
	trusted) set_warning zone ;;
	"") add_to_firewalld addInterface ss trusted "$DEVICE" ;;
	*) set_warning zone "$DEVICE is in firewalld's zone $zone, which decides what passes from the overlay;" \
		"this program would put it into trusted" ;;
	esac
}

# Whether an administrator has put the device into a zone for good.
zone_is_permanent() {
	[[ $(busctl --auto-start=no --timeout=10 call org.fedoraproject.FirewallD1 /org/fedoraproject/FirewallD1/config \
		org.fedoraproject.FirewallD1.config getZoneOfInterface s "$DEVICE" 2>/dev/null) == 's "'?*'"' ]]
}

# Zone trusted lets packets through to networks behind the host too. A table of our own, ahead of firewalld's, refuses what
# firewalld would refuse in another zone; published ports of containers stay open.
refuse_forwarding() {
	local table file=$RUN/$OVERLAY/forwarding present difference="it was missing"
	table=$(own_chain)
	present=$(nft -s list table inet "$table" 2>/dev/null) || true
	if [[ -n $present ]]; then
		[[ ! -e $file || $(<"$file") != "$present" ]] || return 0
		difference="it had other rules"
	fi
	log_repair "nft: table inet $table # $difference"
	nft -f - <<-END || die "$(hostname) does not take the nftables rules that keep the overlay out of networks behind it"
		table inet $table
		delete table inet $table
		table inet $table {
			chain forward {
				type filter hook forward priority 0; policy accept;
				iifname != "$DEVICE" accept
				ct state established,related accept
				ct status dnat accept
				reject with icmpx type admin-prohibited
			}
		}
	END
	nft -s list table inet "$table" | write_file "$file"
}

allow_forwarding() {
	local table
	table=$(own_chain)
	if nft list table inet "$table" >/dev/null 2>&1; then run nft delete table inet "$table"; fi
}

add_to_firewalld() { # METHOD SIGNATURE ARGUMENT…
	log_repair "firewalld: $1 ${*:3} # it was missing"
	firewalld "$@" >/dev/null || die "firewalld on $(hostname) refused $1 ${*:3}: see journalctl -u firewalld"
}

# firewalld answers from memory. It does not notice what somebody removes from the kernel, and cannot add it again.
warn_of_lost_rules() {
	local rules warning=
	rules=$(exec nft -s list table inet firewalld 2>/dev/null) || true
	if [[ $rules != *"ip daddr $UNDERLAY udp dport $PORT "* ]] ||
		[[ $INGRESS == all && $rules != *"iifname \"$DEVICE\" "* ]]; then
		warning="the kernel of $(hostname) lost rules that firewalld thinks are there: sudo systemctl restart firewalld"
	fi
	# An older firewalld keeps its rules in iptables, and has no table.
	if [[ -z $rules ]] && ! grep -q '^FirewallBackend=nftables' /etc/firewalld/firewalld.conf 2>/dev/null; then
		warning=
	fi
	set_warning firewalld "$warning"
}

# The device's zone stays open for other settings of VXLAN only where an administrator has put it there for good.
close_firewalld() { # [vxlan|ingress]
	local zone zones=
	[[ $FIREWALL == manage ]] || return 0
	[[ ${1-} == ingress ]] || zones=$(firewalld getZones "") || return 0
	for zone in $(tr -d '"' < <(echo "${zones#as * }")); do
		if has_rich_rule "$zone" && ! rich_rule_is_shared; then
			remove_from_firewalld removeRichRule ss "$zone" "$(rich_rule)"
		fi
	done
	if [[ ${1-} == vxlan ]] && zone_is_permanent; then return 0; fi
	if [[ $INGRESS == all && $(zone_of "$DEVICE") == trusted ]]; then
		remove_from_firewalld removeInterface ss trusted "$DEVICE"
	fi
}

# firewalld refuses to remove what the kernel has lost already. It forgets its runtime rules at its next start.
remove_from_firewalld() { # METHOD SIGNATURE ARGUMENT…
	log "firewalld: $1 ${*:3}"
	firewalld "$@" >/dev/null || log "warning: firewalld on $(hostname) refused $1 ${*:3}: it goes with" \
		"sudo systemctl restart firewalld, or a reboot"
}

# Another overlay at the same port and address has the same rule.
rich_rule_is_shared() {
	local file
	for file in "$ETC"/*/device; do
		[[ $file != "$ETC/$OVERLAY/device" && $(setting "$file" firewall) == manage ]] || continue
		[[ "$(setting "$file" port) $(setting "$file" underlay)" != "$PORT $UNDERLAY" ]] || return 0
	done
	return 1
}
