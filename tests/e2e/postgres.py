"""PostgreSQL from the system's packages, on an address that containers reach, with prices."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import psycopg
import pytest

from tests.builders import random_bars
from tests.e2e.containers import free_port
from tools.testbed.waiting import until

PASSWORD = "only for this test"  # noqa: S105 - of a server that lives as long as a test
UNPRIVILEGED = "nobody"


def programs() -> Path:
    """Return the folder of initdb and postgres."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    # Debian keeps them out of PATH, a folder for each version
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists():
            return folder
    pytest.fail("no PostgreSQL server here: install Debian's `postgresql`")


class Database:
    """A running server with one table, `bars`."""

    def __init__(self, address: str, port: int) -> None:
        self.address, self.port = address, port

    @property
    def url(self) -> str:
        """Return where containers find it, as SQLAlchemy takes it."""
        password = PASSWORD.replace(" ", "%20")
        return f"postgresql+psycopg://postgres:{password}@{self.address}:{self.port}/postgres"

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=PASSWORD,
            dbname="postgres",
            connect_timeout=2,
        )

    def answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def fill(self, instruments: int, sessions: int) -> None:
        """Write bars of the weekdays up to yesterday."""
        last = np.datetime64(datetime.now(UTC).date()) - np.timedelta64(1, "D")
        days = np.busday_offset(last, np.arange(1 - sessions, 1), roll="backward")
        with self.connect() as connection:
            connection.execute(
                "CREATE TABLE bars (instrument text, date date, open float8, high float8,"
                " low float8, close float8, volume bigint, PRIMARY KEY (instrument, date))"
            )
            written = "COPY bars (instrument, date, open, high, low, close, volume) FROM STDIN"
            with connection.cursor() as cursor, cursor.copy(written) as rows:
                for number in range(instruments):
                    bars = random_bars(sessions, seed=number)
                    for day, *prices in zip(days.astype(date), *bars.values(), strict=True):
                        rows.write_row((f"MADE{number}", day, *prices, 1_000_000))


@contextlib.contextmanager
def postgresql(address: str, clients: str) -> Iterator[Database]:
    """Run a server that one network finds at one address, besides this machine at its own."""
    folder = Path(tempfile.mkdtemp(prefix="nextday-postgres-"))
    # it refuses to run as root
    owner = UNPRIVILEGED if os.geteuid() == 0 else None
    group = pwd.getpwnam(owner).pw_gid if owner else None
    others: list[int] | None = [] if owner else None
    cluster, password, log = folder / "cluster", folder / "password", folder / "log"
    password.write_text(PASSWORD)
    log.touch()
    for path in (folder, password, log):
        os.chown(path, -1 if owner is None else pwd.getpwnam(owner).pw_uid, -1)
    port, bin_ = free_port(), programs()
    initdb = [str(bin_ / "initdb"), f"--pgdata={cluster}", "--username=postgres", "--no-sync"]
    initdb += ["--auth=scram-sha-256", f"--pwfile={password}", "--no-locale", "--encoding=UTF8"]
    made = subprocess.run(
        initdb, capture_output=True, text=True, check=False, cwd=folder,
        user=owner, group=group, extra_groups=others,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    with (cluster / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {clients} scram-sha-256\n")
    server = [
        str(bin_ / "postgres"),
        "-D",
        str(cluster),
        "-p",
        str(port),
        "-h",
        f"127.0.0.1,{address}",
    ]
    server += ["-c", "unix_socket_directories=", "-c", "fsync=off"]
    with log.open("w") as lines:
        running = subprocess.Popen(
            server, stdout=lines, stderr=lines, cwd=folder,
            user=owner, group=group, extra_groups=others,
        )  # fmt: skip
    try:
        database = Database(address, port)
        until(lambda: database.answers() or running.poll() is not None, "PostgreSQL answering")
        if running.poll() is not None:
            pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}")
        yield database
    finally:
        # fast shutdown: whoever is still connected is sent away
        running.send_signal(signal.SIGINT)
        running.wait(30)
        shutil.rmtree(folder)
