"""Prints what a network card is given: python3 frames.py DEVICE. A line for each frame: `SECONDS BYTES`, these in hexadecimal."""
import socket
import sys
import time

every_protocol = 3
frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(every_protocol))
frames.bind((sys.argv[1], every_protocol))
print("listening", flush=True)
while True:
    frame = frames.recv(65535)
    print(f"{time.time():.3f} {frame.hex()}", flush=True)
