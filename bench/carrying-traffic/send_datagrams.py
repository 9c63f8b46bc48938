"""Sends UDP datagrams of 64 bytes to port 9 of each address in turn, for some seconds, and prints how many.

send_datagrams.py SECONDS ADDRESS...
"""

import socket
import sys
import time

seconds, addresses = float(sys.argv[1]), sys.argv[2:]
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
sent = 0
end = time.monotonic() + seconds
while time.monotonic() < end:
    for address in addresses:
        try:
            sender.sendto(bytes(64), (address, 9))
            sent += 1
        except OSError:
            # The queue is full.
            pass
print(sent)
