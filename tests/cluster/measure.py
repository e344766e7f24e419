"""measure.py RIPCORD [verbs] [rollback]: what an act costs beside kubectl and helm, on the cluster whose environment this runs in.

  cargo build --release && tests/cluster/run -- python3 tests/cluster/measure.py target/release/ripcord

Prints ratios of medians, taken in turn within one run. Nothing here is a test. Memory is what the process had at its
most: all of it, and its own (the rest are pages of the program's file, shared and clean).
"""

import json
import os
import pty
import re
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from fcntl import ioctl

ROUNDS = 9
SPACE = "ripcord-measure"
CHART = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ml-system", "chart")
SET = ["--set", "api.hpa.enabled=false", "--set"]
HEAD = "apiVersion: ripcord/v1\nkind: Runbook\nmetadata: {name: measure}\ntarget: {namespace: %s}\n" % SPACE

# A native verb, and kubectl's words for the same act. `%d` changes from round to round.
VERBS = {
    "scale": ("scale: {kind: Deployment, name: ml-api, replicas: %d}", "scale deployment/ml-api --replicas=%d"),
    "setImage": (
        "setImage: {kind: Deployment, name: ml-api, container: '*', image: 'registry.local/ml-api:v%d'}",
        "set image deployment/ml-api *=registry.local/ml-api:v%d",
    ),
    "patch": (
        "patch: {kind: Service, name: ml-api, type: merge, patch: {metadata: {labels: {n: 'n%d'}}}}",
        'patch service/ml-api --type=merge -p {"metadata":{"labels":{"n":"n%d"}}}',
    ),
    "get": ("get: {kind: Pod, selector: app=ml-api}", "get pods -l app=ml-api"),
}


def quiet(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def timed(argv):
    """Seconds, and the most MiB it had: all, its own."""
    begin, own = time.monotonic(), 0
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = 0
    while child.poll() is None:
        try:
            with open(f"/proc/{child.pid}/status") as file:
                fields = dict(line.split(":", 1) for line in file)
            most = max(most, int(fields["VmHWM"].split()[0]))
            own = max(own, int(fields["RssAnon"].split()[0]))
        except (OSError, KeyError, ValueError):
            pass
        time.sleep(0.0005)
    assert child.returncode == 0, argv
    return time.monotonic() - begin, most / 1024, own / 1024


def verbs(ripcord, folder):
    print(f"{'native verb, beside kubectl':<28} {'wall':>18} {'memory':>22} {'its own memory':>22}")
    for name, (step, words) in VERBS.items():
        ours, theirs = [], []
        for at in range(2, ROUNDS + 2):
            fill = lambda text: text % at if "%d" in text else text
            book = os.path.join(folder, "one.yaml")
            with open(book, "w") as file:
                file.write(f"{HEAD}baseline: {{none: a measure}}\nsteps:\n- {{id: act, kubernetes: {{{fill(step)}}}}}\n")
            state = tempfile.mkdtemp(dir=folder)
            ours.append(timed([ripcord, "--state-dir", state, "run", book, "--headless", "--yes-to", "read,write"]))
            theirs.append(timed(["kubectl", "-n", SPACE, *fill(words).replace("v%d" % at, "w%d" % at).split(" ")]))
        middle = lambda rows, column: statistics.median(row[column] for row in rows)
        columns = []
        for column, unit in ((0, "ms"), (1, "MiB"), (2, "MiB")):
            scale = 1000 if unit == "ms" else 1
            a, b = middle(ours, column), middle(theirs, column)
            columns.append(f"{a * scale:.0f}/{b * scale:.0f} {unit} = {a / b:.2f}")
        print(f"{name:<28} {columns[0]:>18} {columns[1]:>22} {columns[2]:>22}")


class Terminal:
    """A program in a terminal of 120 x 35, and the screen it draws: places and letters, no colour."""

    def __init__(self, argv):
        self.cells, self.row, self.column, self.keys = [[" "] * 120 for _ in range(35)], 0, 0, 0
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 35, 120, 0, 0))
            os.execvp(argv[0], argv)

    def draw(self, text):
        for piece in re.finditer(r"\x1b\[([0-9;?<>=]*)([A-Za-z])|\x1b[()][0-9A-Za-z]|\x1b.|([^\x1b])", text, re.S):
            given, verb, letter = piece.groups()
            if verb == "H":
                row, column = (given.split(";") + ["1"])[:2] if given else ("1", "1")
                self.row, self.column = int(row or 1) - 1, int(column or 1) - 1
            elif verb == "J":
                self.cells = [[" "] * 120 for _ in range(35)]
            elif letter and letter >= " ":
                if self.row < 35 and self.column < 120:
                    self.cells[self.row][self.column] = letter
                self.column += 1

    def screen(self):
        return "\n".join("".join(row) for row in self.cells)

    def sees(self, words, seconds=60):
        until = time.monotonic() + seconds
        while words not in self.screen():
            assert time.monotonic() < until, f"«{words}» is not on the screen:\n{self.screen()}"
            if select.select([self.file], [], [], 0.2)[0]:
                self.draw(os.read(self.file, 65536).decode("utf-8", "replace"))

    def press(self, key):
        self.keys += len(key)
        os.write(self.file, key.encode())


