#!/bin/sh
# Waits until cloud-init has finished with this host, for SECONDS at most. Sent to the host on standard input.
# shellcheck disable=SC2154 # seconds is set by the line before this text

if ! command -v cloud-init >/dev/null; then
  echo "this image has no cloud-init, so nothing prepared the host: choose an image that has it" >&2
  exit 1
fi

timeout -k 5 "$seconds" cloud-init status --wait </dev/null >/dev/null 2>&1
code=$?
if [ -s /run/oci-vxlan-packages ]; then # Left by packages.sh.
  echo "this image lacks packages, and cloud-init could not install them (more in /var/log/cloud-init-output.log on the host):" >&2
  cat /run/oci-vxlan-packages >&2
fi
case $code in
  0)
    exit 0
    ;;
  2) # Errors that cloud-init itself calls recoverable, for example a key that its schema does not allow.
    echo "cloud-init finished with recoverable errors, so parts of the user data may be missing. It says:" >&2
    cloud-init status --long </dev/null >&2
    exit 0
    ;;
  124 | 137)
    echo "cloud-init has not finished within $seconds s; raise bootTimeout if it only is slow. It says:" >&2
    ;;
  *)
    echo "cloud-init ended in error (more in /var/log/cloud-init-output.log on the host). It says:" >&2
    ;;
esac
cloud-init status --long </dev/null >&2
exit 1
