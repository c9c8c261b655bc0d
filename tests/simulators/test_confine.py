"""What a confined process may not do; each step alone, as far as this kernel has it."""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from simulators.ngspice.host_process import host_confinement
from simulators.ngspice.seccomp import _CALLS, MACHINES

ROOT = Path(__file__).parents[2]
STEPS = {"user", "parent", "no_new_privs", "landlock", "limits", "seccomp"}
ATTEMPTS = """
import ctypes, errno, json, mmap, os, resource, signal, socket, sys, threading
from simulators.ngspice import confine as module
from simulators.ngspice.kernel import prctl

def attempt(action):
    try:
        action()
    except (OSError, RuntimeError) as error:
        return errno.errorcode.get(getattr(error, "errno", None), "EAGAIN")
    return "done"

def executable():
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)

def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)

folder, read, written = sys.argv[1:]
existing = os.open(written, os.O_WRONLY)
os.dup2(existing, 3)
actions = {
    "read": lambda: os.open(read, os.O_RDONLY),
    "create": lambda: os.open(os.path.join(folder, "new"), os.O_CREAT | os.O_WRONLY),
    "make a folder": lambda: os.mkdir(os.path.join(folder, "new-folder")),
    "delete": lambda: os.unlink(read),
    "list": lambda: os.listdir(folder),
    "look": lambda: os.stat(read),
    "grow": lambda: os.write(3, b"more"),
    "fork": fork,
    "thread": lambda: threading.Thread(target=int).start(),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "pair": socket.socketpair,
    "signal the parent": lambda: os.kill(os.getppid(), 0),
    "execute memory": executable,
    "chdir": lambda: os.chdir("/"),
    "compute": lambda: sum(x * x for x in range(1000)),
    "allocate": lambda: bytearray(1 << 26),
    "allocate too much": lambda: mmap.mmap(-1, module.MEMORY + 1),
    "prctl": lambda: prctl(3, 0),
    "limit the processor": lambda: module.limit_processor(1.0),
}
"""
FREE = {
    "look": "done",
    "compute": "done",
    "allocate": "done",
    "limit the processor": "done",
}
SECCOMP = {
    **dict.fromkeys(
        ("read", "create", "make a folder", "delete", "list", "look", "fork", "exec", "socket",
         "pair", "signal the parent", "execute memory", "chdir", "prctl"),
        "EPERM",
    ),
    "thread": "EAGAIN",  # what Python makes of it
    "compute": "done",
    "allocate": "done",
    "limit the processor": "done",
}  # fmt: skip
LANDLOCK = {
    **FREE,
    **dict.fromkeys(("read", "create", "make a folder", "delete", "list", "exec"), "EACCES"),
}
LIMITS = {
    **FREE,
    **dict.fromkeys(("read", "create", "list", "socket", "pair"), "EMFILE"),
    "grow": "EFBIG",
    "allocate too much": "ENOMEM",
}
STEP = {
    "nothing": "pass",
    "seccomp": "prctl(38, 1); module.renounce_calls()",
    "landlock": "prctl(38, 1); module.renounce_files()",
    "limits": "module._limit(4)",
    "all": "print(json.dumps(module.confine(os.getppid(), 4)), file=sys.stderr)",
}


def tried(step: str, folder: Path, names: set[str]) -> dict[str, str]:
    """What becomes of the attempts `names` after `step`; skips where the kernel lacks it."""
    code = f"""
{ATTEMPTS}
try:
    {STEP[step]}
except OSError as error:
    print(json.dumps({{"missing": str(error)}}))
    sys.exit()
print(json.dumps({{name: attempt(action) for name, action in actions.items()
                   if name in {sorted(names)!r}}}))
"""
    read, written = folder / "read", folder / "written"
    for path in (read, written):
        path.write_text("x")
        path.chmod(0o666)
    folder.chmod(0o777)
    said = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(read), str(written)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    found: dict[str, str] = json.loads(said)
    if "missing" in found:
        pytest.skip(f"this kernel has no {step}: {found['missing']}")
    return found


@pytest.mark.parametrize(
    ("step", "expected"),
    [("seccomp", SECCOMP), ("landlock", LANDLOCK), ("limits", LIMITS)],
    ids=["seccomp", "landlock", "limits"],
)
def test_each_step_alone(step: str, expected: dict[str, str], tmp_path: Path) -> None:
    assert tried(step, tmp_path, set(expected)) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["read", "written"]