def facts(ripcord, state):
    run = os.listdir(os.path.join(state, "runs"))[0]
    out = subprocess.run(
        [ripcord, "--state-dir", state, "trail", "show", run, "-o", "json"], capture_output=True, text=True, check=True
    ).stdout
    return [json.loads(line) for line in out.splitlines()]


def at(told, kind, step=None):
    from datetime import datetime

    found = [one for one in told if one["kind"] == kind and (step is None or one.get("step") == step)]
    return datetime.fromisoformat(found[-1]["time"].replace("Z", "+00:00")).timestamp()


def deployed(tag):
    quiet("helm", "-n", SPACE, "upgrade", "ml-system", CHART, "--wait", *SET, f"api.image.tag={tag}")


def begun(ripcord, folder):
    """A run that was left in an approval, its release already upgraded."""
    deployed("v1.4.1")
    book, state = os.path.join(folder, "back.yaml"), tempfile.mkdtemp(dir=folder)
    upgrade = f"{{release: ml-system, chart: {CHART}, set: {{api.image.tag: v1.5.0, api.hpa.enabled: false}}, wait: true}}"
    with open(book, "w") as file:
        file.write(f"{HEAD}baseline: {{helmRelease: ml-system}}\nsteps:\n- {{id: up, helm: {{upgrade: {upgrade}}}}}\n")
        file.write("- {id: go, approval: {prompt: Keep it?}}\n")
    argv = [ripcord, "--state-dir", state, "run", book, "--headless", "--yes-to", "read,write"]
    ended = subprocess.run(argv, capture_output=True, text=True)
    assert ended.returncode == 3, ended
    return state


def by_console(ripcord, folder):
    state = begun(ripcord, folder)
    os.environ["RIPCORD_STATE_DIR"] = state
    begin = time.monotonic()
    terminal = Terminal([ripcord])
    terminal.sees("measure")
    terminal.press("\r")
    terminal.sees("back to: revision")
    terminal.press("z")
    terminal.sees("ROLL BACK")
    time.sleep(0.31)  # it is deaf to a key that was meant for something else
    terminal.press("y")
    terminal.sees("ROLLED BACK")
    took = time.monotonic() - begin
    terminal.press("q")
    os.waitpid(terminal.pid, 0)
    told = facts(ripcord, state)
    helm = at(told, "step.outcome", "back-to-baseline") - at(told, "step.intent", "back-to-baseline")
    seen = at(told, "rollback.verified") - at(told, "step.outcome", "back-to-baseline")
    return took, helm, seen, len("ripcord\r") + terminal.keys - 1


GUIDE = [
    "helm list -n ml-system-production",
    "helm rollback ml-system 5 -n ml-system-production",
    "kubectl rollout status deployment/ml-api -n ml-system-production",
]


def by_hand():
    deployed("v1.4.1")
    deployed("v1.5.0")
    history = json.loads(subprocess.check_output(["helm", "-n", SPACE, "history", "ml-system", "-o", "json"]))
    begin = time.monotonic()
    quiet("helm", "list", "-n", SPACE)
    at_helm = time.monotonic()
    quiet("helm", "rollback", "ml-system", str(history[-2]["revision"]), "-n", SPACE, "--wait")
    helm = time.monotonic() - at_helm
    quiet("kubectl", "rollout", "status", "deployment/ml-api", "-n", SPACE)
    return time.monotonic() - begin, helm


def rollback(ripcord, folder):
    hand, console = [], []
    for _ in range(3):
        hand.append(by_hand())
        console.append(by_console(ripcord, folder))
    middle = lambda rows, column: statistics.median(row[column] for row in rows)
    helm, alone = middle(console, 1), middle(hand, 1)
    print(f"keys from the prompt to rolled back: {console[0][3]}; the guide's first command alone: {len(GUIDE[0]) + 1}, "
          f"all three: {sum(len(line) + 1 for line in GUIDE)}")
    print(f"seconds from the prompt to verified: {middle(console, 0):.1f}; the three commands one after another, "
          f"typing not counted: {middle(hand, 0):.1f}")
    print(f"Helm's step: {helm:.2f} s; helm rollback --wait alone {alone:.2f} s = {helm / alone:.2f}; "
          f"verification after it {middle(console, 2):.2f} s")


def main():
    ripcord = os.path.abspath(sys.argv[1])
    quiet("kubectl", "create", "namespace", SPACE)
    try:
        with tempfile.TemporaryDirectory() as folder:
            quiet("helm", "-n", SPACE, "install", "ml-system", CHART, "--wait", *SET, "api.image.tag=v1.4.1")
            for part in (verbs, rollback):
                if part.__name__ in (sys.argv[2:] or ["verbs", "rollback"]):
                    part(ripcord, folder)
    finally:
        quiet("kubectl", "delete", "namespace", SPACE, "--wait=false")


if __name__ == "__main__":
    main()
