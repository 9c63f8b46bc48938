# Part of oci-vxlan: compares the FDB and neighbour entries that the kernel holds with those that it should hold, and
# prints the commands that repair the difference, each with what was wrong; nothing if there is none.
#
#   awk -f fdb.awk device=… flood=true ipv6=true input=desired PEERS input=replaced PEERS input=fdb FDB input=neigh NEIGH
#
# A peer's MAC, a peer's overlay address and all all-zero entries are the overlay's: a foreign all-zero entry would send
# every broadcast to a non-peer. Other entries are removed only if replaced settings had put them there.

BEGIN { ZERO = "00:00:00:00:00:00" }

function add(command, difference) { commands[++count] = command " # " difference }

$1 == "peer" && input == "desired" {
	unicast[$3] = $4
	if (flood == "true") replicate[$4] = 1
	# Between the phases the list of peers may be older than the device, which has no IPv6 by now.
	for (i = 5; i <= NF; i++) if (ipv6 == "true" || $i !~ /:/) neighbour[$i] = $3
}

$1 == "peer" && input == "replaced" {
	old_unicast[$3, $4] = 1
	for (i = 5; i <= NF; i++) old_neighbour[$i, $3] = 1
}

# "MAC dst ADDRESS [port P] [vni V] [via NIC] self permanent"
input == "fdb" {
	dst = options = ""
	for (i = 2; i < NF; i++) {
		if ($i == "dst") dst = $(++i)
		else if ($i ~ /^(port|vni|src_vni|via|nhid)$/) { options = options " " $i " " $(i + 1); i++ }
	}
	if (dst == "" && options == "") next
	is_plain = options == "" && / self permanent/
	remove = "bridge fdb del " $1 " dev " device (dst == "" ? "" : " dst " dst) options " self"
	if ($1 == ZERO) {
		if (is_plain && dst in replicate) delete replicate[dst]
		else add(remove, dst in replicate ? "it had other options" : "no peer is there")
	} else if ($1 in unicast) {
		if (unicast[$1] == dst && is_plain) delete unicast[$1]
		else wrong[$1] = wrong[$1] substr($0, length($1) + 2)
		# Only an entry that leads to a group of next hops cannot be replaced.
		if (dst == "") add(remove, "a peer has no group of next hops")
	} else if (($1, dst) in old_unicast) add(remove, "older settings had it")
}

# "ADDRESS lladdr MAC PERMANENT"
input == "neigh" && $2 == "lladdr" {
	if ($1 in neighbour) {
		if (neighbour[$1] == $3) delete neighbour[$1]
		else wrong[$1] = $3
	} else if (($1, $3) in old_neighbour) add("ip neigh del " $1 " dev " device, "older settings had it")
}

function difference(key) { return key in wrong ? "it was " wrong[key] : "it was missing" }

END {
	for (mac in unicast) add("bridge fdb replace " mac " dev " device " dst " unicast[mac] " self permanent", difference(mac))
	for (dst in replicate) add("bridge fdb append " ZERO " dev " device " dst " dst " self permanent", "it was missing")
	for (address in neighbour)
		add("ip neigh replace " address " lladdr " neighbour[address] " dev " device " nud permanent", difference(address))
	for (i = 1; i <= count; i++) print commands[i]
}
