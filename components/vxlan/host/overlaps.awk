# Part of oci-vxlan: which of the addresses and networks on standard input ("ADDRESS[/PREFIX] what it is") overlap one of the
# overlay's. Prints a line for each.
#
#   awk -f overlaps.awk networks="192.168.0.1/24 fd00::1/64" -
#
# Default routes, and halves and quarters of all addresses that stand for one, hold every network and are no conflict.

BEGIN { SHORTEST = 8 }

FNR == 1 { count = split(networks, network, " ") }

{
	for (n = 1; n <= count; n++) {
		theirs = prefix_of($1)
		ours = prefix_of(network[n])
		if (theirs < SHORTEST || family($1) != family(network[n])) continue
		shared = theirs < ours ? theirs : ours
		if (substr(bits($1), 1, shared) != substr(bits(network[n]), 1, shared)) continue
		line = $0
		sub(/^[^ ]+ /, "", line)
		sub(/ +$/, "", line)
		print "  " network[n] " overlaps " $1 ", " line
	}
}

function family(text) { return text ~ /:/ ? 6 : 4 }

function prefix_of(text) {
	if (text == "default") return 0
	return text ~ /\// ? substr(text, index(text, "/") + 1) + 0 : (family(text) == 6 ? 128 : 32)
}

# An address as a text of ones and zeros.
function bits(text,    parts, halves, i, left, right, result) {
	sub(/\/.*/, "", text)
	sub(/%.*/, "", text)
	if (family(text) == 4) {
		split(text, parts, ".")
		for (i = 1; i <= 4; i++) result = result binary(parts[i] + 0, 8)
		return result
	}
	if (text !~ /::/) return groups(text)
	split(text, halves, "::")
	left = groups(halves[1])
	right = groups(halves[2])
	while (length(left) + length(right) < 128) left = left "0"
	return left right
}

function groups(text,    parts, count, i, result) {
	count = split(text, parts, ":")
	for (i = 1; i <= count; i++) result = result binary(hexadecimal(parts[i]), 16)
	return result
}

function hexadecimal(text,    i, value) {
	for (i = 1; i <= length(text); i++) value = value * 16 + index("0123456789abcdef", tolower(substr(text, i, 1))) - 1
	return value + 0
}

function binary(value, width,    result) {
	while (width-- > 0) {
		result = value % 2 result
		value = int(value / 2)
	}
	return result
}
