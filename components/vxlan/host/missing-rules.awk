# Part of oci-vxlan: reads a ruleset as nft lists it, and prints the commands for rules that are missing in chains which
# refuse what they do not know; nothing where none is missing. A chain that this takes for worse than it is costs a rule
# too many; one that it takes for better, the overlay.
#
#   nft -s list ruleset | awk -f missing-rules.awk port=… device=… ingress=all own=oci-vxlan managed="ip ip6"
#
# Chains of iptables (of the families in "managed") and of firewalld are opened in their own way.

$1 == "table" { table = $2 " " $3 }
$1 == "chain" { chain = table " " $2; next }
$1 == "}" { chain = "" }
chain == "" { next }
/hook input/ { base[++bases] = chain }
/^[[:space:]]*type / { refuses[chain] = /policy drop/; next }
{ rule[chain, ++rules[chain]] = $0 }

# A rule without what narrows it down in no way that matters to a VXLAN packet.
function bare(text) {
	gsub(/^[[:space:]]+|[[:space:]]+$| comment "[^"]*"$/, "", text)
	gsub(/(^| )counter( packets [0-9]+ bytes [0-9]+)?/, "", text)
	gsub(/(^| )log( prefix "[^"]*"| level [a-z]+| flags [a-z, ]+| group [0-9]+)*/, "", text)
	gsub(/(^| )(meta l4proto (udp|17|\{[^}]*udp[^}]*\})|ip protocol udp|meta nfproto ipv4)/, "", text)
	sub(/^ +/, "", text)
	return text
}

# What a chain makes of a packet that none of its narrower rules knows, and which of ours it accepts before: sets udp
# and inside. Chains may lead to each other, so the way down is bounded.
function verdict(chain, depth,   i, text, word, target) {
	for (i = 1; i <= rules[chain] && depth < 16; i++) {
		text = rule[chain, i]
		if (text ~ /accept/ && text ~ "udp dport (\\{ ([^}]*, )?)?" port "[ ,]") udp = 1
		text = bare(text)
		if (text ~ "^iif(name)? (\\{ ([^}]*, )?)?\"" device "\"[^}]*(\\} )?accept$" && text !~ /dport|saddr|daddr/) inside = 1
		word = text
		sub(/ .*/, "", word)
		if (word ~ /^(accept|drop|reject)$/) return word
		if (text == "return") return ""
		if (word ~ /^(jump|goto)$/) {
			target = chain
			sub(/[^ ]+$/, substr(text, 6), target)
			text = verdict(target, depth + 1)
			if (text != "" || word == "goto") return text
		}
	}
	return ""
}

END {
	for (at = 1; at <= bases; at++) {
		chain = base[at]
		split(chain, name, " ")
		if (name[1] !~ /^(ip|ip6|inet)$/ || name[2] == own || name[2] == "firewalld") continue
		if (name[2] == "filter" && name[3] == "INPUT" && index(" " managed " ", " " name[1] " ")) continue
		udp = inside = 0
		end = verdict(chain, 0)
		if (end == "accept" || (end == "" && !refuses[chain])) continue
		if (!udp && name[1] != "ip6") print "  nft insert rule " chain " udp dport " port " accept"
		if (!inside && ingress == "all") print "  nft insert rule " chain " iifname \"" device "\" accept"
	}
}
