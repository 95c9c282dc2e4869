"""A disk that takes 5 s for one sync, under load: strace delays a call of fdatasync on the log.

While it waits, what is beyond the bound of requests at work (`in_flight_max`, reads included) must be turned away with 50303
meanwhile and not afterwards, and `/livez` must be answered; then what waited is done, and the load goes on. To freeze a
file system or to suspend a device would stall more, and takes root and a loop device; this takes strace alone."""
import os
import shutil
import tempfile

from changes import send
from failing_disk import strace
from load import Load, Looks, small, statuses
from service import Service, until, verify

STALL = 5
CLIENTS = 64
SETTINGS = {"IN_FLIGHT_MAX": "32", "HISTORY_CACHE_BYTES": "8MiB", "SEGMENT_BYTES": "1MiB"}
SEGMENT = "wal/00000000000000000001.seg"
OVERLOADED = 50303
# How looks may be answered: a read of a member counts among the requests at work.
ALLOWED = {"/livez": {200}, "summary?member_no=m-quiet": {200, 503}}


def main(binary, arguments):
    folder = tempfile.mkdtemp(prefix="eros-slow-", dir="/var/tmp")
    stalls = 1 if arguments.short else 5
    for n in range(1, stalls + 1):
        once(binary, os.path.join(folder, str(n)), 100 * n)
    shutil.rmtree(folder)
    return 0


def once(binary, folder, when):
    data, log, trace = (os.path.join(folder, name) for name in ("data", "log", "trace"))
    os.makedirs(folder)
    under = strace(trace, "fdatasync", [os.path.join(data, SEGMENT)])
    under.append(f"--inject=fdatasync:delay_enter={STALL * 1_000_000}:when={when}")
    service = Service(binary, data, log, SETTINGS, under)
    assert service.ready(), open(log).read()
    assert send(service.connection(), small("quiet")("-quiet", 0)).status == 200
    load = Load(service, CLIENTS, small("slow"))
    looks = Looks(service, *ALLOWED)
    # Less than a stall without a change done is no stall.
    until("the disk stalls, and changes are done again", lambda: (gap := longest_gap(load)) and gap[1] - gap[0] > STALL * 0.8
          and done_after(load, gap[1]) > 200)
    load.stop()
    seen = looks.stop()
    begins, ends = longest_gap(load)
    shed = [one for one in load.seen if one.code == OVERLOADED and begins < one.began and one.ended < ends]
    waited = [one for one in load.seen if one.code == 0 and one.began <= begins + 0.5 and one.ended >= ends]
    print(f"  sync {when} took {ends - begins:.1f} s: meanwhile {len(shed)} changes turned away with 50303, the slowest after "
          f"{max(one.ended - one.began for one in shed):.2f} s; {len(waited)} waited and were done", flush=True)
    assert len(shed) > CLIENTS, "it sheds load while the disk stalls"
    assert waited, "what waited was done"
    assert set(load.codes()) <= {0, OVERLOADED}, load.codes()
    for path, all_of_it in seen.items():
        within = [one for one in all_of_it if begins < one.began and one.ended < ends]
        print(f"  {path}: {len(within)} answers meanwhile, the slowest after "
              f"{max(one.ended - one.began for one in within):.2f} s", flush=True)
        assert len(within) > 10 and set(statuses(all_of_it)) <= ALLOWED[path], f"{path}: {statuses(all_of_it)}"
    assert service.stop() == 0
    again = Service(binary, data, log, SETTINGS)
    assert again.ready(), open(log).read()
    held = load.told.check(again.connection())
    assert again.stop() == 0
    code, words = verify(binary, data)
    assert code == 0, words
    print(f"  after the next start {held} answers are as they were told, and verify is content", flush=True)


def longest_gap(load):
    """From when to when no change was done for the longest time."""
    with load.lock:
        ends = sorted(one.ended for one in load.seen if one.code == 0)
    gaps = zip(ends, ends[1:])
    return max(gaps, key=lambda gap: gap[1] - gap[0], default=None)


def done_after(load, moment):
    with load.lock:
        return sum(one.code == 0 and one.ended > moment for one in load.seen)
