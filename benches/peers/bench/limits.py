"""What no peer is: servers that do nothing, or next to nothing, with an accrual. How far the machine lets anyone go."""

from . import load, machine, ours, programs


class Limit:
    """`benches/bare`, with a fixed answer as long as ours."""

    operations = ("produce",)
    concurrency = ours.Ours.concurrency

    def __init__(self, key, name, log, *more):
        self.key, self.name = key, name
        self.program = programs.Program([machine.bench_binary("bare"), "--bench", *more], log)
        self.port = self.program.port()

    def check_replay(self):
        """It knows no keys."""

    def measure(self, asked):
        return load.wrk(self.port, asked)

    def check_sums(self):
        return "keeps no books"


def bare(folder):
    return Limit("bare", "bare axum, HTTP", folder / "bare.log")


def floor(folder):
    data = folder / "floor"
    data.mkdir()
    return Limit("floor", "bare axum, an actor a member, our log; HTTP", folder / "floor.log", "--floor", data)
