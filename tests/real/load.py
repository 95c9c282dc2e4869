"""Clients in threads, each with one request under way, that note what they asked, when they were answered and what."""
import collections
import http.client
import threading
import time

from changes import Told
from service import PREFIX, ask

Seen = collections.namedtuple("Seen", "began ended status code")
BROKEN = 0


class Load:
    """`clients` threads that ask until they are told to stop. `next_change(client, n)` makes what each asks."""

    def __init__(self, service, clients, next_change, pause=0):
        self.service, self.next_change, self.pause = service, next_change, pause
        self.going = True
        self.told, self.seen, self.lock = Told(), [], threading.Lock()
        self.threads = [threading.Thread(target=self._client, args=(n,)) for n in range(clients)]
        for thread in self.threads:
            thread.start()

    def _client(self, name):
        told, seen, connection = Told(), [], self.service.connection()
        n = 0
        while self.going:
            began = time.monotonic()
            answer = told.tell(connection, self.next_change(name, n))
            status, code = (answer.status, answer.code) if answer else (BROKEN, BROKEN)
            seen.append(Seen(began, time.monotonic(), status, code))
            with self.lock:
                self.seen.append(seen[-1])
            n += 1
            if self.pause or status == 503:
                time.sleep(self.pause or 0.05)
        with self.lock:
            self.told.all += told.all

    def stop(self):
        self.going = False
        for thread in self.threads:
            thread.join()
        self.seen.sort(key=lambda seen: seen.ended)

    def codes(self):
        with self.lock:
            return collections.Counter(seen.code for seen in self.seen)


class Looks:
    """One who keeps reading, some pages in turn, each on a connection of its own."""

    def __init__(self, service, *paths):
        self.service, self.paths, self.going, self.seen = service, paths, True, {path: [] for path in paths}
        self.threads = [threading.Thread(target=self._look, args=(path,)) for path in paths]
        for thread in self.threads:
            thread.start()

    def _look(self, path):
        while self.going:
            began = time.monotonic()
            try:
                connection = self.service.connection()
                status = ask(connection, "GET", path if path == "/livez" else f"{PREFIX}/{path}").status
                connection.close()
            except (OSError, http.client.HTTPException):
                status = BROKEN
            self.seen[path].append(Seen(began, time.monotonic(), status, 0))
            time.sleep(0.02)

    def stop(self):
        self.going = False
        for thread in self.threads:
            thread.join()
        return self.seen


def statuses(seen):
    return dict(collections.Counter(one.status for one in seen))


def small(prefix):
    """Accruals of so many members, each under a key of its own."""
    def change(client, n):
        return "POST", "produce/direct", {
            "event_no": f"{prefix}-{client}-{n}", "member_no": f"m{client}", "event_type": "event", "points": 1}
    return change
