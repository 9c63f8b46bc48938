# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: opens the host's firewall for VXLAN, and for what arrives by the overlay. Senders are not checked
# here: the peer filter has dropped those that are no peers.

# Print the settings that the rules for VXLAN depend on, and the rules for what arrives by the overlay. If they change, the
# old rules are removed first.
vxlan_settings() {
	echo "$VNI $PORT $UNDERLAY $FIREWALL"
}

ingress_settings() {
	echo "$DEVICE $INGRESS $FIREWALL"
}

reconcile_firewall() {
	local tool tools=
	if [[ $FIREWALL == manage ]] && firewalld_runs; then
		reconcile_firewalld
		read_tables
		# A firewalld without a table of its own keeps its rules, and ours with them, in iptables.
		if firewalld_has_table; then tools=$(iptables_tools); fi
	else
		set_warning firewalld
		set_warning zone
		allow_forwarding
		read_tables
		if [[ $FIREWALL == manage ]]; then tools=$(iptables_tools); fi
	fi
	CONTESTED=
	for tool in $tools; do reconcile_iptables "$tool"; done
	warn_of_contested_place
}

# Without an argument, removes all rules. Where those of the ingress go alone, VXLAN stays open, so that no packet is lost:
# reconcile_iptables replaces the rules of IPv4.
close_firewall() { # [vxlan|ingress]
	local tool
	read_tables
	for tool in $(iptables_tools); do
		[[ ${1-} == ingress && $tool == iptables* ]] || close_iptables "$tool"
	done
	if firewalld_runs; then close_firewalld "$@"; fi
	allow_forwarding
	remove_permanent_rules "$@"
}

# Reads the tables of nftables if firewalld, which may have one, is installed.
read_tables() {
	TABLES=
	type -P firewall-cmd >/dev/null || return 0
	TABLES=$(exec nft list tables 2>/dev/null) || true
}

firewalld_has_table() {
	[[ $TABLES == *"table inet firewalld"* ]]
}
