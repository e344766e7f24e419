"""The process that holds one cluster: starts it, answers its control socket, ends it.

    python3 supervisor STATE BIN EXAMPLES [COMMAND…]

It is never called by hand: `cluster.py` starts it and hands it two pipes and a locked
file. On the first pipe (`--leash`) it notices that its starter died before it had taken
over the cluster, or, with a COMMAND, at any time: then everything ends. On the second it
reports progress.
"""

import argparse
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import components  # noqa: E402
import files  # noqa: E402
import processes  # noqa: E402


class Cluster:
    def __init__(self, args):
        self.args = args
        self.running = {}
        self.command = None
        self.layout = None
        self.report = os.fdopen(args.report, "w", buffering=1)

    def say(self, text):
        try:
            print(text, file=self.report)
        except BrokenPipeError:
            pass  # nobody listens any more; the log has it

    # --- the start -----------------------------------------------------------
    def start(self):
        began = time.monotonic()
        ports = dict(zip(components.PORTS, processes.free_ports(len(components.PORTS))))
        self.layout = components.Layout(self.args.state, self.args.bin, self.args.examples, ports)
        files.lay_out(self.layout)
        for name in components.CONTROL_PLANE:
            self.launch(name)
        self.wait_for("the API server", self.api_ready, 60)
        self.kubectl("apply", "-f", os.path.join(self.args.bin, "crds"))
        for name in components.WORKERS:
            self.launch(name)
        with open(os.path.join(self.args.bin, "complete")) as f:
            version = f.read().strip()
        self.kubectl("apply", "-f", "-", stdin=files.template("manifests/base.yaml", {"version": version}))
        for name in components.AROUND:
            self.launch(name)
        self.wait_for("the nodes", self.nodes_ready, 60)
        self.wait_for("the first pod", self.first_pod_ready, 60)
        self.wait_for("Prometheus", self.prometheus_ready, 60)
        self.say(f"cluster: ready in {time.monotonic() - began:.1f} s")

    def launch(self, name):
        argv = components.ALL[name](self.layout)
        self.running[name] = processes.start(argv, self.layout.file(f"log/{name}.log"))

    def wait_for(self, what, ready, seconds):
        until = time.monotonic() + seconds
        while not ready():
            self.notice_deaths(fatal=True)
            if leash_cut(self.args.leash):
                raise SystemExit("cluster: the starting process is gone")
            if time.monotonic() > until:
                raise SystemExit(f"cluster: {what} did not get ready in {seconds} s, see {self.args.state}/log")
            time.sleep(0.1)

    def kubectl(self, *argv, stdin=None):
        done = subprocess.run([f"{self.args.bin}/kubectl", f"--kubeconfig={self.layout.file('kubeconfig')}", *argv],
                              input=stdin, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"cluster: kubectl {' '.join(argv)}: {done.stderr}")
        return done.stdout

    def api_ready(self):
        done = subprocess.run([f"{self.args.bin}/kubectl", f"--kubeconfig={self.layout.file('kubeconfig')}",
                               "get", "--raw=/readyz"], capture_output=True, text=True)
        return done.returncode == 0

    def nodes_ready(self):
        nodes = json.loads(self.kubectl("get", "nodes", "-o", "json"))["items"]
        # the node lifecycle controller takes the not-ready taint off
        return len(nodes) == 5 and not any(n["spec"].get("taints") for n in nodes)

    def first_pod_ready(self):
        state = json.loads(self.kubectl("get", "deployment", "-n", "monitoring", "prometheus", "-o", "json"))
        return state["status"].get("readyReplicas", 0) == 1

    def prometheus_ready(self):
        query = self.layout.url("prometheus") + '/api/v1/query?query=sum(up{job="traffic"})'
        try:
            with urllib.request.urlopen(query, timeout=2) as answer:
                result = json.load(answer)["data"]["result"]
        except OSError:
            return False
        return bool(result) and result[0]["value"][1] == "1"

    # --- the life ------------------------------------------------------------
    def live(self):
        """Until somebody says `down`, the leash is cut, or the command has ended."""
        control = socket.socket(socket.AF_UNIX)
        control.bind(self.layout.file("control.sock"))
        control.listen()
        watched = selectors.DefaultSelector()
        watched.register(control, selectors.EVENT_READ)
        if self.args.command:
            watched.register(self.args.leash, selectors.EVENT_READ)
            env = {**os.environ, **files.addresses(self.layout),
                   "PATH": f"{self.args.bin}:{os.environ['PATH']}"}
            self.command = subprocess.Popen(self.args.command, env=env, preexec_fn=processes.die_with_parent)
        while True:
            for key, _ in watched.select(timeout=0.2):
                if key.fileobj is control and self.answer(control):
                    return 0
                if key.fileobj == self.args.leash:
                    return 1
            self.notice_deaths(fatal=False)
            if self.command and self.command.poll() is not None:
                return self.command.returncode if self.command.returncode >= 0 else 128 - self.command.returncode

    def answer(self, control):
        """One line, one answer: `down`, `status`, `stop NAME`, `start NAME`."""
        peer, _ = control.accept()
        with peer:
            peer.settimeout(5)
            words = peer.recv(256).decode().split()
            verb, name = (words + ["", ""])[:2]
            if verb == "down":
                peer.sendall(b"ok\n")
                return True
            if verb == "status":
                text = "".join(f"{n} {p.pid}\n" for n, p in self.running.items())
            elif verb not in ("stop", "start") or name not in components.ALL:
                text = f"error: want down, status, stop NAME or start NAME; names: {' '.join(components.ALL)}\n"
            else:
                self.stop(name)
                if verb == "start":
                    self.launch(name)
                text = "ok\n"
            peer.sendall(text.encode())
        return False

    def stop(self, name):
        process = self.running.pop(name, None)
        if process:
            process.kill()
            process.wait()

    def notice_deaths(self, fatal):
        for name, process in list(self.running.items()):
            if process.poll() is None:
                continue
            del self.running[name]
            text = f"cluster: {name} ended by itself ({process.returncode}), see {self.args.state}/log/{name}.log"
            if fatal:
                with open(self.layout.file(f"log/{name}.log"), errors="replace") as log:
                    raise SystemExit(text + "\n" + "".join(log.readlines()[-5:]))
            self.say(text)


