"""The binary as a process: started, asked over plain HTTP, stopped, verified. Nothing but Python's own library."""
import atexit
import http.client
import json
import os
import re
import select
import signal
import subprocess
import time

PREFIX = "/api/crm/points/real"
# How long anything may take before a run counts as stuck; on a machine that does much else, too.
PATIENCE = 120


# Processes that have not ended. None outlives this one, whatever goes wrong.
running = set()
atexit.register(lambda: [process.kill() for process in running])


class Stuck(Exception):
    """Something took longer than anything may."""


class Service:
    """One process from its start to its end."""

    def __init__(self, binary, data, log, settings, under=()):
        """`under` is a command that the binary runs under, such as strace, and whose process becomes the binary's."""
        environment = {f"EROS_POINTS_{name}": value for name, value in settings.items()}
        self.log = log
        with open(log, "ab") as stderr:
            self.process = subprocess.Popen(
                [*under, binary, "--data-dir", data, "--listen", "127.0.0.1:0"],
                stdout=subprocess.PIPE, stderr=stderr, env={**os.environ, **environment})
        running.add(self.process)
        self.address = None

    def ready(self):
        """Waits for the ready line. False: the process ended, or will, without one."""
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            raise Stuck(f"no ready line; {self.threads()}")
        line = self.process.stdout.readline().decode()
        found = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", line)
        self.address = ("127.0.0.1", int(found[1])) if found else None
        return bool(found)

    def connection(self, timeout=PATIENCE):
        return http.client.HTTPConnection(*self.address, timeout=timeout)

    def stop(self):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def threads(self):
        """What each thread does: its name, state, system call, and how much of a second it took of a processor."""

        def seen():
            folder, all_seen = f"/proc/{self.process.pid}/task", {}
            for thread in os.listdir(folder):
                try:
                    name, stat, call, where = (open(f"{folder}/{thread}/{file}").read().strip()
                                               for file in ("comm", "stat", "syscall", "wchan"))
                except OSError:
                    continue
                state, *fields = stat.rpartition(")")[2].split()
                all_seen[thread] = (int(fields[10]) + int(fields[11]), f"{name} {state} {where} {call.split(' ')[0]}")
            return all_seen

        before = seen()
        time.sleep(1)
        ticks = os.sysconf("SC_CLK_TCK")
        return "its threads: " + ", ".join(
            f"{words} {(took - before.get(thread, (took,))[0]) / ticks:.2f}" for thread, (took, words) in seen().items())

    def ended(self):
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Stuck(f"it does not end; {self.threads()}") from None
        running.discard(self.process)
        self.process.stdout.close()
        return code


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.replayed = response.getheader("Idempotent-Replayed") == "true"
        self.retry_after = response.getheader("Retry-After")
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json()["code"]

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


def ask(connection, method, path, body=None):
    """One request; OSError or HTTPException where the connection broke before the answer was whole."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    connection.request(method, path, body, headers)
    return Answer(connection.getresponse())


def verify(binary, data):
    done = subprocess.run([binary, "verify", "--data-dir", data], capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout + done.stderr


def until(what, is_so, patience=PATIENCE):
    """Waits for what comes by itself."""
    ends = time.monotonic() + patience
    while not is_so():
        if time.monotonic() > ends:
            raise Stuck(f"it never came true that {what}")
        time.sleep(0.02)
