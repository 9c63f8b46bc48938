# Part of oci-vxlan: prints what a host reaches by other ways than the overlay and what overlaps one of its networks, a
# line for each.
#
#   awk -f overlaps.awk networks="192.168.0.1/24 fd00::1/64" own="vxlan0" input=client SSH_CONNECTION \
#     input=resolver RESOLV_CONF input=address ADDRESSES input=route ROUTES
#
# "own" are devices of the overlay. Default routes, and large parts of all addresses that stand for one, such as 0.0.0.0/1
# and 2000::/3, hold every network and are no conflict.

BEGIN {
	SHORTEST = 8 # bits of an IPv4 network that counts
	SHORTEST_IPV6 = 4
	for (n = 0; n < 16; n++) NIBBLE[sprintf("%x", n)] = int(n / 8) int(n / 4) % 2 int(n / 2) % 2 n % 2
}

input == "client" && NF > 0 { compare($1, "the SSH client that makes this change") }

input == "resolver" && $1 == "nameserver" { compare($2, "a name server") }

# "2: eth0    inet 10.0.0.5/24 …"
input == "address" && !is_own($2) { compare($4, "an address of " $2) }

# "[unreachable] NETWORK [via [inet6] GATEWAY] [dev DEVICE] …"
input == "route" && $1 !~ /^(local|broadcast|multicast|anycast)$/ {
	if ($1 ~ /^(unreachable|blackhole|prohibit|throw|unicast)$/) { $1 = ""; $0 = $0 }
	device = gateway = ""
	for (i = 1; i < NF; i++) {
		if ($i == "dev") device = $(i + 1)
		if ($i == "via") gateway = $(i + 1) ~ /^inet6?$/ ? $(i + 2) : $(i + 1)
	}
	if (device != "" && is_own(device)) next
	by = device == "" ? "" : " by " device
	compare($1, "the route " $1 (gateway == "" ? "" : " via " gateway) by)
	if (gateway != "") compare(gateway, "the gateway of " $1 by)
}

function is_own(device) { return index(" " own " ", " " device " ") }

function compare(subject, description,   network, count, n, shared) {
	if (prefix_of(subject) < (subject ~ /:/ ? SHORTEST_IPV6 : SHORTEST)) return
	count = split(networks, network, " ")
	for (n = 1; n <= count; n++) {
		shared = prefix_of(subject) < prefix_of(network[n]) ? prefix_of(subject) : prefix_of(network[n])
		if ((subject ~ /:/) == (network[n] ~ /:/) && substr(bits(subject), 1, shared) == substr(bits(network[n]), 1, shared))
			print "  " network[n] " overlaps " subject ", " description
	}
}

function prefix_of(text) {
	if (text == "default") return 0
	if (text ~ /\//) return substr(text, index(text, "/") + 1) + 0
	return text ~ /:/ ? 128 : 32
}

# An address as a text of ones and zeros.
function bits(text,   part, count, i, hex, result) {
	sub(/[\/%].*/, "", text)
	if (text ~ /:/) {
		sub(/^:/, "0:", text)
		sub(/:$/, ":0", text)
		while (text ~ /::/ && split(text, part, ":") < 9) sub(/::/, ":0::", text)
		sub(/::/, ":", text)
	}
	count = split(tolower(text), part, /[.:]/)
	for (i = 1; i <= count; i++) hex = hex (text ~ /:/ ? substr("0000" part[i], length(part[i]) + 1) : sprintf("%02x", part[i]))
	for (i = 1; i <= length(hex); i++) result = result NIBBLE[substr(hex, i, 1)]
	return result
}
