//! Which proxy a request to the API server takes (pure), by the rules of Go's `golang.org/x/net/http/httpproxy`: kubectl and Helm
//! follow them. hyper-util's matcher follows curl for names, but compares addresses in the same way.

use std::net::IpAddr;

use http::Uri;
use http::uri::Authority;
use hyper_util::client::proxy::matcher::Matcher;

/// The proxy of the kubeconfig's `proxy-url`, to which `NO_PROXY` does not apply, or that of the environment. `variable` returns an
/// environment variable that is set and not empty.
pub(super) fn proxy(
    server: &Uri,
    proxy_url: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Uri>, String> {
    if let Some(url) = proxy_url {
        return parse(url).map(Some).map_err(|why| format!("the proxy-url {url} {why}"));
    }
    let either = |upper: &str| variable(upper).or_else(|| variable(&upper.to_lowercase()));
    let name = if is_https(server) { "HTTPS_PROXY" } else { "HTTP_PROXY" };
    let Some(url) = either(name) else { return Ok(None) };
    if is_excepted(server, &either("NO_PROXY").unwrap_or_default()) {
        return Ok(None);
    }
    let with_scheme = if url.contains("://") { url.clone() } else { format!("http://{url}") };
    parse(&with_scheme).map(Some).map_err(|why| format!("the variable {name}={url} {why}"))
}

fn is_https(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
}

/// `kube` 5.0 does not know `socks5h`, which means the same in Go, and takes 80 as the default port of `socks5`.
fn parse(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|error| format!("cannot be used: {error}"))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(_)) => Ok(uri),
        (Some("socks5" | "socks5h"), Some(authority)) => {
            let port = if authority.port().is_none() { ":1080" } else { "" };
            format!("socks5://{authority}{port}").parse().map_err(|error| format!("cannot be used: {error}"))
        }
        _ => Err("must begin with http://, https:// or socks5://".to_owned()),
    }
}

/// Whether a request to this server takes no proxy: the server is on this machine, or in the list of `NO_PROXY`.
fn is_excepted(server: &Uri, no_proxy: &str) -> bool {
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']).to_lowercase();
    if host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) {
        return true;
    }
    let port = server.port_u16().unwrap_or(if is_https(server) { 443 } else { 80 });
    no_proxy.to_lowercase().split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        match entry.parse::<Authority>().ok().and_then(|entry| Some((entry.port_u16()?, entry))) {
            Some((of_port, entry)) => of_port == port && excepts(entry.host(), server, &host),
            None => excepts(entry, server, &host),
        }
    })
}

