//! `describe pod`, and the pod template that workloads share.

use serde_json::Value;

use super::text::{Text, at, list, or_none, scalar, time};

pub fn pod(text: &mut Text, pod: &Value) {
    text.field(0, "Name", &at(pod, "/metadata/name"));
    text.field(0, "Namespace", &at(pod, "/metadata/namespace"));
    text.field(0, "Priority", or(&at(pod, "/spec/priority"), "0"));
    text.field(0, "Service Account", &at(pod, "/spec/serviceAccountName"));
    let node = at(pod, "/spec/nodeName");
    let host = at(pod, "/status/hostIP");
    text.field(0, "Node", &if node.is_empty() { node } else { format!("{node}/{host}") });
    let start = at(pod, "/status/startTime");
    if !start.is_empty() {
        text.field(0, "Start Time", &time(&start));
    }
    text.map(0, "Labels", &pod["metadata"]["labels"], "=");
    text.map(0, "Annotations", &pod["metadata"]["annotations"], ": ");
    let deleting = !pod["metadata"]["deletionTimestamp"].is_null();
    text.field(0, "Status", &if deleting { "Terminating".to_owned() } else { at(pod, "/status/phase") });
    for (name, pointer) in [("Reason", "/status/reason"), ("Message", "/status/message")] {
        let said = at(pod, pointer);
        if !said.is_empty() {
            text.field(0, name, &said);
        }
    }
    text.field(0, "IP", &at(pod, "/status/podIP").replace("<none>", ""));
    ips(text, pod);
    if let Some(owner) = list(pod, "/metadata/ownerReferences").iter().find(|owner| owner["controller"] == true) {
        text.line(0, format!("Controlled By:\t{}/{}", at(owner, "/kind"), at(owner, "/name")));
    }
    containers(
        text,
        0,
        "Init Containers",
        list(pod, "/spec/initContainers"),
        list(pod, "/status/initContainerStatuses"),
    );
    containers(text, 0, "Containers", list(pod, "/spec/containers"), list(pod, "/status/containerStatuses"));
    let conditions = list(pod, "/status/conditions");
    if !conditions.is_empty() {
        text.line(0, "Conditions:");
        text.line(1, "Type\tStatus");
        for condition in conditions {
            text.line(1, format!("{}\t{} ", at(condition, "/type"), at(condition, "/status")));
        }
    }
    volumes(text, 0, list(pod, "/spec/volumes"));
    text.field(0, "QoS Class", &at(pod, "/status/qosClass"));
    text.map(0, "Node-Selectors", &pod["spec"]["nodeSelector"], "=");
    tolerations(text, list(pod, "/spec/tolerations"));
}

fn ips(text: &mut Text, pod: &Value) {
    let all = list(pod, "/status/podIPs");
    if all.is_empty() {
        return text.field(0, "IPs", "");
    }
    text.line(0, "IPs:");
    for ip in all {
        text.line(1, format!("IP:\t{}", at(ip, "/ip")));
    }
}

pub fn containers(text: &mut Text, level: usize, title: &str, specs: &[Value], statuses: &[Value]) {
    if specs.is_empty() {
        return;
    }
    text.line(level, format!("{title}:"));
    for spec in specs {
        let name = at(spec, "/name");
        text.line(level + 1, format!("{name}:"));
        let status = statuses.iter().find(|status| status["name"] == spec["name"]);
        container(text, level + 2, spec, status);
    }
}

