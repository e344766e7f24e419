//! Which proxy, if any, stands before the API server; by Go's rules, because kubectl's are those.

use anyhow::Context as _;
use http::Uri;
use kube::Config;

/// The cluster's own `proxy-url`, else the environment's, unless `NO_PROXY` or a loopback address says none.
pub(super) fn choose(config: &Config, of_cluster: Option<&str>) -> anyhow::Result<Option<Uri>> {
    if let Some(url) = of_cluster {
        return Ok(Some(url.parse().context("the cluster's proxy-url is no URL")?));
    }
    let names = if config.cluster_url.scheme_str() == Some("http") {
        ["HTTP_PROXY", "http_proxy"]
    } else {
        ["HTTPS_PROXY", "https_proxy"]
    };
    let Some(found) = first_set(&names) else { return Ok(None) };
    let host = config.cluster_url.host().unwrap_or_default();
    let port = config.cluster_url.port_u16();
    if is_direct(host, port, &first_set(&["NO_PROXY", "no_proxy"]).unwrap_or_default()) {
        return Ok(None);
    }
    let url = if found.contains("://") { found } else { format!("http://{found}") };
    Ok(Some(url.parse().with_context(|| format!("{} is no URL", names[0]))?))
}

fn first_set(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

fn is_direct(host: &str, port: Option<u16>, no_proxy: &str) -> bool {
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let address: Option<std::net::IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|ip| ip.is_loopback()) {
        return true;
    }
    no_proxy.split(',').map(|entry| entry.trim().to_ascii_lowercase()).any(|entry| covers(&entry, &host, port, address))
}

fn covers(entry: &str, host: &str, port: Option<u16>, address: Option<std::net::IpAddr>) -> bool {
    if entry.is_empty() {
        return false;
    }
    if entry == "*" {
        return true;
    }
    if let (Some(ip), Some((network, bits))) = (address, entry.split_once('/')) {
        return in_network(ip, network, bits);
    }
    let (name, wanted) = match entry.rsplit_once(':') {
        Some((name, digits)) if !name.contains(':') => (name, digits.parse().ok()),
        _ => (entry, None),
    };
    if wanted.is_some() && wanted != port {
        return false;
    }
    let name = name.trim_start_matches('*');
    match name.strip_prefix('.') {
        Some(domain) => host.ends_with(&format!(".{domain}")),
        None => host == name || (address.is_none() && host.ends_with(&format!(".{name}"))),
    }
}

fn in_network(ip: std::net::IpAddr, network: &str, bits: &str) -> bool {
    use std::net::IpAddr::{V4, V6};
    let Ok(bits) = bits.parse::<u32>() else { return false };
    match (ip, network.parse()) {
        (V4(ip), Ok(V4(net))) if bits <= 32 => {
            (u32::from(ip) ^ u32::from(net)).checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (V6(ip), Ok(V6(net))) if bits <= 128 => {
            (u128::from(ip) ^ u128::from(net)).checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_direct;

    #[test]
    fn what_go_leaves_direct_is_left_direct() {
        for (host, no_proxy) in [
            ("localhost", ""),
            ("127.0.0.1", ""),
            ("[::1]", ""),
            ("api.corp", "corp"),
            ("api.corp", ".corp"),
            ("api.corp", "x, *.corp"),
            ("10.1.2.3", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3"),
            ("fd00::7", "fd00::/8"),
            ("api.corp", "api.corp:6443"),
            ("any.where", "*"),
        ] {
            assert!(is_direct(host, Some(6443), no_proxy), "{host} {no_proxy}");
        }
        for (host, no_proxy) in [
            ("api.corp", ""),
            ("apicorp", "corp"),
            ("corp", ".corp"),
            ("11.1.2.3", "10.0.0.0/8"),
            ("api.corp", "api.corp:443"),
            ("10.1.2.3", "10.0.0.0/99"),
        ] {
            assert!(!is_direct(host, Some(6443), no_proxy), "{host} {no_proxy}");
        }
    }
}
