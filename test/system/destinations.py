"""Prints where a network card sends to, each destination once: python3 destinations.py DEVICE MAC.

A line for each: `arp ADDRESS`, `tcp ADDRESS PORT`, `udp ADDRESS PORT`, `ip PROTOCOL ADDRESS`, `ip6 NEXT-HEADER ADDRESS`, `other TYPE`.
"""
import socket
import struct
import sys

device, mac = sys.argv[1:3]
own = bytes.fromhex(mac.replace(":", ""))
every_protocol = 3


def destination(frame):
    kind, packet = struct.unpack("!H", frame[12:14])[0], frame[14:]
    if kind == 0x0806:
        return "arp " + socket.inet_ntoa(packet[24:28])
    if kind == 0x86DD:
        return f"ip6 {packet[6]} {socket.inet_ntop(socket.AF_INET6, packet[24:40])}"
    if kind != 0x0800:
        return f"other {kind:04x}"
    protocol, address = packet[9], socket.inet_ntoa(packet[16:20])
    name = {6: "tcp", 17: "udp"}.get(protocol)
    # Only the first fragment has ports.
    if name is None or struct.unpack("!H", packet[6:8])[0] & 0x1FFF:
        return f"ip {protocol} {address}"
    head = packet[(packet[0] & 15) * 4 :]
    return f"{name} {address} {struct.unpack('!H', head[2:4])[0]}"


frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(every_protocol))
frames.bind((device, every_protocol))
print("listening", flush=True)
seen = set()
while True:
    frame = frames.recv(65535)
    if frame[6:12] != own:
        continue
    found = destination(frame)
    if found not in seen:
        seen.add(found)
        print(found, flush=True)
