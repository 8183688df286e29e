"""Asks for an address by DHCP (RFC 2131) as a network card would: python3 dhcp-client.py DEVICE MAC [USER-CLASS].

Prints what it was given as JSON, null when nobody answers within a second and a half.
"""
import json
import os
import socket
import sys
import time

device, mac = sys.argv[1:3]
user_class = sys.argv[3].encode() if len(sys.argv) > 3 else b""
number = os.urandom(4)


def option(code, value):
    return bytes([code, len(value)]) + value


def message(kind, more=b""):
    hardware = bytes.fromhex(mac.replace(":", ""))
    # It has no address yet: answers are to be broadcast.
    head = bytes([1, 1, 6, 0]) + number + b"\0\0\x80\0" + bytes(16) + hardware.ljust(16, b"\0") + bytes(192)
    options = option(53, bytes([kind])) + option(55, bytes([1, 3, 6, 67, 175, 224, 225])) + more
    if user_class:
        options += option(77, user_class)
    return head + b"\x63\x82\x53\x63" + options + b"\xff"


def parse(packet):
    found, rest = {}, packet[240:]
    while rest and rest[0] != 255:
        if rest[0] == 0:
            rest = rest[1:]
            continue
        found[rest[0]] = rest[2 : 2 + rest[1]]
        rest = rest[2 + rest[1] :]
    return found


wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
wire.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
wire.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
wire.bind(("0.0.0.0", 68))


def ask(packet):
    wire.sendto(packet, ("255.255.255.255", 67))
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        wire.settimeout(max(0.01, end - time.monotonic()))
        try:
            answer = wire.recv(2000)
        except TimeoutError:
            return None
        if answer[4:8] == number and answer[0] == 2:
            return answer
    return None


offer = ask(message(1))
if offer is None:
    print("null")
    sys.exit()
given = offer[16:20]
answer = ask(message(3, option(50, given) + option(54, parse(offer)[54])))
options = parse(answer)
print(
    json.dumps(
        {
            "address": socket.inet_ntoa(given),
            "isAcknowledged": options[53] == b"\x05",
            "script": options.get(67, b"").decode().rstrip("\0"),
            "ipxe": parse(offer).get(175, b"").hex(),
            "seed": options.get(224, b"").decode(),
            "paths": options.get(225, b"").decode(),
        }
    )
)
