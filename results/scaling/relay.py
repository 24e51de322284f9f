#!/usr/bin/env python3
"""A switch between network namespaces whose links have a bandwidth and a delay. As root, until its input ends:

    relay.py MEGABITS MILLISECONDS NAMESPACE...

Namespace i gets a device `wire` with the address 10.77.0.i. What a node sends waits for the node's own link (its bytes
over the bandwidth; 0 = no limit), then for the delay, and is then there. Nothing is dropped. Packets hold up to 60 kB,
as network cards take them from the kernel, so that a packet costs little here. Says "ready" when the devices are up.
"""

import ctypes
import fcntl
import heapq
import os
import select
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI, CLONE_NEWNET = 0x400454CA, 0x1, 0x1000, 0x40000000
MTU = 60000


def open_device(namespace, address):
    """A device in a namespace, as a file from which its packets are read."""
    with open(f"/run/netns/{namespace}") as file:
        if ctypes.CDLL(None).setns(file.fileno(), CLONE_NEWNET) != 0:
            sys.exit(f"{namespace}: expected a network namespace that root may enter")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"wire", IFF_TUN | IFF_NO_PI))
    for words in (f"addr add {address}/24 dev wire", f"link set wire mtu {MTU} txqueuelen 10000 up", "link set lo up"):
        subprocess.run(["ip", "-n", namespace, *words.split()], check=True)
    return device


def main():
    bytes_per_second, delay = float(sys.argv[1]) * 1e6 / 8, float(sys.argv[2]) * 1e-3
    devices = [open_device(name, f"10.77.0.{i}") for i, name in enumerate(sys.argv[3:], 1)]
    print("ready", flush=True)
    free = dict.fromkeys(devices, 0.0)  # when a node's link will have sent what it has
    under_way = []  # (when it is there, order, packet, device)
    count = 0
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        readable, _, _ = select.select([*devices, sys.stdin], [], [], wait)
        if sys.stdin in readable:
            return
        for device in readable:
            packet = os.read(device, MTU + 100)
            if packet[0] >> 4 != 4 or not 1 <= packet[19] <= len(devices):
                continue  # not IPv4, or for none of them
            sent = max(time.monotonic(), free[device])
            sent += len(packet) / bytes_per_second if bytes_per_second else 0.0
            free[device] = sent
            count += 1
            heapq.heappush(under_way, (sent + delay, count, packet, devices[packet[19] - 1]))
        while under_way and under_way[0][0] <= time.monotonic():
            _, _, packet, device = heapq.heappop(under_way)
            os.write(device, packet)


main()