/// Whether this address, network or name of `NO_PROXY` means the server.
fn excepts(entry: &str, server: &Uri, host: &str) -> bool {
    if entry == "*" {
        return true;
    }
    if host.parse::<IpAddr>().is_ok() {
        let address = entry.trim_matches(['[', ']']);
        return Matcher::builder().all("http://proxy").no(address).build().intercept(server).is_none();
    }
    match entry.strip_prefix('*').unwrap_or(entry) {
        subdomains if subdomains.starts_with('.') => host.ends_with(subdomains),
        _ => host.strip_suffix(entry).is_some_and(|before| before.is_empty() || before.ends_with('.')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The variables are given as `NAME=value`, separated by blanks.
    fn chosen(server: &str, proxy_url: Option<&str>, variables: &str) -> Result<Option<String>, String> {
        let server: Uri = server.parse().expect("an address");
        let variable = |name: &str| {
            let pairs = variables.split(' ').filter_map(|pair| pair.split_once('='));
            pairs
                .filter(|(_, value)| !value.is_empty())
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
        };
        proxy(&server, proxy_url, variable).map(|proxy| proxy.map(|uri| uri.to_string()))
    }

    #[test]
    fn the_environment_names_the_proxy_as_in_go() {
        for (server, variables, expected) in [
            ("https://api.example.com", "", None),
            ("https://api.example.com", "HTTPS_PROXY=http://p:3128", Some("http://p:3128/")),
            ("https://api.example.com", "https_proxy=http://p:3128", Some("http://p:3128/")),
            (
                "https://api.example.com",
                "HTTPS_PROXY=http://upper https_proxy=http://lower",
                Some("http://upper/"),
            ),
            ("https://api.example.com", "HTTPS_PROXY= https_proxy=http://lower", Some("http://lower/")),
            ("https://api.example.com", "HTTPS_PROXY=p:3128", Some("http://p:3128/")),
            ("https://api.example.com", "HTTPS_PROXY=10.0.0.1:3128", Some("http://10.0.0.1:3128/")),
            ("https://api.example.com", "HTTPS_PROXY=user:pass@p:3128", Some("http://user:pass@p:3128/")),
            ("https://api.example.com", "HTTPS_PROXY=https://p", Some("https://p/")),
            ("https://api.example.com", "HTTPS_PROXY=socks5://p", Some("socks5://p:1080/")),
            ("https://api.example.com", "HTTPS_PROXY=socks5h://u:p@p:1", Some("socks5://u:p@p:1/")),
            ("https://api.example.com", "HTTP_PROXY=http://p", None),
            ("https://api.example.com", "ALL_PROXY=http://p all_proxy=http://p", None),
            ("http://api.example.com", "HTTP_PROXY=http://p HTTPS_PROXY=http://s", Some("http://p/")),
            ("http://api.example.com", "HTTPS_PROXY=http://p", None),
            ("http://api.example.com", "HTTP_PROXY=http://p REQUEST_METHOD=GET", Some("http://p/")),
        ] {
            assert_eq!(
                chosen(server, None, variables),
                Ok(expected.map(str::to_owned)),
                "{server} {variables}"
            );
        }
    }

    #[test]
    fn no_proxy_excepts_servers_as_in_go() {
        for (server, no_proxy, excepted) in [
            // A domain name matches that name and all subdomains, one with a leading dot subdomains only.
            ("foo.com", "foo.com", true),
            ("bar.foo.com", "foo.com", true),
            ("barfoo.com", "foo.com", false),
            ("foo.com.au", "foo.com", false),
            ("y.com", ".y.com", false),
            ("x.y.com", ".y.com", true),
            ("y.com", "*.y.com", false),
            ("x.y.com", "*.y.com", true),
            ("x.y.com", "*y.com", false),
            ("FOO.com", "foo.COM", true),
            // Names and addresses can have a port.
            ("foo.com", "foo.com:443", true),
            ("foo.com:6443", "foo.com:443", false),
            ("foo.com:6443", "foo.com:6443", true),
            ("x.foo.com:6443", ".foo.com:6443", true),
            ("10.0.0.1:6443", "10.0.0.1:6443", true),
            ("10.0.0.1:6443", "10.0.0.1:443", false),
            ("[fd00::1]:6443", "[fd00::1]:6443", true),
            ("[fd00::1]:6443", "[fd00::1]:443", false),
            // Addresses and networks.
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.10", false),
            ("10.0.0.1", "10.0.0", false),
            ("10.0.0.1", "0.1", false),
            ("10.0.0.1", "10.0.0.0/8", true),
            ("11.0.0.1", "10.0.0.0/8", false),
            ("10.0.0.1", "10.0.0.1/32", true),
            ("10.0.0.2", "10.0.0.1/32", false),
            ("10.0.0.1", "0.0.0.0/0", true),
            ("[fd00::1]", "fd00::1", true),
            ("[fd00::1]", "fd00::/8", true),
            ("[fe00::1]", "fd00::/8", false),
            ("[fd00::1]", "::/0", true),
            ("10.0.0.1", "::/0", false),
            ("foo.com", "0.0.0.0/0", false),
            // Everything, lists, and what is no entry.
            ("foo.com", "*", true),
            ("10.0.0.1", "a, *", true),
            ("foo.com", "a,b,", false),
            ("foo.com", " a , foo.com ,", true),
            ("foo.com", ",", false),
            ("foo.com", ":443", false),
            ("foo.com", "https://foo.com", false),
            ("foo.com", "", false),
            // This machine.
            ("localhost:6443", "", true),
            ("127.0.0.1:6443", "", true),
            ("127.1.2.3:6443", "", true),
            ("[::1]:6443", "", true),
            ("0.0.0.0:6443", "", false),
            ("x.localhost", "", false),
        ] {
            let variables = format!("HTTPS_PROXY=http://p NO_PROXY={}", no_proxy.replace(' ', "\t"));
            let proxy = chosen(&format!("https://{server}"), None, &variables).expect("a proxy or none");
            assert_eq!(proxy.is_none(), excepted, "{server} with NO_PROXY={no_proxy}");
            let lower = variables.replace("NO_PROXY", "no_proxy");
            assert_eq!(
                chosen(&format!("https://{server}"), None, &lower),
                Ok(proxy),
                "{server} with no_proxy={no_proxy}"
            );
        }
    }

    #[test]
    fn the_proxy_of_the_kubeconfig_knows_no_exception() {
        for server in ["https://127.0.0.1:6443", "https://foo.com"] {
            let chosen = chosen(server, Some("http://k:1"), "HTTPS_PROXY=http://p NO_PROXY=*");
            assert_eq!(chosen, Ok(Some("http://k:1/".to_owned())), "{server}");
        }
    }

    #[test]
    fn what_no_request_can_take_is_named() {
        for (url, variables) in [
            (Some("p:3128"), ""),
            (Some("ftp://p"), ""),
            (Some("http://"), ""),
            (None, "HTTPS_PROXY=ftp://p"),
            (None, "HTTPS_PROXY=http://[p"),
        ] {
            let why = chosen("https://foo.com", url, variables).expect_err("a proxy that cannot be used");
            assert!(
                why.starts_with("the proxy-url ") || why.starts_with("the variable HTTPS_PROXY="),
                "{why}"
            );
        }
    }
}
