"""The binary on a disk that fails: strace makes the n-th call of a kind on a file fail, for each n of a short run.

What is acknowledged must be there after a start without strace, `verify` must be content, and the process must have said
what docs/RUNNING.md says it does, whatever failed."""
import collections
import concurrent.futures
import http.client
import os
import random
import re
import shutil
import tempfile
import time

from changes import Told, every_kind, large, small
from service import PREFIX, Service, ask, verify

# Which calls fail how. The `+` of the last means: from there on each time.
FAULTS = {
    "fdatasync": ("EIO", "ENOSPC", "EIO+"),
    "fsync": ("EIO", "ENOSPC", "EIO+"),
    "pwrite64": ("EIO", "ENOSPC", "ENOSPC+"),
    "write": ("EIO", "ENOSPC", "ENOSPC+"),
    "rename": ("EIO", "ENOSPC", "EROFS+"),
    "openat": ("EMFILE", "ENOSPC", "EROFS", "EMFILE+"),
    "mkdir": ("ENOSPC", "EROFS"),
    "unlink": ("EIO", "EROFS+"),
    "pread64": ("EIO",),
    "read": ("EIO",),
}
SYSCALLS = {"rename": "rename,renameat,renameat2", "unlink": "unlink,unlinkat", "mkdir": "mkdir,mkdirat"}
KINDS = {name: kind for kind, names in SYSCALLS.items() for name in names.split(",")}
# Small, so that a short run has new segments, snapshots, members out of memory.
SETTINGS = {"SEGMENT_BYTES": "1MiB", "SNAPSHOT_EVERY": "64KiB", "RESTING_BYTES_MAX": "1KiB", "LIVE_ACTORS_MAX": "1",
            "MIN_FREE_BYTES": "1", "STOP_TIME_MAX_SECONDS": "5", "HISTORY_CACHE_BYTES": "8MiB"}
# Temporary files of the index's library: no two runs give them the same names.
RANDOM_NAME = re.compile(r"/\.tmp\w{6}$")
# A start without anything, or one with log, archive, snapshots and index. A long story has new segments and snapshots in it; what
# fails there is held to the files that it is about, as each run takes twice as long.
STORIES = ("first start", "later start", "first start, long", "later start, long")
OF_LONG = re.compile(r"wal|snapshots$|snapshots/.*\.(tmp|snap)$")

Case = collections.namedtuple("Case", "story call path n fault")


def strace(trace, call, paths=(), inject=()):
    only = [part for path in paths for part in ("-P", path)]
    calls = SYSCALLS.get(call, call)
    return ["strace", "-D", "-f", "-y", "--seccomp-bpf", "-qq", "-s", "0", "-o", trace, *only, "-e", f"trace={calls}",
            "-e", "signal=none", *(f"--inject={calls}:error={error}:when={when}" for error, when in inject)]


class Bench:
    """A folder for all runs, with a data folder that later starts begin from."""

    def __init__(self, binary):
        self.binary = binary
        self.folder = tempfile.mkdtemp(prefix="eros-failing-", dir="/var/tmp")
        self.used = os.path.join(self.folder, "used")
        log = os.path.join(self.folder, "used.log")
        for name, is_long in (("first", True), ("second", False), ("third", False)):
            service = Service(binary, self.used, log, SETTINGS)
            assert service.ready(), f"see {log}"
            live(service, Told(), name, is_long)
            assert service.stop() == 0, f"see {log}"

    def room(self, name):
        """A folder of one run, and the data folder in it."""
        room = os.path.join(self.folder, name.replace(" ", "-").replace("/", "_"))
        shutil.rmtree(room, ignore_errors=True)
        os.mkdir(room)
        return room, os.path.join(room, "data")

    def begin(self, data, story):
        if story.startswith("later"):
            shutil.copytree(self.used, data)

    def cases(self, story):
        """Every call of a run without faults, as cases."""
        room, data = self.room(f"plain {story}")
        self.begin(data, story)
        trace = os.path.join(room, "trace")
        all_calls = ",".join(SYSCALLS.get(call, call) for call in FAULTS)
        service = Service(self.binary, data, os.path.join(room, "log"), SETTINGS, strace(trace, all_calls))
        assert service.ready(), f"see {room}/log"
        live(service, Told(), "story", story.endswith("long"))
        assert service.stop() == 0, f"see {room}/log"
        counts = collections.Counter(calls(trace, data))
        of_it = OF_LONG if story.endswith("long") else re.compile("")
        named = ((call, path, n) for (call, path), count in sorted(counts.items())
                 if of_it.match(path) and not RANDOM_NAME.search(path) for n in range(1, count + 1))
        return [Case(story, *one, fault) for one in named for fault in FAULTS[one[0]]]

    def run(self, case):
        """One run with one fault, and what must hold after it. How it ended, and how many answers were held."""
        story, call, path, n, fault = case
        room, data = self.room(f"{story} {call} {path} {n} {fault}")
        self.begin(data, story)
        log, trace, told = os.path.join(room, "log"), os.path.join(room, "trace"), Told()
        when = f"{n}+" if fault.endswith("+") else str(n)
        under = strace(trace, call, [os.path.join(data, path)], [(fault.rstrip("+"), when)])
        service = Service(self.binary, data, log, SETTINGS, under)
        try:
            ended, code = run_to_its_end(service, told, story.endswith("long"))
        finally:
            service.process.kill()
        check_words(log, code, ended, data)
        left, words = verify(self.binary, data)
        check(left == 0 or data in words, f"verify names no place: {words}")
        held = self.check_after(data, os.path.join(room, "log-after"), told)
        reached = "(INJECTED)" in open(trace).read()
        shutil.rmtree(room)
        return ended if reached else "was not reached", held

    def check_after(self, data, log, told):
        """A start without faults has all that was acknowledged."""
        service = Service(self.binary, data, log, SETTINGS)
        check(service.ready(), f"the start without faults is refused: {open(log).read()[-1500:]}")
        held = told.check(service.connection())
        check(service.stop() == 0, "an orderly stop")
        code, words = verify(self.binary, data)
        check(code == 0, f"verify: {words}")
        check("panicked" not in open(log).read(), "it panicked")
        return held


