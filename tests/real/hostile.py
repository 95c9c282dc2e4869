"""Clients that mean no good, many of each kind at once, beside some that do their work: slow ones, half-open ones, bodies
and heads without end, answers that nobody takes. None may hold a worker: every honest request is answered meanwhile, each of
these connections is closed in time, and memory stays bounded."""
import os
import shutil
import socket
import tempfile
import time

from load import Load, Looks, small, statuses
from service import PREFIX, Service, until

OF_EACH = 120
# Longer than anything may take: head and answer have 30 s, a body 10.
CLOSED_WITHIN = 100
MEMORY_MAX = 600 << 20
POST = f"POST {PREFIX}/produce/direct HTTP/1.1\r\nHost: x\r\n".encode()
GET = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"


class Hostile:
    """One connection: what it says first, what it says again and again, and whether it ever reads."""

    def __init__(self, address, first, more=b"", reads=True, shuts=False):
        self.more, self.reads, self.closed = more, reads, False
        self.socket = socket.create_connection(address)
        self.socket.setblocking(False)
        self.say(first)
        if shuts:
            self.socket.shutdown(socket.SHUT_WR)

    def say(self, what):
        try:
            if what:
                self.socket.send(what)
        except BlockingIOError:
            pass
        except OSError:
            self.closed = True

    def step(self):
        self.say(self.more)
        try:
            while self.reads and not self.closed:
                self.closed = self.socket.recv(1 << 16) == b""
        except BlockingIOError:
            pass
        except OSError:
            self.closed = True


# Of whom it is said who they are, and how to make one.
KINDS = {
    "says nothing": lambda at: Hostile(at, b""),
    "stops in the middle of a head": lambda at: Hostile(at, b"GET /livez HTTP/1.1\r\nHo"),
    "sends a head letter by letter": lambda at: Hostile(at, b"GET /livez HTTP/1.1\r\nX: ", b"x"),
    "sends headers without end": lambda at: Hostile(at, b"GET /livez HTTP/1.1\r\n", b"X-Flood: y\r\n" * 500),
    "sends one header without end": lambda at: Hostile(at, b"GET /livez HTTP/1.1\r\nX: ", b"x" * 8_000),
    "asks for an address without end": lambda at: Hostile(at, b"GET /", b"x" * 8_000),
    "sends a body letter by letter": lambda at: Hostile(at, POST + b"Content-Length: 100000\r\n\r\n{", b" "),
    "promises a body and sends none": lambda at: Hostile(at, POST + b"Content-Length: 200000\r\n\r\n"),
    "sends chunks without end": lambda at: Hostile(
        at, POST + b"Transfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b" " * 1024 + b"\r\n"),
    "waits to be told to go on": lambda at: Hostile(
        at, POST + b"Content-Length: 200000\r\nExpect: 100-continue\r\n\r\n"),
    "asks for much and reads nothing": lambda at: Hostile(at, GET * 20, GET * 20, reads=False),
    "hangs up halfway": lambda at: Hostile(at, POST + b"Content-Length: 100\r\n\r\n{", shuts=True),
    "speaks another language": lambda at: Hostile(at, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)),
    "lets others wait for records": lambda at: Hostile(
        at, f"GET {PREFIX}/changes?after=999999999&wait=30 HTTP/1.1\r\nHost: x\r\n\r\n".encode(), shuts=True),
}


def main(binary, arguments):
    folder = tempfile.mkdtemp(prefix="eros-hostile-", dir="/var/tmp")
    data, log = os.path.join(folder, "data"), os.path.join(folder, "log")
    service = Service(binary, data, log, {"LOG": "warn", "HISTORY_CACHE_BYTES": "8MiB"})
    assert service.ready(), open(log).read()
    load, looks = Load(service, 4, small("honest"), pause=0.01), Looks(service, "/livez", "summary?member_no=m0")
    until("honest changes are done", lambda: load.codes()[0] > 100)
    crowd = {kind: [make(service.address) for _ in range(OF_EACH)] for kind, make in KINDS.items()}
    everyone = [one for kind in crowd.values() for one in kind]
    began, largest = time.monotonic(), 0
    while time.monotonic() - began < (8 if arguments.short else CLOSED_WITHIN):
        for one in everyone:
            if not one.closed:
                one.step()
        largest = max(largest, resident(service))
        if all(one.closed for one in everyone):
            break
        time.sleep(0.2)
    took = time.monotonic() - began
    left = {kind: sum(not one.closed for one in ones) for kind, ones in crowd.items()}
    load.stop()
    seen = looks.stop()
    print(f"  {len(everyone)} hostile clients of {len(KINDS)} kinds for {took:.0f} s, at most {largest >> 20} MiB of memory; open at "
          f"last: { {kind: count for kind, count in left.items() if count} }", flush=True)
    done = [one for one in load.seen if one.began > began]
    print(f"  meanwhile {len(done)} honest changes, the slowest took {max(one.ended - one.began for one in done):.2f} s; looks "
          f"{ {path: statuses(all_of_it) for path, all_of_it in seen.items()} }", flush=True)
    assert set(load.codes()) == {0} and len(done) > 100, load.codes()
    assert all(set(statuses(all_of_it)) == {200} for all_of_it in seen.values())
    assert largest < MEMORY_MAX, f"{largest} bytes of memory"
    if not arguments.short:
        assert not any(left.values()), left
    for one in everyone:
        one.socket.close()
    assert service.stop() == 0, open(log).read()
    assert "panicked" not in open(log).read()
    shutil.rmtree(folder)
    return 0


def resident(service):
    with open(f"/proc/{service.process.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
