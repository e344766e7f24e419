"""The files of one cluster: certificates, kubeconfigs, and the configurations that
hold its ports. What does not depend on a port lies as a plain file in the tree.
"""

import base64
import json
import os
import secrets
import shutil
import subprocess

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONTEXT = "ripcord-test"


def write(path, text, mode=0o600):
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as f:
        f.write(text)


def template(name, values):
    with open(os.path.join(HERE, name)) as f:
        text = f.read()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    return text


def lay_out(at):
    """Writes everything a cluster needs before its first process starts."""
    os.makedirs(at.file("pki"), mode=0o700)
    os.makedirs(at.file("log"), mode=0o700)
    os.makedirs(at.file("pod-logs"), mode=0o700)
    os.makedirs(at.file("exec"), mode=0o700)
    subprocess.run([f"{at.bin}/certs", at.file("pki")], check=True)
    token = secrets.token_hex(16)
    write(at.file("tokens.csv"), f'{token},token-user@corp,token-user,"system:masters"\n')
    shutil.copy(os.path.join(HERE, "manifests/audit-policy.yaml"), at.file("audit-policy.yaml"))
    kubeconfigs(at, token)
    values = {**at.port, "state": at.state}
    stages = "".join(open(f"{at.bin}/stages/node/{name}").read() + "\n---\n" for name in
                     ("fast/node-initialize.yaml", "heartbeat-with-lease/node-heartbeat-with-lease.yaml"))
    write(at.file("kwok.yaml"), stages + template("kwok/pods.yaml", {}) + "\n---\n"
          + template("kwok/kubelet.yaml", values))
    write(at.file("pod-logs/default.log"), template("kwok/default.log", {}))
    write(at.file("prometheus/prometheus.yaml"), template("prometheus/prometheus.yaml", values))
    shutil.copy(os.path.join(HERE, "prometheus/rules.yaml"), at.file("prometheus/rules.yaml"))
    write(at.file("env"), environment(at))


def kubeconfigs(at, token):
    direct = at.url("apiserver", "https")
    proxied = at.url("api_proxy", "https")
    write(at.file("kubeconfig"), kubeconfig(at, direct, certificate(at, "admin")))
    for name in ("kwok", "traffic", "controller-manager", "scheduler", "restricted"):
        write(at.file(f"kubeconfigs/{name}"), kubeconfig(at, direct, certificate(at, name)))
    # a proxy that reads HTTP cannot pass a client certificate on, so these use a token
    write(at.file("kubeconfigs/token"), kubeconfig(at, direct, {"token": token}))
    write(at.file("kubeconfigs/proxied"), kubeconfig(at, proxied, {"token": token}))
    write(at.file("token"), token)
    for mode in ("works", "hangs", "fails", "asks"):
        user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1",
                         "command": os.path.join(HERE, "manifests/exec-plugin"), "args": [mode, at.file("token")],
                         "interactiveMode": "IfAvailable" if mode == "asks" else "Never",
                         "installHint": "the exec plugin of the test cluster"}}
        write(at.file(f"kubeconfigs/exec-{mode}"), kubeconfig(at, direct, user))


def certificate(at, name):
    return {"client-certificate-data": encoded(at.pki(f"{name}.crt")),
            "client-key-data": encoded(at.pki(f"{name}.key"))}


def encoded(path):
    with open(path, "rb") as f:
        return base64.b64encode(f.read()).decode()


def kubeconfig(at, server, user):
    return json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": CONTEXT,
        "clusters": [{"name": CONTEXT, "cluster": {
            "server": server, "certificate-authority-data": encoded(at.pki("ca.crt"))}}],
        "users": [{"name": "operator", "user": user}],
        "contexts": [{"name": CONTEXT, "context": {
            "cluster": CONTEXT, "user": "operator", "namespace": "default"}}],
    }, indent=1) + "\n"


def environment(at):
    """Shell lines; `source $(dirname KUBECONFIG)/env` gives a person all addresses."""
    return "".join(f"export {k}={v}\n" for k, v in addresses(at).items())


def addresses(at):
    return {
        "KUBECONFIG": at.file("kubeconfig"),
        "RIPCORD_E2E_KUBECONFIG": at.file("kubeconfig"),  # the end-to-end tests use this one only
        "RIPCORD_CLUSTER_STATE": at.state,
        "RIPCORD_CLUSTER_BIN": at.bin,
        "RIPCORD_CLUSTER_EXAMPLES": at.examples,
        "PROMETHEUS_URL": at.url("prometheus"),
        "TRAFFIC_URL": at.url("traffic"),
        "API_PROXY_CONTROL": at.url("api_proxy_control"),
        "PROMETHEUS_PROXY_URL": at.url("prometheus_proxy"),
        "PROMETHEUS_PROXY_CONTROL": at.url("prometheus_proxy_control"),
    }
