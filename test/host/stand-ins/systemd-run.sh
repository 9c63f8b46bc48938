#!/bin/bash
# Stands in for systemd-run where no systemd runs: writes down how it was called, and runs nothing.
echo "systemd-run $*" >>/run/stand-ins/systemctl.log
