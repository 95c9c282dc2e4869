"""The Python service over HTTP, on a PostgreSQL of its own."""

import os

from . import load, machine, programs

CONNECTIONS_EACH = 32


class PythonService:
    name = "Python + PostgreSQL, HTTP"
    key = "python_postgresql"
    operations = ("produce",)
    concurrency = (64, 256)

    def __init__(self, server, python, folder):
        self.server, self.port = server, programs.free_port()
        settings = {
            **os.environ,
            "SANIC_PORT": str(self.port),
            "SANIC_SOCKET_FOLDER": str(server.folder),
            "SANIC_CONNECTIONS": str(CONNECTIONS_EACH),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [python, machine.HERE / "python" / "service.py"]
        self.service = programs.Program(command, folder / "python.log", env=settings)
        self.service.wait_until(lambda: programs.answers(self.port))
        self.program = programs.Together(self.service, server.program)
        self.made, self.spare = 0, 0

    def check_replay(self):
        load.check_replay_over_http(self.port)
        self.made += 2

    def measure(self, asked):
        run = load.wrk(self.port, asked)
        self.made += run.accepted
        self.spare += run.under_way
        return run

    def check_sums(self):
        produced, _ = self.server.check_books()
        load.expect(
            self.made <= produced <= self.made + self.spare,
            f"{self.made} records or up to {self.spare} more, not {produced}",
        )
        return f"{produced} accruals recorded; balances are the sums of their lots"
