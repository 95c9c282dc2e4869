"""A small file system that is filled under load, down to what the service keeps free, and down to its last byte.

Changes must be turned away with 50302 while reads go on; once there is room changes must be taken again by the same process,
and nothing acknowledged may be missing. The file system is a tmpfs in a mount namespace of our own: root may make one, and
anybody else where the system lets users make namespaces."""
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

from load import Load, Looks, small, statuses
from service import Service, until, verify

SIZE_MIB = 512
# What the service may still fill when the load begins.
LEFT_MIB = 48
INSIDE = "EROS_IN_A_NAMESPACE"
FULL = 50302


def main(binary, arguments):
    if INSIDE not in os.environ:
        return enter()
    print(f"full disk: seed {arguments.seed}", flush=True)
    once("down to what is kept free", binary, {"MIN_FREE_BYTES": "32MiB"}, arguments)
    once("down to the last byte", binary, {"MIN_FREE_BYTES": "1"}, arguments)
    return 0


def enter():
    """The same command in a mount namespace of its own."""
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    mount = subprocess.run([*unshare, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True)
    if mount.returncode != 0:
        print(f"not run: needs to mount a tmpfs, as root or in a user namespace: {mount.stderr.strip()}")
        return 3
    return subprocess.run([*unshare, sys.executable, *sys.argv], env={**os.environ, INSIDE: "1"}).returncode


class Room:
    """A tmpfs, with a file on it that takes the space that others are to lack."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="eros-full-", dir="/var/tmp")
        self.disk = os.path.join(self.folder, "disk")
        os.mkdir(self.disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "none", self.disk], check=True)
        self.ballast = os.path.join(self.disk, "ballast")

    def free(self):
        stat = os.statvfs(self.disk)
        return stat.f_bavail * stat.f_frsize

    def fill_up_to(self, left):
        """Fills it until so little is left, whatever others do meanwhile."""
        with open(self.ballast, "ab", buffering=0) as file:
            while self.free() > left:
                try:
                    file.write(bytes(min(1 << 20, max(self.free() - left, 1))))
                except OSError:
                    return

    def empty(self):
        os.remove(self.ballast)

    def remove(self):
        subprocess.run(["umount", "--lazy", self.disk], check=True)
        shutil.rmtree(self.folder)


def once(name, binary, settings, arguments):
    room = Room()
    data, log_to = os.path.join(room.disk, "data"), os.path.join(room.folder, "log")
    settings = {"SEGMENT_BYTES": "1MiB", "SNAPSHOT_EVERY": "1MiB", "HISTORY_CACHE_BYTES": "8MiB", **settings}
    service = Service(binary, data, log_to, settings)
    assert service.ready(), open(log_to).read()
    room.fill_up_to((LEFT_MIB + (32 if settings["MIN_FREE_BYTES"] != "1" else 0)) << 20)
    load = Load(service, 4, orders(random.Random(arguments.seed)))
    looks = Looks(service, "/livez", "summary?member_no=m0")
    until("changes are turned away as the disk is full", lambda: load.codes()[FULL] > 0)
    if settings["MIN_FREE_BYTES"] == "1":
        room.fill_up_to(0)
    taken, turned_away = load.codes()[0], load.codes()[FULL]
    time.sleep(2 if arguments.short else 20)
    while_full = load.codes()
    print(f"  {name}: {taken} changes taken until it was full, {while_full[FULL] - turned_away} turned away and "
          f"{while_full[0] - taken} taken in what is left of the log, {room.free() >> 10} KiB free", flush=True)
    assert while_full[FULL] > turned_away, "it turns changes away while the disk is full"

    room.empty()
    until("changes are taken again", lambda: load.codes()[0] > while_full[0] + 20)
    load.stop()
    seen = looks.stop()
    print(f"  then {load.codes()[0] - while_full[0]} taken without a restart; in all {dict(load.codes())}; reads, by status: "
          f"{ {path: statuses(all_of_it) for path, all_of_it in seen.items()} }", flush=True)
    assert set(load.codes()) <= {0, FULL}, load.codes()
    for path, all_of_it in seen.items():
        assert set(statuses(all_of_it)) == {200} and len(all_of_it) > 10, f"{path}: {statuses(all_of_it)}"
    assert service.stop() == 0, open(log_to).read()[-2000:]

    again = Service(binary, data, log_to, settings)
    assert again.ready(), open(log_to).read()[-2000:]
    # Sent again they are done, and all of them would fill the disk.
    load.told.keep_of(FULL, 200)
    held = load.told.check(again.connection())
    assert again.stop() == 0
    code, words = verify(binary, data)
    assert code == 0, words
    assert "panicked" not in open(log_to).read()
    print(f"  after the next start {held} answers are as they were told, and verify is content", flush=True)
    room.remove()


def orders(chance):
    """Accruals with orders of text that does not pack, so that some dozen of them fill a segment."""
    text = "".join(chance.choices("0123456789abcdef", k=150_000))
    plain = small("full")

    def change(client, n):
        method, route, body = plain(client, n)
        at = chance.randrange(1000)
        note = text[at:] + text[:at]
        order = {"order_sn": "S", "pay_amount": 1, "item_list": [{"note": note}]}
        return method, route, {**body, "event_type": "order", "order_info": order}
    return change
