# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: opens iptables by a chain of our own, and a jump to it at the head of INPUT. No other rule is
# touched, reordered or saved.

# Another program may want the first place in INPUT as well, as Calico does.
CONTEST_MOVES=3    # After so many moves of our jump…
CONTEST_WINDOW=300 # …within so many seconds, the place counts as contested.
CONTEST_PAUSE=600  # Seconds after the last move until our jump is moved again.

# Prints the commands of iptables whose rules may refuse a packet. A legacy table, and any table beside firewalld, is read
# only if there is one: reading would make it.
iptables_tools() {
	local tool legacy
	for tool in iptables ip6tables; do
		type -P "$tool" >/dev/null || continue
		legacy=
		if { read -r _ <"/proc/net/${tool/table/_table}_names"; } 2>/dev/null; then legacy=yes; fi
		if ! firewalld_has_table || [[ $TABLES == *"table ${tool%tables} filter"* ]]; then
			echo "$tool"
		elif [[ -n $legacy ]] && ! speaks_to_nftables "$tool"; then
			echo "$tool"
		fi
		if [[ -n $legacy ]] && type -P "$tool-legacy" >/dev/null && speaks_to_nftables "$tool"; then
			echo "$tool-legacy"
		fi
	done
}

speaks_to_nftables() { # IPTABLES
	[[ $("$1" -V 2>/dev/null) == *nf_tables* ]]
}

# VNI and port belong to one overlay of a host, and are short enough for a chain's name.
own_chain() {
	echo "oci-vxlan-$VNI-$PORT"
}

# Prints the jump to our chain as iptables shows it, but for "-A".
own_jump() {
	echo "INPUT -m comment --comment \"$PROGRAM $OVERLAY\" -j $(own_chain)"
}

# Changes rules in one transaction.
change_rules() { # IPTABLES LINE…
	printf '%s\n' '*filter' "${@:2}" COMMIT | "$1-restore" -w --noflush
}

# Leaves INPUT as it is if it refuses nothing, and no jump of ours is there from before.
reconcile_iptables() { # IPTABLES
	local input chain jump rules="" present difference="it was missing"
	input=$'\n'$("$1" -w -S INPUT 2>/dev/null)$'\n' || return 0
	input_refuses "$input" || [[ $input == *" -j oci-vxlan-$VNI-$PORT"$'\n'* ]] || return 0
	chain=$(own_chain)
	jump=$(own_jump)
	if [[ $1 == iptables* ]]; then rules=$'\n'"-A $chain -p udp -m udp --dport $PORT -j ACCEPT"; fi
	if [[ $INGRESS == all ]]; then rules+=$'\n'"-A $chain -i $DEVICE -j ACCEPT"; fi
	[[ -n $rules ]] || return 0
	present=$("$1" -w -S "$chain" 2>/dev/null) || true
	if [[ $present != "-N $chain$rules" ]]; then
		[[ -z $present ]] || difference="it had other rules"
		log_repair "$1: chain $chain # $difference"
		change_rules "$1" ":$chain - [0:0]$rules"
	fi
	if [[ $input == *$'\n'"-A $jump"$'\n'* ]]; then
		keep_jump_first "$1" "$jump" "${input%%$'\n'"-A $jump"$'\n'*}"
	else
		log_repair "$1 -w -I $jump # it was missing"
		change_rules "$1" "-I $jump"
	fi
}

# Whether INPUT can refuse anything: by its policy, by a rule, or in a chain that it jumps to.
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

# A rule ahead of our jump may refuse the overlay's packets, by itself or in a chain that it jumps to, for example
# "-A INPUT -p udp --dport 4789 -j DROP". Rules are not interpreted: our jump goes ahead of them all, but for the jumps
# of other overlays, which stand in any order.
keep_jump_first() { # IPTABLES JUMP RULES_AHEAD
	local line ahead=() text overlay_jump="^-A INPUT -m comment --comment \"$PROGRAM [^\"]+\" -j oci-vxlan-[0-9]+-[0-9]+\$"
	while read -r line; do
		[[ $line != "-A INPUT "* || $line =~ $overlay_jump ]] || ahead+=("\"$line\"")
	done <<<"$3"
	((${#ahead[@]} > 0)) || return 0
	if place_is_contested "$1"; then
		[[ " ${ahead[*]} " == *" $CONTESTED_RULE "* ]] || CONTESTED_RULE=${ahead[0]} # Another rule by now.
		CONTESTED+="${CONTESTED:+, }$1: $CONTESTED_RULE"
		return 0
	fi
	text=${ahead[0]}
	((${#ahead[@]} == 1)) || text+=" and $((${#ahead[@]} - 1)) more"
	# In one transaction there is no moment without the jump, and no rule number that another program could shift.
	if change_rules "$1" "-D $2" "-I $2"; then
		log_repair "$1: moved our jump ahead of $text"
		note_move "$1" "${ahead[0]}"
	else
		log "$1: could not move our jump ahead of $text, for the reason above"
		CONTESTED+="${CONTESTED:+, }$1: ${ahead[0]}"
	fi
}

# Keeps the last moves, a line each: seconds of uptime, which no set clock changes, and the rule that stood ahead.
note_move() { # IPTABLES RULE
	local file=$RUN/$OVERLAY/moves-$1 uptime
	read -r uptime _ </proc/uptime
	{
		[[ ! -e $file ]] || tail -n "$((CONTEST_MOVES - 1))" "$file"
		echo "${uptime%.*} $2"
	} | write_file "$file"
}

# Whether the jump was moved so often lately that it stays where it is.
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
	local traffic="UDP port $PORT"
	if [[ -z $CONTESTED ]]; then
		set_warning firewall-order
		return 0
	fi
	if [[ $INGRESS == all ]]; then traffic+=" and what arrives by $DEVICE"; fi
	set_warning firewall-order "another program keeps putting its rule ahead of ours in INPUT ($CONTESTED). Ours is moved" \
		"again $((CONTEST_PAUSE / 60)) minutes after its last move. Until then that rule decides first: have that program" \
		"accept $traffic, or put its rule at the end (Calico: chainInsertMode Append), or set hostFirewall to leave"
}

# Our chain stays, empty, if rules of an administrator jump to it too.
close_iptables() { # IPTABLES
	local chain jump times=0
	chain=$(own_chain)
	jump=$(own_jump)
	"$1" -w -S "$chain" >/dev/null 2>&1 || return 0
	while ((times++ < 8)) && "$1" -w -S INPUT | grep -qxFe "-A $jump"; do
		log "$1 -w -D $jump"
		change_rules "$1" "-D $jump"
	done
	"$1" -w -F "$chain"
	"$1" -w -X "$chain" || log "$1: chain $chain stays, without rules, since others lead to it"
}