def run_to_its_end(service, told, is_long):
    """How a run with a fault ended, and its exit code."""
    if not service.ready():
        return "refuses to start", service.ended()
    if live(service, told, "story", is_long):
        return "serves on", service.stop()
    return "ends by itself", service.ended()


def check(holds, words):
    if not holds:
        raise AssertionError(words)


def calls(trace, data):
    """Kind and file, below the data folder, of each call of a trace."""
    for line in open(trace, errors="replace"):
        found = re.match(r"\d+ +(\w+)\((.*)", line)
        if not found or "resumed>" in line:
            continue
        paths = re.findall(re.escape(data) + r'(?:/([^">]*))?[">]', found[2])
        if paths:
            yield KINDS.get(found[1], found[1]), paths[-1]


def live(service, told, name, is_long):
    """The story, as far as the service goes along with it. False: its connection broke."""
    connection = service.connection()
    troubles = 0
    batches = [large(name + "-l1"), large(name + "-l2")] if is_long else [small(name + "-s1")]
    for change in [*every_kind(name), *batches, *every_kind(name + "-more")]:
        answer = told.tell(connection, change)
        if answer is None:
            return False
        troubles += answer.status == 503
        if troubles > 2:
            break
        if change[1] == "batch":
            # A snapshot is due now.
            time.sleep(0.4)
    try:
        for route in ("summary?member_no=ann", "history?member_no=ann"):
            ask(connection, "GET", f"{PREFIX}/{route}")
    except (OSError, http.client.HTTPException):
        return False
    return True


def check_words(log, code, ended, data):
    """What the process said, and its exit code, are what docs/RUNNING.md says."""
    words = open(log).read()
    check("panicked" not in words, f"it panicked: {words[-1500:]}")
    if ended == "serves on" and code == 0:
        return
    # A log that fails with the last mark or at the stop ends the process, too.
    check(code == 1, f"exit code {code}: {words[-1500:]}")
    last = words[words.rfind("error: "):]
    check(last.startswith("error: ") and data in last, f"it ended without a word of where: {words[-1500:]}")


def main(binary, arguments):
    seed = arguments.seed
    bench = Bench(binary)
    print(f"failing disk: seed {seed}, in {bench.folder}", flush=True)
    cases = [case for story in STORIES for case in bench.cases(story)]
    random.Random(seed).shuffle(cases)
    # The index's library has many files, each written alike: of these calls some will do, others each time.
    index = [case for case in cases if case.path.startswith("snapshots/history")]
    own = [case for case in cases if not case.path.startswith("snapshots/history")]
    wanted = own[:30] + index[:10] if arguments.short else own + (index if arguments.all else index[:300])
    print(f"{len(own)} cases of log, snapshots and keys, {len(index)} of the index: {len(wanted)} of them now", flush=True)
    ends = time.monotonic() + arguments.minutes * 60
    tallies, failed, held_in_all = collections.Counter(), [], 0

    def run(case):
        return bench.run(case) if time.monotonic() < ends else None

    with concurrent.futures.ThreadPoolExecutor(arguments.workers) as pool:
        runs = {pool.submit(run, case): case for case in wanted}
        for done, ended in enumerate(concurrent.futures.as_completed(runs), 1):
            try:
                if ended.result():
                    outcome, held = ended.result()
                    tallies[runs[ended].call, runs[ended].fault, outcome] += 1
                    held_in_all += held
            except Exception as error:
                failed.append(runs[ended])
                print(f"FAILED {runs[ended]}: {type(error).__name__}: {error}", flush=True)
            if done % 100 == 0:
                print(f"{done} of {len(wanted)}, {len(failed)} failed", flush=True)
    for (call, fault, outcome), count in sorted(tallies.items()):
        print(f"{call:10} {fault:8} {outcome:18} {count}")
    in_all = sum(tallies.values()) + len(failed)
    print(f"failing disk: {len(failed)} of {in_all} runs failed; {held_in_all} answers held", flush=True)
    if failed:
        return 1
    shutil.rmtree(bench.folder)
    return 0
