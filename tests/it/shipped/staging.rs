//! `staging.yaml` whole: with plain Secrets and with sealed ones, on a cluster with and without a certificate to come.

use std::fs;

use super::stage::{Stage, healthy};
use crate::said::in_order;

/// Answers as kubectl does where the runbook calls it; what the overlay holds is in `overlay.yaml`.
const KUBECTL: &str = r#"case "$1 $2" in
"kustomize "*) cat overlay.yaml ;;
"create secret") cat > "sealed.$4"; echo "kind: Secret" ;;
"apply "*) cat > /dev/null ;;
"get svc") printf 203.0.113.10 ;;
esac"#;

const KUBESEAL: &str = r#"cat > /dev/null
cat <<'YAML'
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: api-keys}
spec: {encryptedData: {API_KEY: AgBy3i4OJSWK}}
YAML"#;

fn overlay(host: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: ml-api}}
spec:
  replicas: 2
  template: {{spec: {{containers: [{{name: api, image: 'registry.local/ml-api:v1.5.0'}}]}}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: ml-api}}
spec: {{ingressClassName: nginx, rules: [{{host: {host}}}]}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {{name: staging-tls}}
spec: {{secretName: staging-tls, dnsNames: [{host}], issuerRef: {{name: letsencrypt, kind: ClusterIssuer}}}}
"
    )
}

fn stage(host: &str, resolves_to: &str) -> Stage {
    let stage = Stage::new();
    let getent = format!("case \"$2\" in 203.*) echo \"$2 STREAM\" ;; *) echo \"{resolves_to} STREAM\" ;; esac");
    stage.tool("kubectl", KUBECTL).tool("helm", "exit 0").tool("pytest", "exit 0").tool("getent", &getent);
    fs::create_dir_all(stage.path("kubernetes/overlays/staging")).unwrap();
    fs::write(stage.path("kubernetes/overlays/staging/kustomization.yaml"), "resources: [all.yaml]\n").unwrap();
    fs::write(stage.path("overlay.yaml"), overlay(host)).unwrap();
    stage
}

const ANSWERS: &str = "steps:
  right-one: {tick: all}
  dns-record: {done: true}
";
const SPEED: &str = "healthy --speed 15";

#[test]
fn all_of_it_with_plain_secrets() {
    let stage = stage("staging.example.com", "203.0.113.10");
    let played = stage.play(SPEED, "staging", &[&format!("url={}", healthy())], ANSWERS);
    played.ended(0, "staging-plain", "staging");
    in_order(
        &played.said,
        &[
            "namespace/ml-system-staging exists already",
            "simulated: ingress-nginx is at revision 2",
            "simulated: cert-manager is at revision 2",
            "the LoadBalancer at 203.0.113.10",
            "3 objects applied",
            "rollout: succeeded",
            "certificate: succeeded",
            "integration: succeeded",
            "succeeded resolved/deployed",
        ],
    );
    let called = stage.called();
    in_order(
        &called,
        &[
            "kubectl create secret generic api-keys -n ml-system-staging --from-file=API_KEY=/dev/stdin",
            "kubectl create secret generic mlflow-credentials -n ml-system-staging --from-file=password=/dev/stdin",
            "helm repo add ingress-nginx https://kubernetes.github.io/ingress-nginx --force-update",
            "helm repo add jetstack https://charts.jetstack.io --force-update",
            "helm repo update",
            "kubectl get svc ingress-nginx-controller -n ingress-nginx",
            "getent ahostsv4 staging.example.com",
            "pytest tests/integration/test_e2e.py -v",
        ],
    );
    assert!(!called.contains("the-staging-key") && !called.contains("the-mlflow-password"), "in argv: {called}");
    assert!(!played.said.contains("the-staging-key") && !played.said.contains("the-mlflow-password"));
    let given = fs::read_to_string(stage.path("sealed.api-keys")).unwrap();
    assert_eq!(given, "the-staging-key", "through standard input it came whole");
}

#[test]
fn all_of_it_with_sealed_secrets_and_the_dependencies_there_already() {
    let stage = stage("staging.example.com", "203.0.113.10");
    stage.tool("kubeseal", KUBESEAL);
    let url = format!("url={}", healthy());
    let params = ["sealed_secrets=true", "dependencies=false", &url];
    let played = stage.play(SPEED, "staging", &params, ANSWERS);
    played.ended(0, "staging-sealed", "staging");
    let called = stage.called();
    in_order(
        &called,
        &[
            "kubectl apply -f https://github.com/bitnami-labs/sealed-secrets/releases/download/v0.24.0/controller.yaml",
            "kubectl create secret generic api-keys",
            "kubectl create secret generic mlflow-credentials",
        ],
    );
    // The two ends of a pipe begin in no order.
    assert_eq!(called.matches("kubeseal -o yaml").count(), 2, "{called}");
    let sealed = fs::read_to_string(stage.path("sealed-secret.yaml")).unwrap();
    assert!(sealed.contains("AgBy3i4OJSWK") && !sealed.contains("the-staging-key"), "{sealed}");
}

#[test]
fn a_certificate_that_does_not_come_is_said_so_and_led_back() {
    let stage = stage("staging.example.invalid", "203.0.113.10");
    let answers = format!(
        "{ANSWERS}  certificate: {{onFailure: [rollback]}}
  which-revision: {{values: {{revision: 3}}}}
rollback: {{confirm: true}}
"
    );
    let params = ["dependencies=false", &format!("url={}", healthy())];
    let played = stage.play("healthy --speed 60", "staging", &params, &answers);
    played.ended(1, "staging-no-certificate", "staging");
    in_order(
        &played.said,
        &[
            "certificate: failed",
            "rollback.began",
            "rolled back to revision 3",
            "back-status: succeeded",
            "rolled back",
        ],
    );
}

#[test]
fn a_name_that_points_elsewhere_is_not_deployed_to() {
    let stage = stage("staging.example.com", "198.51.100.7");
    let answers = format!("{ANSWERS}  dns: {{onFailure: [abort]}}\n");
    let played = stage.play("healthy --speed 120", "staging", &[], &answers);
    played.ended(1, "staging-wrong-record", "staging");
    assert!(played.said.contains("staging.example.com is at 198.51.100.7, the LoadBalancer at 203.0.113.10"));
    assert!(!played.said.contains("objects applied"), "{}", played.said);
}
