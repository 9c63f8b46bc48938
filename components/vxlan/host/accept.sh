# shellcheck shell=bash
# Part of oci-vxlan: what lets VXLAN, and what arrives by the overlay, through the firewall that the host runs.
# From whom VXLAN may come is not said here: the drop table has seen to that.

# What decides about the rules below: where it changes, the old rules go first.
accept_settings() {
	echo "$DEVICE $VNI $PORT $UNDERLAY $INGRESS $FIREWALL"
}

reconcile_accept() {
	[[ $FIREWALL == manage ]] || return 0
	if firewalld_runs; then
		reconcile_firewalld
	else
		reconcile_iptables iptables
		reconcile_iptables ip6tables
	fi
}

close_accept() {
	close_iptables iptables
	close_iptables ip6tables
	! firewalld_runs || close_firewalld
}

# --- iptables: a chain of our own, and a jump to it at the head of INPUT -----------------------------------

# VNI and port belong to one overlay of a host, and are short enough for a chain's name.
own_chain() {
	echo "oci-vxlan-$VNI-$PORT"
}

# The rules of our own chain.
chain_rules() { # IPTABLES CHAIN
	[[ $1 == ip6tables ]] || echo "-A $2 -p udp -m udp --dport $PORT -j ACCEPT"
	[[ $INGRESS != all ]] || echo "-A $2 -i $DEVICE -j ACCEPT"
}

# Where INPUT refuses nothing, or there is no iptables, it is left as it is. No other rule is touched.
reconcile_iptables() { # IPTABLES
	type -P "$1" >/dev/null || return 0
	local input chain rules jump
	input=$("$1" -w -S INPUT 2>/dev/null)$'\n' || return 0
	chain=$(own_chain)
	input_refuses "$input" || return 0
	rules=$(chain_rules "$1" "$chain")
	[[ -n $rules ]] || return 0
	if [[ $("$1" -w -S "$chain" 2>/dev/null) != "-N $chain"$'\n'"$rules" ]]; then
		mending "$1: chain $chain"
		printf '*filter\n:%s - [0:0]\n%s\nCOMMIT\n' "$chain" "$rules" | "$1-restore" -w --noflush
	fi
	jump=(INPUT -m comment --comment "$PROGRAM $OVERLAY" -j "$chain")
	if jump_is_late "$input" "$chain"; then
		cmd "$1" -w -D "${jump[@]}"
		cmd "$1" -w -I "${jump[@]}"
	elif [[ $input != *" -j $chain"$'\n'* ]]; then
		cmd "$1" -w -I "${jump[@]}"
	fi
}

# Whether INPUT can refuse anything: by policy, by a rule, or in a chain that it jumps to.
input_refuses() { # RULES
	local IFS=$'\n' line
	set -f
	for line in $1; do
		case $line in
		"-P INPUT ACCEPT" | *" -j ACCEPT"* | *" -j LOG"* | *" -j RETURN"* | *" -j oci-vxlan-"*) ;;
		"-P INPUT "* | *" -j "* | *" -g "*) set +f && return 0 ;;
		esac
	done
	set +f
	return 1
}

# Whether everything has been refused before our jump is reached.
jump_is_late() { # RULES CHAIN
	local before=${1%%" -j $2"$'\n'*}
	[[ $before != "$1" && $before =~ $'\n'-A\ INPUT\ -j\ (REJECT|DROP) ]]
}

close_iptables() { # IPTABLES
	type -P "$1" >/dev/null || return 0
	local chain
	chain=$(own_chain)
	"$1" -w -S "$chain" >/dev/null 2>&1 || return 0
	cmd "$1" -w -D INPUT -m comment --comment "$PROGRAM $OVERLAY" -j "$chain" || true
	"$1" -w -F "$chain"
	"$1" -w -X "$chain"
}

# --- firewalld: runtime rules, put back when it has loaded its own again -----------------------------------

# By D-Bus, as firewall-cmd does, without the Python that would cost more than all the rest.
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

