#!/usr/bin/env python3
"""A real Kubernetes control plane for tests: `up`, `down`, `run`, `ctl`.

    cluster.py up BIN EXAMPLES             start one, print its kubeconfig
    cluster.py run BIN EXAMPLES COMMAND…   start one, run COMMAND with it, stop it
    cluster.py down [KUBECONFIG | --all]   stop one
    cluster.py ctl WORDS…                  status | stop NAME | start NAME

The scripts `up`, `run` and `down` beside this file build first and then call it.
The processes belong to a supervisor (`supervisor/`), not to this program.
"""

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BASE = os.path.join(tempfile.gettempdir(), f"ripcord-cluster-{os.getuid()}")


def main(argv):
    verbs = {"up": up, "run": run, "down": down, "ctl": ctl}
    if not argv or argv[0] not in verbs:
        print(__doc__, file=sys.stderr)
        return 2
    return verbs[argv[0]](argv[1:])


def up(argv):
    held = begin(argv[:2], [])
    if not held.wait_ready():
        return held.process.wait() or 1
    os.write(held.leash, b"k")  # keep: it lives on without us
    print(os.path.join(held.state, "kubeconfig"))
    return 0


def run(argv):
    held = begin(argv[:2], argv[2:])
    held.wait_ready()
    try:
        return held.process.wait()
    except KeyboardInterrupt:
        os.close(held.leash)
        held.process.wait()
        return 130


def down(argv):
    found = [s for s in states() if not argv or argv[0] == "--all" or named(argv[0]) == s]
    if not found:
        print("down: no such cluster is running", file=sys.stderr)
        clean()
        return 1 if argv and argv[0] != "--all" else 0
    if len(found) > 1 and argv != ["--all"]:
        print("down: several clusters are running, name one (or --all):", file=sys.stderr)
        print("".join(f"  {s}/kubeconfig\n" for s in found), end="", file=sys.stderr)
        return 2
    for state in found:
        try:
            tell(state, "down")
        except OSError:
            pass  # it is ending already
        wait_unlocked(state)
        shutil.rmtree(state, ignore_errors=True)
        print(f"down: {state} is gone", file=sys.stderr)
    return 0


def ctl(argv):
    state = os.environ.get("RIPCORD_CLUSTER_STATE")
    if not state and os.environ.get("KUBECONFIG"):
        state = named(os.environ["KUBECONFIG"])
    if not state:
        running = states()
        if len(running) != 1:
            print(f"ctl: {len(running)} clusters are running, set KUBECONFIG to one of them", file=sys.stderr)
            return 2
        state = running[0]
    answer = tell(state, " ".join(argv) or "status")
    print(answer, end="")
    return 1 if answer.startswith("error") else 0


def tell(state, words):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(os.path.join(state, "control.sock"))
        s.sendall(words.encode() + b"\n")
        text = b""
        while piece := s.recv(4096):
            text += piece
        return text.decode()


class Held:
    """A cluster that is starting: its process, and the leash it dies with."""

    def __init__(self, state, process, leash, report):
        self.state, self.process, self.leash, self.report = state, process, leash, report

    def wait_ready(self):
        for line in self.report:
            if line == "ready\n":
                return True
            print(line, end="", file=sys.stderr, flush=True)
        return False


def begin(where, command):
    if not shutil.which("prometheus"):
        raise SystemExit("cluster: prometheus is not installed: apt-get install prometheus")
    os.makedirs(BASE, mode=0o700, exist_ok=True)
    if os.stat(BASE).st_uid != os.getuid():
        raise SystemExit(f"cluster: {BASE} belongs to somebody else, set TMPDIR")
    state, lock = claim()
    leash_end, leash = os.pipe()
    report, report_end = os.pipe()
    quiet = None if command else subprocess.DEVNULL
    process = subprocess.Popen(
        [sys.executable, os.path.join(HERE, "supervisor"), f"--leash={leash_end}",
         f"--report={report_end}", f"--lock={lock}", state, *where, *command],
        pass_fds=(leash_end, report_end, lock), stdin=subprocess.DEVNULL, stdout=quiet, stderr=quiet,
        start_new_session=True)
    for fd in (leash_end, report_end, lock):
        os.close(fd)
    return Held(state, process, leash, os.fdopen(report))


def claim():
    """A new state directory, its lock held; leftovers of killed clusters are removed."""
    with open(os.path.join(BASE, "lock"), "w") as base:
        fcntl.flock(base, fcntl.LOCK_EX)
        clean_locked()
        state = tempfile.mkdtemp(prefix="c-", dir=BASE)
        lock = os.open(os.path.join(state, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return state, lock


def clean():
    if os.path.isdir(BASE):
        with open(os.path.join(BASE, "lock"), "w") as base:
            fcntl.flock(base, fcntl.LOCK_EX)
            clean_locked()


def clean_locked():
    for state in candidates():
        if not alive(state):
            shutil.rmtree(state, ignore_errors=True)


def candidates():
    if not os.path.isdir(BASE):
        return []
    return [os.path.join(BASE, n) for n in sorted(os.listdir(BASE)) if n.startswith("c-")]


def states():
    return [s for s in candidates() if alive(s)]


def alive(state):
    try:
        with open(os.path.join(state, "lock")) as f:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def wait_unlocked(state, seconds=30):
    until = time.monotonic() + seconds
    while alive(state) and time.monotonic() < until:
        time.sleep(0.05)


def named(kubeconfig):
    return os.path.dirname(os.path.abspath(kubeconfig))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
