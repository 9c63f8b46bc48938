# shellcheck shell=bash
# Part of oci-vxlan: what lets VXLAN, and what arrives by the overlay, through the firewall that the host runs.
# From whom VXLAN may come is not said here: the drop table has seen to that.

# Another program may insist on the first place in INPUT as well, as Calico does.
CONTEST_MOVES=3      # moves of our jump…
CONTEST_WINDOW=300   # …within as many seconds, after which the place counts as contested
CONTEST_PAUSE=600    # seconds after the last move until our jump is moved again

# What decides about the rules below: where it changes, the old rules go first.
accept_settings() {
	echo "$DEVICE $VNI $PORT $UNDERLAY $INGRESS $FIREWALL"
}

reconcile_accept() {
	local tool tools=
	if [[ $FIREWALL == manage ]] && firewalld_runs; then
		reconcile_firewalld
		read_tables
		# An older firewalld keeps its rules in iptables itself.
		! firewalld_has_table || tools=$(iptables_tools)
	else
		read_tables
		forget_warning firewalld
		forget_warning zone
		[[ $FIREWALL != manage ]] || tools=$(iptables_tools)
	fi
	CONTESTED=
	for tool in $tools; do reconcile_iptables "$tool"; done
	warn_of_contested_place
}

close_accept() {
	local tool
	read_tables
	for tool in $(iptables_tools); do close_iptables "$tool"; done
	! firewalld_runs || close_firewalld
}

# Sets TABLES to nftables' tables where firewalld may be one of them.
read_tables() {
	TABLES=
	! type -P firewall-cmd >/dev/null || TABLES=$(exec nft list tables 2>/dev/null) || true
}

firewalld_has_table() {
	[[ $TABLES == *"table inet firewalld"* ]]
}

# --- iptables: a chain of our own, and a jump to it at the head of INPUT -----------------------------------

# Prints the commands by which rules are kept here. Old tables, and beside firewalld all tables, are asked for only where
# there are some: looking at them would make them, and few hosts have any.
iptables_tools() {
	local tool old
	for tool in iptables ip6tables; do
		type -P "$tool" >/dev/null || continue
		old=
		! { read -r _ <"/proc/net/${tool/table/_table}_names"; } 2>/dev/null || old=yes
		if ! firewalld_has_table || [[ $TABLES == *"table ${tool%tables} filter"* ]]; then
			echo "$tool"
		elif [[ -n $old ]] && ! speaks_to_nftables "$tool"; then
			echo "$tool"
		fi
		if [[ -n $old ]] && type -P "$tool-legacy" >/dev/null && speaks_to_nftables "$tool"; then echo "$tool-legacy"; fi
	done
}

speaks_to_nftables() { # IPTABLES
	[[ $("$1" -V 2>/dev/null) == *nf_tables* ]]
}

# VNI and port belong to one overlay of a host, and are short enough for a chain's name.
own_chain() {
	echo "oci-vxlan-$VNI-$PORT"
}

# The rules of our own chain.
chain_rules() { # IPTABLES CHAIN
	[[ $1 == ip6tables* ]] || echo "-A $2 -p udp -m udp --dport $PORT -j ACCEPT"
	[[ $INGRESS != all ]] || echo "-A $2 -i $DEVICE -j ACCEPT"
}

# The jump to our chain, as it is given and as it is shown.
read_jump() { # CHAIN
	JUMP=(INPUT -m comment --comment "$PROGRAM $OVERLAY" -j "$1")
	SHOWN_JUMP="-A INPUT -m comment --comment \"$PROGRAM $OVERLAY\" -j $1"
}

# Where INPUT refuses nothing, or there is no iptables, it is left as it is. No other rule is touched.
reconcile_iptables() { # IPTABLES
	local input chain rules
	input=$'\n'$("$1" -w -S INPUT 2>/dev/null)$'\n' || return 0
	chain=$(own_chain)
	input_refuses "$input" || return 0
	rules=$(chain_rules "$1" "$chain")
	[[ -n $rules ]] || return 0
	if [[ $("$1" -w -S "$chain" 2>/dev/null) != "-N $chain"$'\n'"$rules" ]]; then
		mending "$1: chain $chain"
		printf '*filter\n:%s - [0:0]\n%s\nCOMMIT\n' "$chain" "$rules" | "$1-restore" -w --noflush
	fi
	read_jump "$chain"
	if [[ $input != *$'\n'"$SHOWN_JUMP"$'\n'* ]]; then
		cmd "$1" -w -I "${JUMP[@]}"
	else
		keep_jump_first "$1" "${input%%$'\n'"$SHOWN_JUMP"$'\n'*}"
	fi
}

