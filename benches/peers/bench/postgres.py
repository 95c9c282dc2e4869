"""PostgreSQL: the server, and the functions `produce` and `spend` alone, driven by pgbench over a Unix socket."""

import os
import re
import signal

from . import load, machine, programs


class Server:
    """A cluster of its own, with schema and functions."""

    def __init__(self, folder, name):
        self.programs, user = machine.postgres_programs(), machine.unprivileged()
        self.folder = folder / name
        self.folder.mkdir()
        if user:
            os.chown(self.folder, user["user"], user["group"])
        data = self.folder / "data"
        programs.run(
            [
                self._of("initdb"),
                "-D",
                data,
                "-U",
                "bench",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ],
            cwd=self.folder,
            **user,
        )
        with open(data / "postgresql.conf", "a", encoding="utf-8") as settings:
            settings.write((machine.HERE / "postgres" / "postgresql.conf").read_text(encoding="utf-8"))
            settings.write(f"unix_socket_directories = '{self.folder}'\n")
        # It is asked by SIGINT to end without waiting for its clients.
        self.program = programs.Program(
            [self._of("postgres"), "-D", data], folder / f"{name}.log", signal.SIGINT, cwd=self.folder, **user
        )
        self.program.wait_until(self._answers)
        programs.run([self._of("createdb"), "-h", self.folder, "-U", "bench", "bench"])
        for part in ("schema", "settle", "produce", "spend", "story"):
            self.sql("-f", machine.HERE / "postgres" / f"{part}.sql")

    def _of(self, program):
        return os.path.join(self.programs, program)

    def _answers(self):
        return (self.folder / ".s.PGSQL.5432").exists() and programs.succeeds(
            [self._of("pg_isready"), "-h", self.folder]
        )

    def sql(self, *arguments):
        """What psql prints, without ornament."""
        psql = [
            self._of("psql"),
            "-h",
            self.folder,
            "-U",
            "bench",
            "-d",
            "bench",
            "-X",
            "-q",
            "-t",
            "-A",
            "-v",
            "ON_ERROR_STOP=1",
        ]
        return programs.run([*psql, *arguments]).strip()

    def numbers(self, query):
        return [int(number) for number in self.sql("-c", query).split("|")]

    def pgbench(self, script, asked):
        command = [
            self._of("pgbench"),
            "-h",
            self.folder,
            "-U",
            "bench",
            "-n",
            "-M",
            "prepared",
            "-c",
            asked.connections,
            "-j",
            1,
            "-T",
            max(1, round(asked.seconds)),
            "-D",
            "n=0",
            "-D",
            f"first={load.next_first()}",
            "-D",
            f"members={asked.members}",
            "-f",
            machine.HERE / "postgres" / script,
            "bench",
        ]
        told = programs.run(command)
        done = int(re.search(r"actually processed: (\d+)", told).group(1))
        failed = int(re.search(r"failed transactions: (\d+)", told).group(1))
        rate = float(re.search(r"tps = ([\d.]+)", told).group(1))
        load.expect(failed == 0, f"no failed transaction, pgbench tells\n{told}")
        return done, done / rate

    def check_books(self):
        """Balances against lots and records; gives the records of accruals and spends."""
        wrong = self.numbers("""select count(*) from member m where total <> active + frozen + expired + used or
            active + frozen <> (select coalesce(sum(remaining), 0) from lot l where l.member_id = m.member_id)""")
        load.expect(wrong == [0], f"balances that are the sums of their lots, {wrong[0]} are not")
        produced, spent, points = self.numbers("""select count(*) filter (where event_type = 'produce'),
            count(*) filter (where event_type = 'consume'),
            coalesce(sum(points) filter (where event_type = 'produce'), 0)
            - coalesce(sum(points) filter (where event_type = 'consume'), 0) from record""")
        (left,) = self.numbers("select coalesce(sum(remaining), 0) from lot")
        load.expect(points == left, f"{points} points in lots, not {left}")
        load.expect(left == 10_000 * (load.POINTS * produced - load.SPENT * spent), f"whole changes: {left} left")
        return produced, spent


class Function:
    name = "PostgreSQL function, pgbench"
    key = "postgresql"
    operations = ("produce", "spend")
    concurrency = (32, 64, 128)

    def __init__(self, server):
        self.server, self.program = server, server.program
        self.made = {"produce": 0, "spend": 0}

    def check_replay(self):
        def produce(event, points):
            return self.server.sql(
                "-c",
                f"""select code, replayed, active_after from produce('{load.TENANT}', 'checked',
                '{event}', 'order', {points}, null, 180, 0, null, null, null, null, null, null, null, null)""",
            )

        answers = [
            produce("replayed", 200_000),
            produce("replayed", 200_000),
            produce("replayed", 210_000),
            produce("next", 200_000),
        ]
        load.expect(
            answers == ["0|f|200000", "0|t|200000", "40901|f|", "0|f|400000"], f"one lot a key, not {answers}"
        )
        self.made["produce"] += 2

    def measure(self, asked):
        before = self._spent()
        done, seconds = self.server.pgbench(f"{asked.operation}.pgbench", asked)
        # A spend that is refused for lack of points is a transaction, too.
        accepted = self._spent() - before if asked.operation == "spend" else done
        self.made[asked.operation] += accepted
        return load.Run(accepted, seconds)

    def _spent(self):
        """How many spends there were, by the balances: a look at few rows, and so none at the records."""
        return self.server.numbers(f"select (coalesce(sum(used), 0) / {10_000 * load.SPENT})::bigint from member")[0]

    def check_sums(self):
        produced, spent = self.server.check_books()
        load.expect(
            (produced, spent) == (self.made["produce"], self.made["spend"]),
            f"{self.made} records, not {produced} and {spent}",
        )
        recorded = f"{produced} accruals and {spent} spends recorded, exactly those answered"
        return f"{recorded}; balances are the sums of their lots"
