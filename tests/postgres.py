"""A real PostgreSQL for the tests: the one on this machine, or a private cluster.

A PostgreSQL on 127.0.0.1:5432 that lets `postgres` in is used as it is: each test makes a database
of its own there and drops it. Otherwise a cluster is started from the system's binaries in a
temporary folder. Tests that need PostgreSQL fail where there is neither; they never skip.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

LOCAL = "postgresql://postgres@127.0.0.1:5432/postgres"
CURE = "the tests need PostgreSQL; install it with: apt-get install postgresql"


@contextmanager
def server() -> Iterator[str]:
    """URL of a PostgreSQL that answers."""
    if _answers(LOCAL):
        yield LOCAL
    else:
        with private_cluster() as url:
            yield url


@contextmanager
def database(server_url: str, template: str = "template0") -> Iterator[str]:
    """URL of a new database on the server, dropped at the end."""
    name = f"ado_test_{secrets.token_hex(8)}"
    make = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(make.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield server_url.rpartition("/")[0] + "/" + name
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(drop.format(sql.Identifier(name)))


@contextmanager
def private_cluster() -> Iterator[str]:
    """URL of a PostgreSQL of our own, gone at the end with all its files."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="ado-postgres-"))
    account = _account()
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    try:
        _initialise(binaries, folder, account)
        with _running(binaries, folder, account) as url:
            yield url
    finally:
        shutil.rmtree(folder)


def _binaries() -> Path:
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *_folder_on_path()]
    found = [folder for folder in folders if (folder / "initdb").exists()]
    if not found:
        raise RuntimeError(CURE)
    return max(found, key=lambda folder: _major(folder.parent.name))


def _folder_on_path() -> list[Path]:
    initdb = shutil.which("initdb")
    return [] if initdb is None else [Path(initdb).resolve().parent]


def _major(name: str) -> int:
    return int(name) if name.isdigit() else 0


def _account() -> pwd.struct_passwd | None:
    """Whom to run as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    known = {account.pw_name: account for account in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def _ids(account: pwd.struct_passwd | None) -> dict[str, Any]:
    if account is None:
        return {"user": None, "group": None, "extra_groups": None}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _initialise(binaries: Path, folder: Path, account: pwd.struct_passwd | None) -> None:
    command: list[str | Path] = [
        binaries / "initdb",
        "-D",
        folder / "data",
        "-U",
        "postgres",
        "-A",
        "trust",
    ]
    done = subprocess.run(
        [*command, "-E", "UTF8", "--locale", "C", "--no-sync"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        **_ids(account),
    )
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed: {done.stderr.strip()}; {CURE}")


@contextmanager
def _running(binaries: Path, folder: Path, account: pwd.struct_passwd | None) -> Iterator[str]:
    port = _free_port()
    settings = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}"]
    options = [part for setting in [*settings, "fsync=off"] for part in ("-c", setting)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [binaries / "postgres", "-D", folder / "data", *options],
            cwd=folder,
            stdout=log,
            stderr=log,
            **_ids(account),
        )
    try:
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        _await(url, process, folder / "log")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}; {CURE}")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False