fn container(text: &mut Text, level: usize, spec: &Value, status: Option<&Value>) {
    if let Some(status) = status {
        text.line(level, format!("Container ID:\t{}", at(status, "/containerID")));
    }
    text.line(level, format!("Image:\t{}", at(spec, "/image")));
    if let Some(status) = status {
        text.line(level, format!("Image ID:\t{}", at(status, "/imageID")));
    }
    let ports = |field: &str| {
        let all = list(spec, "/ports")
            .iter()
            .map(|port| format!("{}/{}", or(&at(port, field), "0"), or(&at(port, "/protocol"), "TCP")));
        all.collect::<Vec<_>>().join(", ")
    };
    let plural = if list(spec, "/ports").len() > 1 { "s" } else { "" };
    text.field(level, &format!("Port{plural}"), &ports("/containerPort"));
    text.field(level, &format!("Host Port{plural}"), &ports("/hostPort"));
    for (name, pointer) in [("Command", "/command"), ("Args", "/args")] {
        let words = list(spec, pointer);
        if !words.is_empty() {
            text.line(level, format!("{name}:"));
            for word in words.iter().map(scalar) {
                word.lines().for_each(|line| text.line(level + 1, line));
            }
        }
    }
    if let Some(status) = status {
        state(text, level, "State", &status["state"]);
        if status["lastState"].as_object().is_some_and(|last| !last.is_empty()) {
            state(text, level, "Last State", &status["lastState"]);
        }
        text.line(level, format!("Ready:\t{}", if status["ready"] == true { "True" } else { "False" }));
        text.line(level, format!("Restart Count:\t{}", or(&at(status, "/restartCount"), "0")));
    }
    resources(text, level, spec);
    for (name, pointer) in
        [("Liveness", "/livenessProbe"), ("Readiness", "/readinessProbe"), ("Startup", "/startupProbe")]
    {
        if let Some(found) = spec.pointer(pointer) {
            text.line(level, format!("{name}:\t{}", probe(found)));
        }
    }
    environment(text, level, spec);
    let mounts = list(spec, "/volumeMounts");
    if mounts.is_empty() {
        return text.field(level, "Mounts", "");
    }
    text.line(level, "Mounts:");
    for mount in mounts {
        let mode = if mount["readOnly"] == true { "ro" } else { "rw" };
        let path = at(mount, "/subPath");
        let sub = if path.is_empty() { String::new() } else { format!(",path={path:?}") };
        text.line(level + 1, format!("{} from {} ({mode}{sub})", at(mount, "/mountPath"), at(mount, "/name")));
    }
}

fn state(text: &mut Text, level: usize, name: &str, state: &Value) {
    if let Some(running) = state.get("running") {
        text.line(level, format!("{name}:\tRunning"));
        text.line(level + 1, format!("Started:\t{}", time(&at(running, "/startedAt"))));
    } else if let Some(ended) = state.get("terminated") {
        text.line(level, format!("{name}:\tTerminated"));
        for (field, pointer) in [("Reason", "/reason"), ("Message", "/message")] {
            let said = at(ended, pointer);
            if !said.is_empty() {
                text.line(level + 1, format!("{field}:\t{said}"));
            }
        }
        text.line(level + 1, format!("Exit Code:\t{}", at(ended, "/exitCode")));
        let signal = at(ended, "/signal");
        if !signal.is_empty() && signal != "0" {
            text.line(level + 1, format!("Signal:\t{signal}"));
        }
        text.line(level + 1, format!("Started:\t{}", time(&at(ended, "/startedAt"))));
        text.line(level + 1, format!("Finished:\t{}", time(&at(ended, "/finishedAt"))));
    } else {
        text.line(level, format!("{name}:\tWaiting"));
        let reason = at(state, "/waiting/reason");
        if !reason.is_empty() {
            text.line(level + 1, format!("Reason:\t{reason}"));
        }
    }
}

fn resources(text: &mut Text, level: usize, spec: &Value) {
    for (name, pointer) in [("Limits", "/resources/limits"), ("Requests", "/resources/requests")] {
        let Some(map) = spec.pointer(pointer).and_then(Value::as_object).filter(|map| !map.is_empty()) else {
            continue;
        };
        text.line(level, format!("{name}:"));
        for (resource, amount) in map {
            text.line(level + 1, format!("{resource}:\t{}", scalar(amount)));
        }
    }
}

fn probe(probe: &Value) -> String {
    let of = |pointer: &str, otherwise: &str| or(&at(probe, pointer), otherwise).to_owned();
    let what = if let Some(get) = probe.get("httpGet") {
        let scheme = or(&at(get, "/scheme"), "HTTP").to_lowercase();
        format!("http-get {scheme}://{}:{}{}", at(get, "/host"), at(get, "/port"), at(get, "/path"))
    } else if let Some(exec) = probe.get("exec") {
        format!("exec [{}]", list(exec, "/command").iter().map(scalar).collect::<Vec<_>>().join(" "))
    } else if let Some(socket) = probe.get("tcpSocket") {
        format!("tcp-socket {}:{}", at(socket, "/host"), at(socket, "/port"))
    } else if let Some(grpc) = probe.get("grpc") {
        format!("grpc <pod>:{} {}", at(grpc, "/port"), at(grpc, "/service"))
    } else {
        "unknown".to_owned()
    };
    format!(
        "{what} delay={}s timeout={}s period={}s #success={} #failure={}",
        of("/initialDelaySeconds", "0"),
        of("/timeoutSeconds", "1"),
        of("/periodSeconds", "10"),
        of("/successThreshold", "1"),
        of("/failureThreshold", "3")
    )
}

