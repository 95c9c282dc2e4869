"""What is sent: the events' numbers, the requests by hand, and wrk."""

import dataclasses
import http.client
import itertools
import json
from typing import Optional

from . import machine, programs

TENANT = "10080"
POINTS, SPENT = 20, 15
PATHS = {"produce": f"/api/crm/points/{TENANT}/produce/direct", "spend": f"/api/crm/points/{TENANT}/consume/direct"}

# Each run has a range of event numbers of its own; a thread or client has a billion.
_runs = itertools.count(1)


def next_first():
    return next(_runs) * 1_000_000_000_000


@dataclasses.dataclass
class Load:
    operation: str
    seconds: float
    connections: int
    members: int


@dataclasses.dataclass
class Run:
    """What came of a load: changes that were acknowledged, and the seconds that it took."""

    accepted: int
    seconds: float
    # None where the generator does not tell them.
    p50_ms: Optional[float] = None
    p99_ms: Optional[float] = None
    # Changes that may have been made beyond those: under way when the load ended.
    under_way: int = 0
    # Processor time of the peer's processes for each change.
    cpu_micros: Optional[float] = None

    @property
    def rate(self):
        return self.accepted / self.seconds


def wrk(port, load):
    # wrk takes whole seconds. One thread: it needs a tenth of what the quickest server needs.
    command = [
        "wrk",
        "-t",
        1,
        "-c",
        load.connections,
        "-d",
        f"{max(1, round(load.seconds))}s",
        "--timeout",
        "30s",
        "-s",
        machine.HERE / "wrk" / "load.lua",
        f"http://127.0.0.1:{port}{PATHS[load.operation]}",
        "--",
        load.operation,
        next_first(),
        load.members,
    ]
    told = json.loads(programs.run(command).strip().splitlines()[-1])
    if told["broken"] or (told["refused"] and load.operation == "produce"):
        raise RuntimeError(f"requests failed: {told}")
    accepted = told["requests"] - told["refused"]
    return Run(accepted, told["micros"] / 1e6, told["p50"] / 1e3, told["p99"] / 1e3, load.connections)


def post(port, operation, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", PATHS[operation], json.dumps(body), {"content-type": "application/json"})
    return answer_of(connection)


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    return answer_of(connection)


def answer_of(connection):
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, response.headers, body


def example(**changed):
    return {
        "event_no": "replayed",
        "member_no": "checked",
        "event_type": "order",
        "points": POINTS,
        "expire_days": 180,
        **changed,
    }


def check_replay_over_http(port):
    """The same key twice makes one lot and gives one answer; with other content it is refused."""
    status, headers, first = post(port, "produce", example())
    expect(status == 200 and not headers.get("idempotent-replayed"), f"a first answer: {first}")
    status, headers, second = post(port, "produce", example())
    expect(status == 200 and headers.get("idempotent-replayed") == "true" and second == first, f"a replay: {second}")
    status, _, refused = post(port, "produce", example(points=POINTS + 1))
    expect(status == 409 and json.loads(refused)["code"] == 40901, f"a refusal: {refused}")
    _, _, next_one = post(port, "produce", example(event_no="next"))
    active = json.loads(next_one)["data"]["active_points"]
    expect(active == 2 * POINTS, f"two lots after four requests, not {active} points")


def expect(holds, what):
    if not holds:
        raise RuntimeError(f"expected {what}")
