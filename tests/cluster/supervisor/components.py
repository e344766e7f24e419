"""The programs of the cluster: what each is called with, and in which order.

`Layout` knows every path and port of one cluster; a component is a name and an argv.
"""

import os
from dataclasses import dataclass

PORTS = ["etcd", "etcd_peer", "apiserver", "kubelet", "prometheus", "traffic",
         "api_proxy", "api_proxy_control", "prometheus_proxy", "prometheus_proxy_control"]


@dataclass
class Layout:
    state: str      # everything of this cluster lies here
    bin: str        # what `build` compiled
    examples: str   # the traffic and faultproxy programs
    port: dict

    def pki(self, name):
        return os.path.join(self.state, "pki", name)

    def file(self, name):
        return os.path.join(self.state, name)

    def url(self, what, scheme="http"):
        return f"{scheme}://127.0.0.1:{self.port[what]}"


def etcd(at):
    peer = at.url("etcd_peer")
    client = at.url("etcd", "https")
    return [f"{at.bin}/etcd", "--name=test", f"--data-dir={at.file('etcd')}", "--unsafe-no-fsync",
            f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
            f"--cert-file={at.pki('apiserver.crt')}", f"--key-file={at.pki('apiserver.key')}",
            "--client-cert-auth", f"--trusted-ca-file={at.pki('ca.crt')}", "--enable-grpc-gateway=false",
            f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=test={peer}", "--log-level=warn", "--quota-backend-bytes=4294967296"]


def apiserver(at):
    return [f"{at.bin}/kube-apiserver", "--bind-address=127.0.0.1", f"--secure-port={at.port['apiserver']}",
            # a Service's endpoints may not be on loopback, so `kubernetes` has none
            "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.96.0.0/16",
            f"--etcd-servers={at.url('etcd', 'https')}", f"--etcd-cafile={at.pki('ca.crt')}",
            f"--etcd-certfile={at.pki('kubelet-client.crt')}", f"--etcd-keyfile={at.pki('kubelet-client.key')}",
            f"--tls-cert-file={at.pki('apiserver.crt')}", f"--tls-private-key-file={at.pki('apiserver.key')}",
            f"--client-ca-file={at.pki('ca.crt')}", f"--token-auth-file={at.file('tokens.csv')}",
            "--anonymous-auth=false", "--authorization-mode=RBAC", "--allow-privileged=true",
            f"--kubelet-certificate-authority={at.pki('ca.crt')}",
            f"--kubelet-client-certificate={at.pki('kubelet-client.crt')}",
            f"--kubelet-client-key={at.pki('kubelet-client.key')}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={at.pki('service-account.pub')}",
            f"--service-account-signing-key-file={at.pki('service-account.key')}",
            f"--audit-policy-file={at.file('audit-policy.yaml')}", f"--audit-log-path={at.file('audit.log')}",
            "--audit-log-mode=blocking-strict", f"--cert-dir={at.file('apiserver')}"]


def controller_manager(at):
    return [f"{at.bin}/kube-controller-manager", f"--kubeconfig={at.file('kubeconfigs/controller-manager')}",
            "--secure-port=0", "--leader-elect=false", "--allocate-node-cidrs=false",
            "--use-service-account-credentials",
            f"--root-ca-file={at.pki('ca.crt')}",
            f"--service-account-private-key-file={at.pki('service-account.key')}",
            "--concurrent-replicaset-syncs=20", "--kube-api-qps=500", "--kube-api-burst=1000"]


def scheduler(at):
    return [f"{at.bin}/kube-scheduler", f"--kubeconfig={at.file('kubeconfigs/scheduler')}",
            "--secure-port=0", "--leader-elect=false", "--kube-api-qps=500", "--kube-api-burst=1000"]


def kwok(at):
    return [f"{at.bin}/kwok", f"--config={at.file('kwok.yaml')}", f"--kubeconfig={at.file('kubeconfigs/kwok')}",
            "--manage-all-nodes=true", "--node-ip=127.0.0.1", f"--node-port={at.port['kubelet']}",
            f"--server-address=127.0.0.1:{at.port['kubelet']}", "--cidr=10.64.0.1/14",
            f"--tls-cert-file={at.pki('kubelet.crt')}", f"--tls-private-key-file={at.pki('kubelet.key')}",
            "--node-lease-duration-seconds=40", "--enable-crds=Logs"]


def prometheus(at):
    return ["prometheus", f"--config.file={at.file('prometheus/prometheus.yaml')}",
            f"--storage.tsdb.path={at.file('prometheus/data')}", "--storage.tsdb.retention.time=24h",
            f"--web.listen-address=127.0.0.1:{at.port['prometheus']}", "--log.level=warn"]


def traffic(at):
    return [f"{at.examples}/traffic", f"--kubeconfig={at.file('kubeconfigs/traffic')}",
            f"--listen=127.0.0.1:{at.port['traffic']}", f"--logs={at.file('pod-logs')}"]


def api_proxy(at):
    return [f"{at.examples}/faultproxy", f"--listen=127.0.0.1:{at.port['api_proxy']}",
            f"--to=127.0.0.1:{at.port['apiserver']}", f"--control=127.0.0.1:{at.port['api_proxy_control']}",
            f"--ca={at.pki('ca.crt')}", f"--cert={at.pki('apiserver.crt')}", f"--key={at.pki('apiserver.key')}",
            f"--expired-cert={at.pki('expired.crt')}", f"--expired-key={at.pki('expired.key')}"]


def prometheus_proxy(at):
    return [f"{at.examples}/faultproxy", f"--listen=127.0.0.1:{at.port['prometheus_proxy']}",
            f"--to=127.0.0.1:{at.port['prometheus']}",
            f"--control=127.0.0.1:{at.port['prometheus_proxy_control']}"]


CONTROL_PLANE = {"etcd": etcd, "apiserver": apiserver}
WORKERS = {"controller-manager": controller_manager, "scheduler": scheduler, "kwok": kwok}
AROUND = {"traffic": traffic, "prometheus": prometheus, "api-proxy": api_proxy,
          "prometheus-proxy": prometheus_proxy}
ALL = {**CONTROL_PLANE, **WORKERS, **AROUND}