fn environment(text: &mut Text, level: usize, spec: &Value) {
    let from = list(spec, "/envFrom");
    if !from.is_empty() {
        text.line(level, "Environment Variables from:");
        for source in from {
            let kind = if source.get("secretRef").is_some() {
                ("Secret", "/secretRef")
            } else {
                ("ConfigMap", "/configMapRef")
            };
            let of = |field: &str| at(source, &format!("{}{field}", kind.1));
            text.line(level + 1, format!("{}\t{}\tOptional: {}", of("/name"), kind.0, or(&of("/optional"), "false")));
        }
    }
    let all = list(spec, "/env");
    if all.is_empty() {
        return text.field(level, "Environment", "");
    }
    text.line(level, "Environment:");
    for variable in all {
        let name = at(variable, "/name");
        match variable.get("valueFrom") {
            None => text.line(level + 1, format!("{name}:\t{}", at(variable, "/value"))),
            Some(from) => text.line(level + 1, format!("{name}:\t{}", reference(from))),
        }
    }
}

fn reference(from: &Value) -> String {
    for (kind, pointer) in [("secret", "/secretKeyRef"), ("config map", "/configMapKeyRef")] {
        if let Some(found) = from.pointer(pointer) {
            let optional = or(&at(found, "/optional"), "false").to_owned();
            return format!(
                "<set to the key '{}' in {kind} '{}'>\tOptional: {optional}",
                at(found, "/key"),
                at(found, "/name")
            );
        }
    }
    if let Some(field) = from.get("fieldRef") {
        return format!(" ({}:{})", or(&at(field, "/apiVersion"), "v1"), at(field, "/fieldPath"));
    }
    at(from, "/resourceFieldRef/resource")
}

pub fn volumes(text: &mut Text, level: usize, all: &[Value]) {
    if all.is_empty() {
        return text.field(level, "Volumes", "");
    }
    text.line(level, "Volumes:");
    for volume in all {
        text.line(level + 1, format!("{}:", at(volume, "/name")));
        let source = volume.as_object().and_then(|fields| fields.iter().find(|(key, _)| *key != "name"));
        let Some((kind, source)) = source else { continue };
        let name = match kind.as_str() {
            "configMap" => at(source, "/name"),
            "secret" => at(source, "/secretName"),
            "persistentVolumeClaim" => at(source, "/claimName"),
            "hostPath" => at(source, "/path"),
            _ => String::new(),
        };
        let mut title: Vec<char> = kind.chars().collect();
        title[0] = title[0].to_ascii_uppercase();
        text.line(level + 2, format!("Type:\t{}", title.into_iter().collect::<String>()));
        if !name.is_empty() {
            text.line(level + 2, format!("Name:\t{name}"));
        }
        if kind == "configMap" || kind == "secret" {
            text.line(level + 2, format!("Optional:\t{}", or(&at(source, "/optional"), "false")));
        }
    }
}

fn tolerations(text: &mut Text, all: &[Value]) {
    if all.is_empty() {
        return text.field(0, "Tolerations", "");
    }
    for (i, one) in all.iter().enumerate() {
        let name = if i == 0 { "Tolerations:" } else { "" };
        let value = at(one, "/value");
        let effect = at(one, "/effect");
        let mut said = at(one, "/key");
        if !value.is_empty() {
            said.push_str(&format!("={value}"));
        }
        if !effect.is_empty() {
            said.push_str(&format!(":{effect}"));
        }
        if one["operator"] == "Exists" && value.is_empty() {
            said.push_str(if said.is_empty() { "op=Exists" } else { " op=Exists" });
        }
        let seconds = at(one, "/tolerationSeconds");
        if !seconds.is_empty() {
            said.push_str(&format!(" for {seconds}s"));
        }
        text.line(0, format!("{name}\t{said}"));
    }
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { or_none(text) }
}
