"""Redis with a Lua script and a synced append-only file, driven by redis-benchmark over a Unix socket."""

import re

from . import load, machine, programs

# As many requests as it would do in so much more than the time asked for are none too many: it is told how many.
FIRST_GUESS = 20_000


class Redis:
    name = "Redis Lua, redis-benchmark"
    key = "redis"
    operations = ("produce",)
    concurrency = (256,)

    def __init__(self, folder):
        self.data = folder / "redis"
        self.data.mkdir()
        self.socket = self.data / "socket"
        command = [
            "redis-server",
            machine.HERE / "redis" / "redis.conf",
            "--dir",
            self.data,
            "--unixsocket",
            self.socket,
        ]
        self.program = programs.Program(command, folder / "redis.log")
        self.program.wait_until(lambda: self.socket.exists() and programs.succeeds(self._cli("ping")))
        self.script = self._told(
            "script", "load", (machine.HERE / "redis" / "produce.lua").read_text(encoding="utf-8")
        )
        self.made, self.guess = 0, FIRST_GUESS

    def _cli(self, *arguments):
        return ["redis-cli", "-s", self.socket, "-e", *arguments]

    def _told(self, *arguments):
        return programs.run(self._cli(*arguments)).strip()

    def _produce(self, members, member, event_high, event_low, points):
        return (
            "evalsha",
            self.script,
            0,
            members,
            member,
            event_high,
            event_low,
            points,
            180,
            "order",
            "order_pay",
            "ec_mall",
            "cost_center001",
            "小程序",
            "用户购买了100元酸奶",
        )

    def check_replay(self):
        def produce(event, points):
            return self._told(*self._produce(1, 0, "replayed", event, points)).splitlines()

        answers = [produce(1, 200_000), produce(1, 200_000), produce(2, 200_000)]
        load.expect(
            answers == [["1", "200000", "0"], ["1", "200000", "1"], ["2", "400000", "0"]],
            f"one lot a key, not {answers}",
        )
        load.expect(
            not programs.succeeds(self._cli(*self._produce(1, 0, "replayed", 1, 210_000))),
            "a refusal of other content",
        )
        self.made += 2

    def measure(self, asked):
        count = round(self.guess * asked.seconds)
        random = "__rand_int__"
        told = programs.run(
            [
                "redis-benchmark",
                "-s",
                self.socket,
                "-c",
                asked.connections,
                "-n",
                count,
                "-r",
                2**31 - 1,
                "--csv",
                *self._produce(asked.members, random, random, random, 200_000),
            ]
        )
        # The last line: the command, then the rate and the latencies in milliseconds.
        fields = re.findall(r'"([\d.]+)"', told.strip().splitlines()[-1])
        rate, p50, p99 = float(fields[0]), float(fields[3]), float(fields[5])
        self.made += count
        self.guess = rate
        return load.Run(count, count / rate, p50, p99)

    def check_sums(self):
        records, last = int(self._told("xlen", "records")), int(self._told("get", "last"))
        sums = """local held, active = 0, 0
            for _, key in ipairs(redis.call('KEYS', 'r:*')) do
                for _, points in ipairs(redis.call('HVALS', key)) do held = held + points end
            end
            for _, key in ipairs(redis.call('KEYS', 'm:*')) do active = active + redis.call('HGET', key, 'active') end
            return {held / 10000, active / 10000}"""
        held, active = map(int, self._told("eval", sums, 0).splitlines())
        wanted = (self.made, self.made, load.POINTS * self.made, load.POINTS * self.made)
        load.expect(
            (records, last, held, active) == wanted,
            f"{wanted} records, ids, points in lots and in balances, not {(records, last, held, active)}",
        )
        return f"{records} accruals recorded, exactly those answered; balances are the sums of their lots"