def test_without_a_step_all_of_it_works(tmp_path: Path) -> None:
    """Else the refusals above would prove nothing."""
    names = (set(SECCOMP) | set(LIMITS)) - {"exec", "delete", "allocate too much"}
    assert set(tried("nothing", tmp_path, names).values()) == {"done"}


def test_all_steps_together(tmp_path: Path) -> None:
    attempts = (set(SECCOMP) | set(LIMITS)) - set(FREE)
    found = tried("all", tmp_path, attempts | {"compute"})
    assert found.pop("compute") == "done"
    assert "done" not in found.values()


def test_a_step_that_fails_leaves_the_others() -> None:
    code = """
    import json, os
    from simulators.ngspice import confine as module
    from simulators.ngspice.seccomp import MACHINES
    def refuse(): raise OSError(38, "no landlock here")
    module.renounce_files = refuse
    MACHINES.clear()
    print(json.dumps(module.confine(os.getppid(), 3)))
    """
    said = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, text=True,
        timeout=60, check=True,
    ).stdout  # fmt: skip
    found = json.loads(said)
    assert found.keys() == STEPS
    assert found["landlock"] == "[Errno 38] no landlock here"
    assert "no list of system calls for" in found["seccomp"]
    assert {found[name] for name in STEPS - {"landlock", "seccomp"}} <= {""}


def test_a_host_says_what_holds() -> None:
    found = host_confinement()
    assert found.keys() == STEPS
    assert [name for name in ("limits", "parent", "no_new_privs", "user") if found[name]] == []
    missing = {name: reason for name, reason in found.items() if reason}
    if missing:
        pytest.skip(f"not exercised on this machine: {missing}")


WITHOUT_LANDLOCK = """
import ctypes, json, struct
from simulators.ngspice.kernel import prctl, syscall
from simulators.ngspice.seccomp import MACHINES, _SET_MODE_FILTER
import platform, structlog
from structlog.testing import capture_logs
prctl(38, 1)
# ENOSYS for the call that makes a ruleset, as from a kernel before 5.13
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x00050026), (0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps), 32)
header = struct.pack("@HP", len(steps), ctypes.addressof(code))
syscall(MACHINES[platform.machine()].seccomp, _SET_MODE_FILTER, ctypes.c_uint(0),
        ctypes.create_string_buffer(header, len(header)))
from simulators.ngspice.simulator import NgspiceSimulator
from tests.simulators.small import DIVIDER, circuit
with capture_logs() as logs, NgspiceSimulator(circuit(DIVIDER), processes=2) as simulator:
    results = simulator.run([{"r": 1e3}] * 8)
print(json.dumps([[result.failure for result in results], logs]))
"""


@pytest.mark.skipif(platform.machine() not in MACHINES, reason="no seccomp to hide landlock with")
def test_a_kernel_without_landlock_is_warned_of_once() -> None:
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT_LANDLOCK], cwd=ROOT, capture_output=True, text=True,
        timeout=100, check=True,
    ).stdout  # fmt: skip
    failures, logs = json.loads(said)
    assert failures == [None] * 8
    warnings = [log for log in logs if log["log_level"] == "warning" and log["step"] == "landlock"]
    assert len(warnings) == 1
    assert os.strerror(errno.ENOSYS) in warnings[0]["reason"]
    assert "docs/operations.md" in warnings[0]["cure"]


def test_the_documentation_names_every_step() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"(?m)^\| `(\w+)` \|", text))
    assert rows >= STEPS


@pytest.mark.parametrize(
    ("machine", "column", "header"),
    [
        ("x86_64", 1, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        ("aarch64", 2, "/usr/include/asm-generic/unistd.h"),
    ],
)
def test_numbers_of_system_calls_are_the_kernels(machine: str, column: int, header: str) -> None:
    path = Path(header)
    if not path.exists():
        pytest.skip(f"no {header} here to compare with")
    defined = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text(encoding="utf-8"))
    numbers = {name: int(number) for name, number in defined}
    numbers.setdefault("newfstatat", numbers.get("fstatat", -1))
    rows = [row.split() for row in _CALLS.split(",")]
    assert [row[0] for row in rows if row[column] not in {"-", str(numbers.get(row[0]))}] == []
    found = MACHINES[machine]
    assert found.seccomp == numbers["seccomp"]
    assert found.no_code == (numbers["mmap"], numbers["mprotect"])
    assert (found.own, found.opened) == (numbers["prlimit64"], numbers["newfstatat"])