zone_of() { # INTERFACE
	local answer
	answer=$(firewalld getZoneOfInterface s "$1") || die "firewalld on $(hostname) does not answer: see systemctl status firewalld"
	answer=${answer#s \"}
	echo "${answer%\"}"
}

reconcile_firewalld() {
	local zone
	zone=$(zone_of "$NIC") # Empty is the default zone, to firewalld as well.
	if [[ $(firewalld queryRichRule ss "$zone" "$(rich_rule)") != "b true" ]]; then
		cmd_firewalld addRichRule ssi "$zone" "$(rich_rule)" 0
	fi
	[[ $INGRESS != all ]] || trust_device
}

# An administrator who bound the device to a zone of their own has decided about it.
trust_device() {
	local zone
	zone=$(zone_of "$DEVICE")
	case $zone in
	trusted) ;;
	"") cmd_firewalld addInterface ss trusted "$DEVICE" ;;
	*) warn_once zone "$DEVICE is in firewalld's zone $zone, which decides what passes from the overlay; this program would put it into trusted" ;;
	esac
}

cmd_firewalld() { # METHOD SIGNATURE ARGUMENT…
	mending "firewalld: $1 ${*:3}"
	firewalld "$@" >/dev/null || die "firewalld on $(hostname) refused $1 ${*:3}: see journalctl -u firewalld"
}

close_firewalld() {
	local zone zones
	zones=$(firewalld getZones "") || return 0
	for zone in $(tr -d '"' < <(echo "${zones#as * }")); do
		if [[ $(firewalld queryRichRule ss "$zone" "$(rich_rule)") == "b true" ]] && ! rich_rule_is_shared; then
			cmd_firewalld removeRichRule ss "$zone" "$(rich_rule)"
		fi
	done
	if [[ $INGRESS == all && $(zone_of "$DEVICE") == trusted ]]; then
		cmd_firewalld removeInterface ss trusted "$DEVICE"
	fi
}

# Another overlay at the same port and address has the same rule.
rich_rule_is_shared() {
	local file
	for file in "$ETC"/*/device; do
		[[ -e $file && $file != "$ETC/$OVERLAY/device" && $(setting "$file" firewall) == manage ]] || continue
		[[ "$(setting "$file" port) $(setting "$file" underlay)" != "$PORT $UNDERLAY" ]] || return 0
	done
	return 1
}

# --- A foreign nftables ruleset -------------------------------------------------------------------------

# Where a ruleset of somebody's own drops what it does not know, this program does not guess how it is kept.
refuse_foreign_ruleset() {
	[[ $FIREWALL == manage ]] || return 0
	local missing
	missing=$(nft -s list ruleset 2>/dev/null | missing_rules)
	[[ -z $missing ]] ||
		die "the nftables ruleset of $(hostname) drops what it does not know, the overlay's packets too. Add to it, and to the file" \
			"that it is loaded from, ahead of its own rules:"$'\n'"$missing"$'\n'"or set hostFirewall to leave, then run pulumi up again"
}

# Reads a ruleset and prints the commands for rules that are missing in chains that drop. Chains of iptables
# and of firewalld are opened in their own way.
missing_rules() {
	awk -v port="$PORT" -v device="$DEVICE" -v ingress="$INGRESS" -v own="$DROP_TABLE" '
		$1 == "table" { family = $2; table = $3 }
		$1 == "chain" { chain = $2; input = drops = udp = inside = 0 }
		/hook input/ { input = 1 }
		/policy drop/ || $1 ~ /^(drop|reject)$/ { drops = 1 }
		/accept/ && $0 ~ "udp dport (\\{ ([^}]*, )?)?" port "[ ,]" { udp = 1 }
		/accept/ && $0 ~ "iif(name)? .*\"" device "\"" { inside = 1 }
		$1 == "}" && chain != "" {
			foreign = family ~ /^(ip|ip6|inet)$/ && table != own && table != "firewalld" && !(table == "filter" && chain == "INPUT")
			if (input && drops && foreign) {
				rule = "  nft insert rule " family " " table " " chain " "
				if (!udp && family != "ip6") print rule "udp dport " port " accept"
				if (!inside && ingress == "all") print rule "iifname \"" device "\" accept"
			}
			chain = ""
		}'
}
