#!/usr/bin/env python3
"""The promises of `up`, `down` and `run` about processes and files, tried:

    check_lifecycle.py BIN EXAMPLES

Two clusters side by side, `down`, and kill -9 of each process that holds the others.
A check fails with an assertion; the last line says how many passed.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CLUSTER = [sys.executable, os.path.join(HERE, "cluster.py")]
WHERE = sys.argv[1:3]


def eventually(what, seconds, ask):
    until = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < until, f"not seen within {seconds} s: {what}"
        time.sleep(0.1)
    return answer


def env(base):
    return {**os.environ, "TMPDIR": base}


def base_of(base):
    return os.path.join(base, f"ripcord-cluster-{os.getuid()}")


def clusters(base):
    """State directories, whether their cluster lives or not."""
    try:
        return [os.path.join(base_of(base), n) for n in os.listdir(base_of(base)) if n.startswith("c-")]
    except FileNotFoundError:
        return []


def processes(base):
    """Every process whose command line names a path below `base`."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                if base in f.read() and int(pid) != os.getpid():
                    found.append(int(pid))
        except OSError:
            pass  # gone meanwhile
    return found


def up(base):
    done = subprocess.run(CLUSTER + ["up", *WHERE], env=env(base), capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 1 and lines[0].endswith("/kubeconfig"), f"more than the path on stdout: {done.stdout!r}"
    return lines[0]


def kubectl(kubeconfig, *argv):
    done = subprocess.run([f"{WHERE[0]}/kubectl", f"--kubeconfig={kubeconfig}", *argv],
                          capture_output=True, text=True, check=True)
    return done.stdout


def two_side_by_side_do_not_know_each_other(base):
    one, two = up(base), up(base)
    kubectl(one, "create", "namespace", "only-in-one")
    assert "only-in-one" not in kubectl(two, "get", "namespaces", "-o", "name")
    subprocess.run(CLUSTER + ["down", one], env=env(base), check=True)
    assert not os.path.exists(os.path.dirname(one))
    kubectl(two, "get", "nodes")
    subprocess.run(CLUSTER + ["down", two], env=env(base), check=True)
    assert not processes(base_of(base)) and not clusters(base)


def killed_while_starting_leaves_no_process(base):
    starting = subprocess.Popen(CLUSTER + ["up", *WHERE], env=env(base), stderr=subprocess.DEVNULL)
    eventually("the first processes", 30, lambda: len(processes(base_of(base))) >= 3)
    starting.kill()
    starting.wait()
    eventually("no process", 15, lambda: not processes(base_of(base)))


def killed_run_leaves_no_process_not_even_the_commands(base):
    marker = os.path.join(base_of(base), "marker")
    command = ["bash", "-c", f"setsid sleep 1000.{os.getpid()} & touch {marker}; wait"]
    running = subprocess.Popen(CLUSTER + ["run", *WHERE, *command], env=env(base), stderr=subprocess.DEVNULL)
    eventually("the command", 90, lambda: os.path.exists(marker))
    running.kill()
    running.wait()
    eventually("no process", 15, lambda: not processes(base_of(base)) and not processes(f"1000.{os.getpid()}"))


def killed_supervisor_leaves_files_that_the_next_up_removes(base):
    kubeconfig = up(base)
    state = os.path.dirname(kubeconfig)
    with open(os.path.join(state, "supervisor.pid")) as f:
        os.kill(int(f.read()), signal.SIGKILL)
    eventually("no process", 15, lambda: not processes(base_of(base)))
    assert os.path.exists(state)
    other = up(base)
    assert not os.path.exists(state), "the next `up` removes what a killed one left"
    subprocess.run(CLUSTER + ["down", "--all"], env=env(base), check=True)
    assert not os.path.exists(os.path.dirname(other)) and not processes(base_of(base))


def the_commands_exit_code_is_runs(base):
    done = subprocess.run(CLUSTER + ["run", *WHERE, "sh", "-c", "kubectl get nodes && exit 7"], env=env(base),
                          capture_output=True, text=True)
    assert done.returncode == 7 and "node-5" in done.stdout, done
    assert not clusters(base) and not processes(base_of(base))


def main():
    checks = [two_side_by_side_do_not_know_each_other, killed_while_starting_leaves_no_process,
              killed_run_leaves_no_process_not_even_the_commands,
              killed_supervisor_leaves_files_that_the_next_up_removes, the_commands_exit_code_is_runs]
    for check in checks:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as base:
            check(base)
        print(f"{check.__name__.replace('_', ' ')} ... ok ({time.monotonic() - began:.0f} s)", flush=True)
    print(f"{len(checks)} passed, 0 failed")


main()
