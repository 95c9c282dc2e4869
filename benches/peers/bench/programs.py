"""Programs that are started, kept still while another is measured, and stopped."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import time

READY_SECONDS_MAX = 60

_started = []


def stop_all():
    """Stops all that was started, last first."""
    while _started:
        _started.pop().stop()


class Program:
    """A server with all its processes."""

    def __init__(self, command, log, stop_signal=signal.SIGTERM, **more):
        self.stop_signal = stop_signal
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                **more,
            )
        self.log = pathlib.Path(log)
        _started.append(self)

    def wait_until(self, ready):
        """Waits until `ready()` gives something, and gives that."""
        end = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            found = ready()
            if found:
                return found
            time.sleep(0.05)
        raise RuntimeError(
            f"{self.process.args[0]} did not get ready; its log:\n{self.log.read_text(errors='replace')}"
        )

    def port(self):
        """Where it listens on this machine, when it has said so."""
        said = r"listening on 127\.0\.0\.1:(\d+)"
        return int(self.wait_until(lambda: re.search(said, self.log.read_text(errors="replace"))).group(1))

    def processes(self):
        """Its own process and all that descend from it."""
        children = {}
        for pid, fields in stats():
            children.setdefault(int(fields[1]), []).append(pid)
        found = [self.process.pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    def signal(self, what):
        for pid in self.processes():
            try:
                os.kill(pid, what)
            except ProcessLookupError:
                pass

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def cpu_seconds(self):
        """Processor time of its processes, those that have ended included."""
        mine = set(self.processes())
        ticks = sum(sum(int(fields[place]) for place in (11, 12, 13, 14)) for pid, fields in stats() if pid in mine)
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self):
        """Asks it to end; ends it where it does not."""
        if self.process.poll() is not None:
            return
        self.thaw()
        processes = self.processes()
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            for pid in processes:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.wait()


def stats():
    """Of each process: its id, and what /proc/ID/stat has behind the name (state, parent, ...)."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = pathlib.Path("/proc", entry, "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            yield int(entry), text.rpartition(")")[2].split()


def run(command, **more):
    """Runs a command to its end and gives its output; its words go into the error where it fails."""
    command = [str(part) for part in command]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)[:300]} failed:\n{done.stdout}")
    return done.stdout


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def succeeds(command):
    return (
        subprocess.run(
            [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ).returncode
        == 0
    )


class Together:
    """Programs that do one job."""

    def __init__(self, *parts):
        self.parts = parts

    def freeze(self):
        for part in self.parts:
            part.freeze()

    def thaw(self):
        for part in self.parts:
            part.thaw()

    def cpu_seconds(self):
        return sum(part.cpu_seconds() for part in self.parts)
