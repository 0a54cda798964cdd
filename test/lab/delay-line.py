# A cable with a length: what goes in at one tap comes out at the other after so many milliseconds, in both directions and in
# order; or, with jitter, after up to so many more, each at random, so that packets overtake each other. For kernels without
# netem. It loses and changes nothing.
# Arguments: two names of tap devices, milliseconds, milliseconds of jitter. Says "ready" when both ends are open.
import fcntl
import heapq
import itertools
import os
import random
import select
import struct
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
FRAME_BYTES = 65536


def open_tap(name):
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return tap


def carry(ends, delay, jitter):
    queue, number = [], itertools.count()
    while True:
        wait = max(0, queue[0][0] - time.monotonic()) if queue else None
        for end in select.select(ends, [], [], wait)[0]:
            other = ends[1] if end == ends[0] else ends[0]
            due = time.monotonic() + delay + random.uniform(0, jitter)
            try:
                heapq.heappush(queue, (due, next(number), other, os.read(end, FRAME_BYTES)))
            except BlockingIOError:
                pass
        while queue and queue[0][0] <= time.monotonic():
            _, _, end, frame = heapq.heappop(queue)
            try:
                os.write(end, frame)
            except OSError:
                pass  # The device is down: a cable that is unplugged.


os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))  # a cable is never late
ends = [open_tap(name) for name in sys.argv[1:3]]
print("ready", flush=True)
carry(ends, *(float(ms) / 1000 for ms in sys.argv[3:5]))