def leash_cut(fd):
    """True if the other end was closed; a byte on it means «let go»."""
    ready = selectors.DefaultSelector()
    ready.register(fd, selectors.EVENT_READ)
    return bool(ready.select(timeout=0)) and os.read(fd, 1) == b""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--leash", type=int, required=True)
    parser.add_argument("--report", type=int, required=True)
    # held until we are dead: whoever gets it may remove our files
    parser.add_argument("--lock", type=int, required=True)
    parser.add_argument("state")
    parser.add_argument("bin")
    parser.add_argument("examples")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    os.set_inheritable(args.lock, False)
    os.set_inheritable(args.leash, False)
    os.set_inheritable(args.report, False)
    processes.adopt_orphans()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    cluster = Cluster(args)
    code = 1
    try:
        cluster.start()
        with open(cluster.layout.file("supervisor.pid"), "w") as f:
            f.write(f"{os.getpid()}\n")
        cluster.say("ready")
        if not args.command and os.read(args.leash, 1) == b"":
            raise SystemExit("cluster: the starting process is gone")
        code = cluster.live()
    except OSError as error:  # a program that is not there, a full disk
        cluster.say(f"cluster: {error}")
    except SystemExit as stop:
        cluster.say(str(stop.code))
        code = stop.code if isinstance(stop.code, int) else 1
    finally:
        processes.end_all()
        keep = os.environ.get("RIPCORD_CLUSTER_KEEP") and code != 0
        if not keep:
            shutil.rmtree(args.state, ignore_errors=True)
    os._exit(code)


main()
