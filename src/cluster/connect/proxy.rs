//! Which proxy a request to the API server takes (pure), by the rules of Go's `golang.org/x/net/http/httpproxy`: kubectl and Helm
//! follow them.

use std::net::IpAddr;

use http::Uri;
use http::uri::{Authority, Scheme};

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
    uri.scheme() == Some(&Scheme::HTTPS)
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

/// The user and the password in the address of a proxy.
pub(super) fn credentials(proxy: &Uri) -> Option<(String, String)> {
    let (userinfo, _) = proxy.authority()?.as_str().rsplit_once('@')?;
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    Some((percent_decoded(user), percent_decoded(password)))
}

fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.split_at_checked(2).and_then(|(hex, rest)| Some((u8::from_str_radix(hex, 16).ok()?, rest)))
        {
            Some((byte, rest)) => bytes.extend([&[byte], rest.as_bytes()].concat()),
            None => bytes.extend([b"%", part.as_bytes()].concat()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a request to this server takes no proxy: the server is on this machine, or in the list of `NO_PROXY`.
fn is_excepted(server: &Uri, no_proxy: &str) -> bool {
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']).to_lowercase();
    let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    let port = server.port_u16().unwrap_or(if is_https(server) { 443 } else { 80 });
    let entries = no_proxy.split(',').map(|entry| entry.trim().to_lowercase());
    entries.filter(|entry| !entry.is_empty()).any(|entry| matches(&entry, &host, address, port))
}

fn matches(entry: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Some((network, bits)) = network(entry) {
        return address.is_some_and(|address| is_in(address, network, bits));
    }
    let (name, of_port) = match entry.parse::<Authority>().ok().filter(|with_port| with_port.port().is_some())
    {
        Some(with_port) => (with_port.host().to_owned(), with_port.port_u16()),
        None => (entry.to_owned(), None),
    };
    if of_port.is_some_and(|of_port| of_port != port) {
        return false;
    }
    let name = name.trim_matches(['[', ']']);
    match (name.parse::<IpAddr>(), address) {
        (Ok(excepted), Some(address)) => excepted.to_canonical() == address,
        (Ok(_), None) | (Err(_), Some(_)) => false,
        (Err(_), None) => {
            let name = name.strip_prefix('*').filter(|name| name.starts_with('.')).unwrap_or(name);
            match name.strip_prefix('.') {
                Some(_) => host.ends_with(name),
                None => {
                    host.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('.'))
                }
            }
        }
    }
}

/// `10.0.0.0/8` as address and length of the prefix.
fn network(entry: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = entry.split_once('/')?;
    Some((address.parse().ok()?, bits.parse().ok()?))
}

fn is_in(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let (differs, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits() ^ b.to_bits()), 32_u32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits(), 128),
        _ => return false,
    };
    // Shifting out all bits overflows, and then every address is in the network.
    differs.checked_shr(width.saturating_sub(bits)).unwrap_or(0) == 0
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
    fn the_credentials_of_a_proxy_are_decoded() {
        for (proxy, expected) in [
            ("http://p:1", None),
            ("http://u:p@p:1", Some(("u", "p"))),
            ("http://u@p:1", Some(("u", ""))),
            ("http://u%40x:a%3Ab%2g%@p:1", Some(("u@x", "a:b%2g%"))),
        ] {
            let expected = expected.map(|(user, password)| (user.to_owned(), password.to_owned()));
            assert_eq!(credentials(&proxy.parse().expect("an address")), expected, "{proxy}");
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
