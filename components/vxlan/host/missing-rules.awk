# Part of oci-vxlan: reads a ruleset as nft lists it, and prints the commands for rules that are missing in chains which
# refuse what they do not know; nothing where none is missing. It follows two packets from each base chain: VXLAN that
# arrives by the NIC, and whatever arrives by the device. A chain that this takes for worse than it is costs a rule too
# many; one that it takes for better, the overlay.
#
#   nft -s list ruleset | awk -f missing-rules.awk port=… nic=… device=… ingress=all own=oci-vxlan managed="ip ip6"
#
# Chains of iptables (of the families in "managed") and of firewalld are opened in their own way.

BEGIN {
	SUBJECT["interface"] = "iif(name)?"
	SUBJECT["port"] = "(udp|th) dport"
	SUBJECT["state"] = "ct state"
}

$1 == "table" { table = $2 " " $3 }
$1 == "chain" { chain = table " " $2; next }
$1 == "}" { chain = "" }
chain == "" { next }
/hook input/ { base[++bases] = chain }
/^[[:space:]]*type / { refuses[chain] = /policy drop/; next }
{ rule[chain, ++rules[chain]] = $0 }

# Whether a condition is on a port, a range or a set of them that has the overlay's port in it.
function has_port(condition,   each, at, range) {
	sub(/^[a-z]+ dport (!= )?/, "", condition)
	gsub(/[{} ]/, "", condition)
	for (at = split(condition, each, ","); at > 0; at--) {
		if (split(each[at], range, "-") == 1) range[2] = range[1]
		if (range[1] + 0 <= port + 0 && port + 0 <= range[2] + 0) return 1
	}
	return 0
}

# Whether a condition names an interface, in full or by how it begins.
function has_name(condition, interface,   each, at) {
	for (at = split(condition, each, "\""); at > 1; at--)
		if (each[at] == interface || (sub(/\*$/, "", each[at]) && index(interface, each[at]) == 1)) return 1
	return 0
}

# A rule without its condition on a subject (port, state or interface), if the packet meets it.
function without(text, subject, interface,   condition, rest, has) {
	if (!match(text, SUBJECT[subject] " (!= )?(\"[^\"]*\"|[0-9-]+|[a-z]+((,| \\| )[a-z]+)*|\\{[^}]*\\})")) return text
	condition = substr(text, RSTART, RLENGTH)
	rest = substr(text, 1, RSTART - 1) substr(text, RSTART + RLENGTH)
	if (subject == "port") has = has_port(condition)
	else if (subject == "state") has = condition ~ /new/
	else has = has_name(condition, interface)
	return has == (condition ~ /!= /) ? text : rest
}

# A rule that has a map from interfaces or states to verdicts, with the one verdict in its place that holds for the packet.
function without_map(text, interface,   start, map, each, at, pair) {
	if (!match(text, /(iif(name)?|ct state) vmap \{[^}]*\}/) || substr(text, 1, RSTART - 1) ~ /\. $/) return text
	start = RSTART
	map = substr(text, start, RLENGTH)
	for (at = split(map, each, /[{},]/); at > 0; at--) {
		gsub(/^ +| +$/, "", each[at])
		split(each[at], pair, " : ")
		if (map ~ /^ct/ ? pair[1] == "new" : has_name(pair[1], interface)) return substr(text, 1, start - 1) pair[2]
	}
	return text
}

# What is left of a rule without the conditions that a packet meets, and without what is no condition: a mere verdict
# where it meets them all.
function unmet(text, interface, vxlan) {
	gsub(/^[[:space:]]+|[[:space:]]+$| comment "[^"]*"$/, "", text)
	gsub(/(^| )counter( packets [0-9]+ bytes [0-9]+| name "[^"]*")?/, "", text)
	gsub(/(^| )log( prefix "[^"]*"| level [a-z]+| flags [a-z, ]+| group [0-9]+)*/, "", text)
	text = without(without_map(text, interface), "state")
	gsub(/(^| )(meta nfproto ipv4|fib daddr type local|meta pkttype host)/, "", text)
	text = without(text, "interface", interface)
	# All of UDP is all of VXLAN, and a part of what the overlay carries: that much may be refused, and is not enough.
	if (vxlan || text !~ /(accept|(jump|goto) [^ ]+)$/)
		gsub(/(^| )(meta l4proto (udp|17|\{[^}]*udp[^}]*\})|ip protocol (udp|17))/, "", text)
	if (vxlan) text = without(text, "port")
	gsub(/^ +| +$/, "", text)
	gsub(/  +/, " ", text)
	return text
}

# What a chain makes of a packet. Whether it lets in some of it before, from one address for instance, is left in known:
# then somebody has decided about it. Chains may lead to each other, so the way down is bounded.
function verdict(chain, interface, vxlan, depth,   i, text, word, target) {
	for (i = 1; i <= rules[chain] && depth < 16; i++) {
		text = unmet(rule[chain, i], interface, vxlan)
		if (vxlan && text ~ /accept$/ && text !~ /dport|iif/ && rule[chain, i] ~ /(udp|th) dport/) known = 1
		word = text
		sub(/ .*/, "", word)
		if (word ~ /^(accept|drop|reject)$/) return word
		if (text == "return") return ""
		if (word ~ /^(jump|goto)$/) {
			target = chain
			sub(/[^ ]+$/, substr(text, 6), target)
			text = verdict(target, interface, vxlan, depth + 1)
			if (text != "" || word == "goto") return text
		}
	}
	return ""
}

function is_refused(chain, interface, vxlan,   end) {
	known = 0
	end = verdict(chain, interface, vxlan, 0)
	return !known && (end ~ /drop|reject/ || (end == "" && refuses[chain]))
}

END {
	for (at = 1; at <= bases; at++) {
		chain = base[at]
		split(chain, name, " ")
		if (name[1] !~ /^(ip|ip6|inet)$/ || name[2] == own || name[2] == "firewalld") continue
		if (name[2] == "filter" && name[3] == "INPUT" && index(" " managed " ", " " name[1] " ")) continue
		if (name[1] != "ip6" && is_refused(chain, nic, 1)) print "  nft insert rule " chain " udp dport " port " accept"
		if (ingress == "all" && is_refused(chain, device, 0)) print "  nft insert rule " chain " iifname \"" device "\" accept"
	}
}
