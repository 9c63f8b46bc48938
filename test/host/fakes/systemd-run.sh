#!/bin/bash
# A fake of systemd-run where no systemd runs: writes down how it was called, and runs nothing.
echo "systemd-run $*" >>/run/fakes/systemctl.log
