//! Addresses and requests of the web. Nothing is sent.

use super::super::{
    expr::is_templated,
    model::Http,
    problem::Problems,
    tree::{Node, Place},
    value::Tpl,
};

pub(super) fn web_address(url: &str, at: Place, problems: &mut Problems<'_>) {
    if !is_templated(url) && !["http://", "https://"].iter().any(|start| url.starts_with(start)) {
        problems.error(at, format!("«{url}» is not a web address")).hint("it begins with http:// or https://");
    }
}

pub(super) fn web(http: &Http, node: &Node, problems: &mut Problems<'_>) {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let at = |key: &str| node.get(key).map_or(node.place, |node| node.place);
    let method = http.method().to_uppercase();
    if !is_templated(&method) && !KNOWN.contains(&method.as_str()) {
        problems.error(at("method"), format!("«{method}» is not an HTTP method")).hint(KNOWN.join(", "));
    }
    if http.body.is_some() && http.json.is_some() {
        problems
            .error(node.key_place("json"), "`body` and `json` exclude each other")
            .hint("`json` is sent as JSON with its content type; keep one");
    }
    web_address(&http.url, at("url"), problems);
    let Some(expect) = node.get("expect") else { return };
    if let Some(Tpl::Value(status)) = http.expect.status
        && !(100..=599).contains(&status)
    {
        problems
            .error(
                expect.get("status").map_or(expect.place, |node| node.place),
                format!("{status} is not an HTTP status"),
            )
            .hint("from 100 to 599");
    }
    for pointer in http.expect.json.keys().filter(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
        let place = expect.get("json").map_or(expect.place, |node| node.key_place(pointer));
        problems
            .error(place, format!("«{pointer}» is not a JSON pointer"))
            .hint(format!("\"/{}\"", pointer.replace('.', "/")));
    }
}
