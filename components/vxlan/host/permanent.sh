# shellcheck shell=bash disable=SC2034,SC2153
# Part of oci-vxlan: firewall rules of the overlay that somebody has saved meanwhile, so that a reboot would bring them
# back. They are removed where nothing else depends on them; other files are named when the overlay is removed.

SAVED_RULES=(/etc/iptables/rules.v{4,6} /etc/sysconfig/ip{,6}tables)
SAVED_RULESETS=(/etc/nftables.conf /etc/sysconfig/nftables.conf /etc/nftables/*.nft)
FIREWALLD_ZONES=/etc/firewalld/zones

remove_permanent_rules() { # [vxlan|ingress]
	local file chain
	chain=$(own_chain)
	LEFTOVERS=()
	for file in "${SAVED_RULES[@]}"; do
		if grep -qsw -e "$chain" "$file"; then remove_saved_rules "$(readlink -f "$file")"; fi
	done
	for file in "${SAVED_RULESETS[@]}"; do
		if grep -qsw -e "$chain" -e "peers-$VNI-$PORT" "$file"; then LEFTOVERS+=("$file"); fi
	done
	if [[ $FIREWALL == manage && -d $FIREWALLD_ZONES ]]; then remove_permanent_zone_rules "$@"; fi
	for file in "${LEFTOVERS[@]}"; do
		log "warning: $file holds the overlay's rules, which a reboot would bring back: take out what names" \
			"$chain, peers-$VNI-$PORT or $DEVICE"
	done
}

# Removes our chain and the jump to it from rules as iptables-save prints them, unless other rules lead to the chain.
remove_saved_rules() { # FILE
	local rules
	if rules=$(awk -v chain="$(own_chain)" -v jump="-A $(own_jump)" '
		{ rule = $0; sub(/^\[[0-9]+:[0-9]+\] /, "", rule); split(rule, word) }
		word[1] == ":" chain || rule == jump || (word[1] == "-A" && word[2] == chain) { next }
		{ print; for (i = 1; i <= NF; i++) if ($i == chain) exit 1 }' "$1") &&
		cp -a "$1" "$1.new" && echo "$rules" >"$1.new" && sync "$1.new" && mv "$1.new" "$1"; then
		log "took the overlay's rules out of $1"
	else
		rm -f "$1.new"
		LEFTOVERS+=("$1")
	fi
}

# "firewall-cmd --runtime-to-permanent" has written our rule and the device's zone.
remove_permanent_zone_rules() { # [vxlan|ingress]
	local file zone tool=(firewall-cmd --permanent)
	firewalld_runs || tool=(firewall-offline-cmd)
	for file in "$FIREWALLD_ZONES"/*.xml; do
		zone=${file##*/} zone=${zone%.xml}
		if [[ ${1-} != vxlan && $zone == trusted && $INGRESS == all ]] && grep -qs "<interface name=\"$DEVICE\"" "$file"; then
			run "${tool[@]}" --zone="$zone" --remove-interface="$DEVICE" >/dev/null || LEFTOVERS+=("$file")
		fi
		if [[ ${1-} != ingress ]] && grep -qs "address=\"$UNDERLAY\"" "$file" && ! rich_rule_is_shared &&
			"${tool[@]}" --zone="$zone" --query-rich-rule="$(rich_rule)" >/dev/null 2>&1; then
			run "${tool[@]}" --zone="$zone" --remove-rich-rule="$(rich_rule)" >/dev/null || LEFTOVERS+=("$file")
		fi
	done
}

# Ends a removal. Pulumi shows nothing of a delete but its error, and the next delete finds nothing left to do.
fail_with_leftovers() {
	((${#LEFTOVERS[@]} == 0)) ||
		die "the overlay is removed from $(hostname), but ${LEFTOVERS[*]} there holds rules of it, which a reboot would" \
			"bring back, and rules of others that lead to them: take out what names $(own_chain), peers-$VNI-$PORT or" \
			"$DEVICE. Then, or if that may stay, run this again"
}
