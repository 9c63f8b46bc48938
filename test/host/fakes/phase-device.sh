#!/bin/bash
# Runs phase device as its script does when it has installed the program: phase-device.sh OVERLAY
set -euo pipefail
cd /run/fakes/host/sent
# shellcheck disable=SC2034 # phase device reads it
OVERLAPS=$(<overlaps.awk)
# shellcheck source=/dev/null
. ./phase-device.sh
# shellcheck source=/dev/null
. /usr/local/sbin/oci-vxlan
cd /
main device "$@"
