# Part of oci-vxlan: compares the FDB and neighbour entries that the kernel holds with those that it should
# hold, and prints the commands that mend the difference; nothing where there is none.
#
#   awk -f entries.awk device=… flood=true ipv6=true what=wanted PEERS what=leaving PEERS what=fdb FDB what=neigh NEIGH
#
# A peer's MAC, a peer's overlay address and all all-zero entries are ours: a foreign all-zero entry would send
# every broadcast to a stranger. Of the rest only what replaced settings had put there goes.

BEGIN { ZERO = "00:00:00:00:00:00" }

$1 == "peer" && what == "wanted" {
	unicast[$3] = $4
	if (flood == "true") replicate[$4] = 1
	# Between the phases the list of peers may be older than the device, which has no IPv6 by now.
	for (i = 5; i <= NF; i++) if (ipv6 == "true" || $i !~ /:/) neighbour[$i] = $3
}

$1 == "peer" && what == "leaving" {
	old_unicast[$3, $4] = 1
	for (i = 5; i <= NF; i++) old_neighbour[$i, $3] = 1
}

# "MAC dst ADDRESS [port P] [vni V] [via NIC] self permanent"
what == "fdb" {
	dst = rest = ""
	for (i = 2; i < NF; i++) {
		if ($i == "dst") dst = $(++i)
		else if ($i ~ /^(port|vni|src_vni|via|nhid)$/) { rest = rest " " $i " " $(i + 1); i++ }
	}
	if (dst == "" && rest == "") next
	right = rest == "" && / self permanent/
	remove = "bridge fdb del " $1 " dev " device (dst == "" ? "" : " dst " dst) rest " self"
	if ($1 == ZERO) {
		if (right && dst in replicate) { delete replicate[dst]; next }
		commands[++count] = remove
	} else if ($1 in unicast) {
		if (unicast[$1] == dst && right) { delete unicast[$1]; next }
		# Only an entry that leads to a group of next hops cannot be replaced.
		if (dst == "") commands[++count] = remove
	} else if (($1, dst) in old_unicast) {
		commands[++count] = remove
	}
}

# "ADDRESS lladdr MAC PERMANENT"
what == "neigh" && $2 == "lladdr" {
	if ($1 in neighbour) {
		if (neighbour[$1] == $3) delete neighbour[$1]
	} else if (($1, $3) in old_neighbour) {
		commands[++count] = "ip neigh del " $1 " dev " device
	}
}

END {
	for (i = 1; i <= count; i++) print commands[i]
	for (mac in unicast) print "bridge fdb replace", mac, "dev", device, "dst", unicast[mac], "self permanent"
	for (dst in replicate) print "bridge fdb append", ZERO, "dev", device, "dst", dst, "self permanent"
	for (address in neighbour) print "ip neigh replace", address, "lladdr", neighbour[address], "dev", device, "nud permanent"
}
