"""eros-points itself, as `eros-points serve --sync always`."""

import json
import re

from . import load, programs


class Ours:
    name = "eros-points, HTTP"
    key = "ours"
    operations = ("produce", "spend")
    concurrency = (128, 256, 512)

    def __init__(self, binary, folder):
        self.binary, self.data = binary, folder / "ours"
        self.data.mkdir()
        command = [
            binary,
            "serve",
            "--data-dir",
            self.data,
            "--listen",
            "127.0.0.1:0",
            "--sync",
            "always",
            "--log",
            "warn",
        ]
        self.program = programs.Program(command, folder / "ours.log")
        self.port = self.program.port()
        self.made, self.spare = {"produce": 0, "spend": 0}, {"produce": 0, "spend": 0}

    def check_replay(self):
        load.check_replay_over_http(self.port)
        self.made["produce"] += 2

    def measure(self, asked):
        run = load.wrk(self.port, asked)
        self.made[asked.operation] += run.accepted
        self.spare[asked.operation] += run.under_way
        return run

    def check_sums(self):
        """From all records, and all points that are left: how many accruals and spends there must have been."""
        _, _, metrics = load.get(self.port, "/metrics")
        last = int(re.search(rb"^eros_points_wal_last_lsn (\d+)", metrics, re.M).group(1))
        _, _, liability = load.get(self.port, f"/api/crm/points/{load.TENANT}/liability")
        left = json.loads(liability)["data"]["total"]
        self.program.stop()
        verified = programs.run([self.binary, "verify", "--data-dir", self.data])
        # The first record is the service's own: its time zone.
        records = last - 1
        produced, rest = divmod(left + load.SPENT * records, load.POINTS + load.SPENT)
        load.expect(rest == 0, f"whole changes: {records} records, {left} points left")
        for operation, count in (("produce", produced), ("spend", records - produced)):
            accepted, most = self.made[operation], self.made[operation] + self.spare[operation]
            load.expect(
                accepted <= count <= most, f"{accepted} to {most} records of {operation}, not {count}\n{verified}"
            )
        return f"{produced:.0f} accruals and {records - produced:.0f} spends recorded; the log verifies"
