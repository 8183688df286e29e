"""Asks an address for an echo in the clear (RFC 792): python3 echo.py ADDRESS SECONDS. Prints `answered`, or `nothing`."""
import select
import socket
import struct
import sys
import time

address, seconds = sys.argv[1], float(sys.argv[2])
card = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
# Type 8, its checksum, identifier 0x7e57, sequence 1.
question = struct.pack("!BBHHH", 8, 0, 0xFFFF - (0x0800 + 0x7E57 + 1), 0x7E57, 1)
end = time.monotonic() + seconds
said = "nothing"
while said == "nothing" and time.monotonic() < end:
    try:
        card.sendto(question, (address, 0))
    except OSError:
        pass
    while select.select([card], [], [], 1)[0]:
        packet, (sender, _) = card.recvfrom(2048)
        if sender == address and packet[20] == 0 and packet[24:26] == b"\x7e\x57":
            said = "answered"
            break
print(said)
