# Part of evidence.sh: reads what iptables-save -c or nft -a list ruleset prints, and prints the rules that refuse in chains
# which a base chain other than forward leads to, and our jumps, which show what stands ahead of them.
#
#   iptables-save -c | awk -f evidence.awk tool=iptables family=ip port=4789 device=vxlan0 max=200
#
# A rule that counts, has counted nothing and names neither port nor device is left out: lists of banned addresses are long.

function note(packets, handle, text) { at[++notes] = chain; line[notes] = packets " " handle " " substr(text, 1, 300) }
function named(text) { return text ~ "(^|[^0-9])" port "([^0-9]|$)" || index(text, device) }
/^\*/ { table = family " " substr($1, 2); next }
/^:/ {
	chain = table " " substr($1, 2)
	if ($2 == "-" || $1 == ":FORWARD") next
	hook[chain] = tolower(substr($1, 2))
	split(substr($3, 2), count, ":")
	if ($2 != "ACCEPT") note(count[1], "-", "-P " substr($1, 2) " " $2)
	next
}
/^\[/ {
	chain = table " " $3
	split(substr($1, 2), count, ":")
	sub(/^[^ ]+ /, "")
	target = ""
	for (i = 2; i < NF; i++) if ($i ~ /^-[jg]$/) target = $(i + 1)
	leads[chain, table " " target]
	if (target ~ /^oci-vxlan-/ || (target ~ /^(DROP|REJECT)$/ && (count[1] > 0 || named($0)))) note(count[1], "-", $0)
	next
}
$1 == "table" { table = $2 " " $3; next }
$1 == "chain" { chain = table " " $2; next }
$1 == "}" { chain = "" }
chain == "" || index(managed, " " table " ") { next }
$1 == "type" {
	for (i = 2; i < NF; i++) if ($i == "hook" && $(i + 1) != "forward") hook[chain] = $(i + 1)
	if (/policy drop/) note("-", "-", "policy drop")
	next
}
{
	handle = match($0, / # handle [0-9]+$/) ? substr($0, RSTART + 10) : "-"
	sub(/ # handle [0-9]+$/, "")
	gsub(/^[ \t]+/, "")
	packets = match($0, /counter packets [0-9]+/) ? substr($0, RSTART + 16, RLENGTH - 16) : "-"
	sub(/counter packets [0-9]+ bytes [0-9]+/, "counter")
	bare = $0
	gsub(/"[^"]*"/, "", bare)
	for (i = split(bare, words, /[ ,]+/); i > 1; i--) if (words[i - 1] ~ /^(jump|goto)$/) leads[chain, table " " words[i]]
	if (bare !~ /(^| )(drop|reject)([ ,]|$)/ || (packets == 0 && !named($0))) next
	# The peer filter drops non-peers as it should; its counters alone say something.
	if (table != "ip oci-vxlan" || packets != "-") note(packets, handle, $0)
}
END {
	do {
		more = 0
		for (lead in leads) {
			split(lead, pair, SUBSEP)
			if ((pair[1] in hook) && !(pair[2] in hook)) { hook[pair[2]] = hook[pair[1]]; more = 1 }
		}
	} while (more)
	for (i = 1; i <= notes && printed < max; i++)
		if (at[i] in hook) { print "oci-vxlan evidence rule", tool, at[i], hook[at[i]], line[i]; printed++ }
}