# A rule ahead of our jump may refuse the overlay's packets by itself, or in a chain that it jumps to, for example
# "-A INPUT -p udp --dport 4789 -j DROP". Rules are not interpreted: our jump goes ahead of them all.
keep_jump_first() { # IPTABLES RULES_AHEAD
	local ahead text
	mapfile -t ahead < <(foreign_rules "$2")
	((${#ahead[@]} > 0)) || return 0
	if place_is_contested "$1"; then
		CONTESTED+="${CONTESTED:+, }$1: ${CONTESTED_RULE}"
		return 0
	fi
	text="\"${ahead[0]}\""
	((${#ahead[@]} == 1)) || text+=" and $((${#ahead[@]} - 1)) more"
	if move_jump "$1"; then
		mending "$1: moved our jump ahead of $text"
		note_move "$1" "\"${ahead[0]}\""
	else
		log "$1: could not move our jump ahead of $text, for the reason above"
		CONTESTED+="${CONTESTED:+, }$1: \"${ahead[0]}\""
	fi
}

# Prints those rules of INPUT that are not the jump of an overlay: overlays of one host stand in any order.
foreign_rules() { # RULES
	local line overlay_jump="^-A INPUT -m comment --comment \"$PROGRAM [^\"]+\" -j oci-vxlan-[0-9]+-[0-9]+\$"
	while read -r line; do
		[[ $line != "-A INPUT "* || $line =~ $overlay_jump ]] || echo "$line"
	done <<<"$1"
}

# In one transaction: there is no moment without the jump, and no rule number that another program could shift.
move_jump() { # IPTABLES
	printf '*filter\n-D %s\n-I %s\nCOMMIT\n' "${SHOWN_JUMP#-A }" "${SHOWN_JUMP#-A }" | "$1-restore" -w --noflush
}

# Keeps the last moves, a line each: seconds of uptime, which no set clock changes, and the rule that stood ahead.
note_move() { # IPTABLES RULE
	local file=$RUN/$OVERLAY/moves-$1 seconds
	read -r seconds _ </proc/uptime
	{
		[[ ! -e $file ]] || tail -n "$((CONTEST_MOVES - 1))" "$file"
		echo "${seconds%.*} $2"
	} | write_file "$file"
}

# Whether the jump was moved so often lately that it had better stay where it is. Sets CONTESTED_RULE to the rule that
# it was moved ahead of last.
place_is_contested() { # IPTABLES
	local file=$RUN/$OVERLAY/moves-$1 moves now first last
	[[ -e $file ]] || return 1
	mapfile -t moves <"$file"
	((${#moves[@]} == CONTEST_MOVES)) || return 1
	read -r now _ </proc/uptime
	now=${now%.*} first=${moves[0]%% *} last=${moves[-1]%% *}
	CONTESTED_RULE=${moves[-1]#* }
	((last - first <= CONTEST_WINDOW && last <= now && now < last + CONTEST_PAUSE))
}

warn_of_contested_place() {
	if [[ -z $CONTESTED ]]; then
		forget_warning firewall-order
		return 0
	fi
	local traffic="UDP port $PORT"
	[[ $INGRESS != all ]] || traffic+=" and what arrives by $DEVICE"
	warn_once firewall-order "another program keeps putting its rule ahead of ours in INPUT ($CONTESTED). Ours is moved again" \
		"$((CONTEST_PAUSE / 60)) minutes after its last move. Until then that rule decides first: have that program accept $traffic," \
		"or put its rule at the end (Calico: chainInsertMode Append), or set hostFirewall to leave"
}

# Whether INPUT can refuse anything: by policy, by a rule, or in a chain that it jumps to.
input_refuses() { # RULES
	local line
	while read -r line; do
		case $line in
		"-P INPUT ACCEPT" | *" -j ACCEPT"* | *" -j LOG"* | *" -j RETURN"* | *" -j oci-vxlan-"*) ;;
		"-P INPUT "* | *" -j "* | *" -g "*) return 0 ;;
		esac
	done <<<"$1"
	return 1
}

# An administrator's own rules may lead to our chain too, which then stays, empty.
close_iptables() { # IPTABLES
	local chain times=0
	chain=$(own_chain)
	"$1" -w -S "$chain" >/dev/null 2>&1 || return 0
	read_jump "$chain"
	while ((times++ < 8)) && "$1" -w -C "${JUMP[@]}" 2>/dev/null; do cmd "$1" -w -D "${JUMP[@]}"; done
	"$1" -w -F "$chain"
	"$1" -w -X "$chain" || log "$1: chain $chain stays, without rules, since others lead to it"
	warn_of_saved_rules "$chain"
}

# Whoever saved the host's rules meanwhile saved these too.
warn_of_saved_rules() { # CHAIN
	local file
	for file in /etc/iptables/rules.v[46] /etc/sysconfig/ip{,6}tables; do
		! grep -q -e " $1 " -e " $1\$" "$file" 2>/dev/null ||
			log "warning: $file holds the overlay's rules, which a reboot would bring back: take out the lines with $1"
	done
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

# A packet is of the zone that its source is bound to, before that of its NIC: peers may be of either.
reconcile_firewalld() {
	local zone of_nic
	of_nic=$(zone_of "$NIC") # Empty is the default zone, to firewalld as well.
	for zone in "$of_nic" $(zones_with_sources); do
		if [[ $(firewalld queryRichRule ss "$zone" "$(rich_rule)") != "b true" ]]; then
			cmd_firewalld addRichRule ssi "$zone" "$(rich_rule)" 0
		fi
	done
	if [[ $INGRESS == all ]]; then trust_device; else forget_warning zone; fi
	warn_of_lost_rules
}

zones_with_sources() {
	firewalld getActiveZones "" | awk '{
		gsub(/"/, "")
		zones = $2
		at = 3
		while (zones-- > 0) {
			zone = $(at++)
			kinds = $(at++)
			while (kinds-- > 0) {
				kind = $(at++)
				count = $(at++)
				if (kind == "sources" && count > 0) print zone
				at += count
			}
		}
	}'
}

# firewalld answers from memory. What somebody took from the kernel behind its back it neither sees nor can add again.
warn_of_lost_rules() {
	local held
	held=$(exec nft -s list table inet firewalld 2>/dev/null) || true
	if [[ -z $held ]] && ! firewalld_is_set_to_nftables; then
		forget_warning firewalld
	elif [[ $held != *"ip daddr $UNDERLAY udp dport $PORT "* || ($INGRESS == all && $held != *"iifname \"$DEVICE\" "*) ]]; then
		warn_once firewalld "the kernel of $(hostname) lost rules that firewalld thinks are there: sudo systemctl restart firewalld"
	else
		forget_warning firewalld
	fi
}

firewalld_is_set_to_nftables() {
	grep -q '^FirewallBackend=nftables' /etc/firewalld/firewalld.conf 2>/dev/null
}

# An administrator who bound the device to a zone of their own has decided about it.
trust_device() {
	local zone
	zone=$(zone_of "$DEVICE")
	case $zone in
	trusted) forget_warning zone ;;
	"") cmd_firewalld addInterface ss trusted "$DEVICE" ;;
	*) warn_once zone "$DEVICE is in firewalld's zone $zone, which decides what passes from the overlay; this program would put it into trusted" ;;
	esac
}

cmd_firewalld() { # METHOD SIGNATURE ARGUMENT…
	mending "firewalld: $1 ${*:3}"
	firewalld "$@" >/dev/null || die "firewalld on $(hostname) refused $1 ${*:3}: see journalctl -u firewalld"
}

# What the kernel has lost already firewalld refuses to remove. Its runtime rules do not outlive its next start.
forget_in_firewalld() { # METHOD SIGNATURE ARGUMENT…
	mending "firewalld: $1 ${*:3}"
	firewalld "$@" >/dev/null ||
		log "warning: firewalld on $(hostname) refused $1 ${*:3}: it goes with sudo systemctl restart firewalld, or a reboot"
}

close_firewalld() {
	local zone zones
	zones=$(firewalld getZones "") || return 0
	for zone in $(tr -d '"' < <(echo "${zones#as * }")); do
		if [[ $(firewalld queryRichRule ss "$zone" "$(rich_rule)") == "b true" ]] && ! rich_rule_is_shared; then
			forget_in_firewalld removeRichRule ss "$zone" "$(rich_rule)"
		fi
	done
	if [[ $INGRESS == all && $(zone_of "$DEVICE") == trusted ]]; then
		forget_in_firewalld removeInterface ss trusted "$DEVICE"
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
	missing=$(nft -s list ruleset 2>/dev/null | awk -f "$LIB/missing-rules.awk" port="$PORT" nic="$NIC" device="$DEVICE" ingress="$INGRESS" \
		own="$DROP_TABLE" managed="$(managed_families)" -)
	[[ -z $missing ]] ||
		die "the nftables ruleset of $(hostname) drops what it does not know, the overlay's packets too. Add to it, and to the file" \
			"that it is loaded from, ahead of its own rules:"$'\n'"$missing"$'\n'"or set hostFirewall to leave, then run pulumi up again"
}

# Prints the families in which iptables can read the chain that bears its name: somebody may have made it by nft, and
# iptables of the old kind reads another.
managed_families() {
	local tool families=
	for tool in iptables ip6tables; do
		speaks_to_nftables "$tool" || continue
		! "$tool" -w -S INPUT >/dev/null 2>&1 || families+=" ${tool%tables}"
	done
	echo "$families"
}
