# Part of oci-vxlan: prints the state of an overlay on this host for people (format=text), for programs (json), or for
# the textfile collector of node_exporter (metrics). Times are in seconds since 1970 but in the text, which shows ages.
# It ends with 1 if something is wrong.

BEGIN { sync = "unknown"; paths = broken = warnings = 0 }

$1 == "overlay" { overlay = $2; version = $3; vni = $4; port = $5; release = $6 }
$1 == "sync" { sync = $2; since = $3 }
$1 == "now" && sync != $2 { sync = $2; since = now }
$1 == "repair" { repaired = $2; repair = rest(3) }
$1 == "warning" { warning[++warnings] = rest(2) }
$1 == "difference" { difference[++differences] = rest(2) }
$1 == "device" { device = $2; mtu = $3; mac = $4; link = $5 }
$1 == "address" { address[++addresses] = $2 }
$1 == "underlay" { underlay = $2; nic = $3 }
$1 == "unit" { unit = $2; enabled = $3 }
$1 == "probes" { probes = $2 }
$1 == "traffic" { for (i = 2; i <= NF; i++) traffic[i - 1] = $i }
$1 == "path" {
	name[++paths] = $2; target[paths] = $3; state[paths] = $4; changed[paths] = $5; answer[paths] = $6; rtt[paths] = $7
	if ($4 != "up") broken++
}

END {
	if (format == "metrics") print_metrics()
	else if (format == "json") print_json()
	else print_text()
	if (format != "metrics") exit sync != "yes" || unit != "active" || link != "up" || warnings || broken
}

# The words of the line from one on.
function rest(first,    i, text) {
	for (i = first; i <= NF; i++) text = text (i > first ? " " : "") $i
	return text
}

# --- Text -----------------------------------------------------------------------------------------------

function print_text(    i) {
	row("overlay", overlay ", release " release ", version " version " of the program")
	row("device", link == "" ? device " is missing" : device " is " link ", MAC " mac ", MTU " mtu ", VNI " vni ", port " port)
	for (i = 1; i <= addresses; i++) row("address", address[i])
	row("underlay", underlay (nic == "" ? ", which no interface has" : " on " nic))
	row("unit", unit ", " enabled)
	row("in sync", sync (since == "" ? "" : ", since " age(since)))
	for (i = 1; i <= differences; i++) row("", difference[i])
	row("last repair", repaired == "" ? "none since the boot" : age(repaired) " ago: " repair)
	for (i = 1; i <= warnings; i++) row("warning", warning[i])
	row("received", traffic[1] " bytes, " traffic[3] " errors, " traffic[4] " dropped")
	row("sent", traffic[9] " bytes, " traffic[11] " errors, " traffic[12] " dropped")
	row("paths", probes == "off" ? "not probed" : paths - broken " of " paths " pass" )
	if (!paths) return
	printf "\n%-20s %-24s %-12s %10s  %s\n", "peer", "address", "path", "round trip", "last answer"
	for (i = 1; i <= paths; i++)
		printf "%-20s %-24s %-12s %10s  %s\n", name[i], target[i], words(state[i]), rtt[i] == "-" ? "-" : rtt[i] " ms",
			answer[i] ? age(answer[i]) " ago" : "never"
}

function row(key, text) { printf "%-12s %s\n", key, text }
function words(state) { return state == "up" ? "passes" : state == "small" ? "only small" : "broken" }
function age(time,    s) {
	s = now - time
	return s < 120 ? s " s" : s < 7200 ? int(s / 60) " min" : s < 172800 ? int(s / 3600) " h" : int(s / 86400) " d"
}

# --- JSON -----------------------------------------------------------------------------------------------

function print_json(    i, text) {
	print "{" pair("overlay", overlay) ", " pair("release", release) ", \"version\": " version ", " pair("device", device) ", " pair("link", link) ","
	print " " pair("mac", mac) ", \"mtu\": " number(mtu) ", \"vni\": " vni ", \"port\": " port ","
	print " \"addresses\": " list(address, addresses) ", " pair("underlay", underlay) ", " pair("nic", nic) ","
	print " " pair("unit", unit) ", " pair("unitFile", enabled) ", \"inSync\": " (sync == "yes" ? "true" : "false") ","
	print " \"syncChanged\": " number(since) ", \"differences\": " list(difference, differences) ","
	print " \"lastRepair\": " (repaired == "" ? "null" : "{\"time\": " repaired ", " pair("repair", repair) "}") ","
	print " \"warnings\": " list(warning, warnings) ","
	print " \"received\": " counts(1) ", \"sent\": " counts(9) ","
	for (i = 1; i <= paths; i++)
		text = text (i > 1 ? "," : "") "\n  {" pair("peer", name[i]) ", " pair("address", target[i]) ", " pair("state", state[i]) \
			", \"stateChanged\": " changed[i] ", \"lastAnswer\": " (answer[i] ? answer[i] : "null") \
			", \"roundTripMs\": " (rtt[i] == "-" ? "null" : rtt[i]) "}"
	print " \"paths\": " (probes == "off" ? "null" : "[" text "]") "}"
}

function quoted(text) {
	gsub(/["\\]/, "\\\\&", text)
	gsub(/[\001-\037]/, " ", text)
	return "\"" text "\""
}
function pair(key, text) { return quoted(key) ": " (text == "" ? "null" : quoted(text)) }
function number(text) { return text == "" ? "null" : text }
function counts(first) {
	return "{\"bytes\": " number(traffic[first]) ", \"packets\": " number(traffic[first + 1]) \
		", \"errors\": " number(traffic[first + 2]) ", \"dropped\": " number(traffic[first + 3]) "}"
}
function list(texts, count,    i, text) {
	for (i = 1; i <= count; i++) text = text (i > 1 ? ", " : "") quoted(texts[i])
	return "[" text "]"
}

# --- Metrics --------------------------------------------------------------------------------------------

function print_metrics(    i) {
	metric("in_sync", "Whether the last run of the unit left the host as its settings say.")
	sample("in_sync", "", sync == "yes" ? 1 : 0)
	metric("warnings", "Number of things that the host warns of and cannot repair.")
	sample("warnings", "", warnings)
	metric("last_repair_timestamp_seconds", "Time of the last repair since the boot, 0 if there was none.")
	sample("last_repair_timestamp_seconds", "", repaired + 0)
	metric("path_up", "Whether the last probe of a peer passed at the full MTU of the overlay.")
	for (i = 1; i <= paths; i++) sample("path_up", labels(i), state[i] == "up" ? 1 : 0)
	metric("path_last_answer_timestamp_seconds", "Time of the last answer of a peer, 0 if there was none.")
	for (i = 1; i <= paths; i++) sample("path_last_answer_timestamp_seconds", labels(i), answer[i])
	metric("path_round_trip_seconds", "Round trip of the last answer of a peer.")
	for (i = 1; i <= paths; i++) if (rtt[i] != "-") sample("path_round_trip_seconds", labels(i), rtt[i] / 1000)
}

function metric(name, help) { print "# HELP oci_vxlan_" name " " help "\n# TYPE oci_vxlan_" name " gauge" }
function sample(name, more, value) { printf "oci_vxlan_%s{overlay=\"%s\"%s} %.10g\n", name, overlay, more, value }
function labels(i) { return ",peer=\"" name[i] "\",address=\"" target[i] "\"" }
