//! What an HTTP request may look like: method, address, headers and body, all checked.

use std::collections::BTreeMap;

use alt::Json;
use job::{Context, Error};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue,
};
use reqwest::{Method, StatusCode, Url};

use crate::address;

const URL_BYTES: usize = 8 * 1024;
/// All headers together, bytes.
const HEADERS_BYTES: usize = 64 * 1024;

/// Headers that decide how the message is framed or where it goes: the client's business.
const REFUSED_HEADERS: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// One request, ready to be sent, and again to the next address after a redirect.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<String>,
}

impl Request {
    /// A request as a task writes it.
    ///
    /// # Errors
    /// [`Error::Parameter`] when a part is not valid; [`Error::Refused`] when the worker does not
    /// allow its address.
    pub(crate) fn new(
        method: Option<&str>,
        url: &str,
        headers: &BTreeMap<String, String>,
        body: Option<String>,
        json: Option<&Json>,
        context: &Context,
    ) -> Result<Self, Error> {
        if body.is_some() && json.is_some() {
            return Err(Error::parameter("json", "give `body` or `json`, not both"));
        }
        let url = check_url("url", url, context.permissions().allow_private_addresses)?;
        let mut headers = check_headers(headers)?;
        if json.is_some() && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if !headers.contains_key(ACCEPT) {
            headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        }
        // The same for every attempt of the task, so that a server can tell a repetition.
        let key = format!("{}-{}", context.key().run, context.key().task.0);
        if !headers.contains_key("idempotency-key")
            && let Ok(key) = HeaderValue::try_from(key)
        {
            headers.insert("idempotency-key", key);
        }
        let body = body.or_else(|| json.map(|json| json.text().to_owned()));
        let method = check_method(method, body.is_some())?;
        Ok(Self { method, url, headers, body })
    }

    /// The request that a redirect asks for.
    ///
    /// # Errors
    /// As for the first address, but with the redirect named as its source.
    pub(crate) fn redirected(
        mut self,
        status: StatusCode,
        location: &str,
        allow_private: bool,
    ) -> Result<Self, Error> {
        let refused =
            |problem: String| Error::Refused(format!("redirect to `{location}`: {problem}"));
        let next = self.url.join(location).map_err(|fault| refused(fault.to_string()))?;
        let next = check_url("url", next.as_str(), allow_private)
            .map_err(|fault| refused(fault.to_string()))?;
        if self.url.scheme() == "https" && next.scheme() != "https" {
            return Err(refused("it leads from https to http".to_owned()));
        }
        if next.origin() != self.url.origin() {
            self.headers.remove(AUTHORIZATION);
            self.headers.remove(COOKIE);
        }
        let becomes_get = match status {
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.body = None;
            self.headers.remove(CONTENT_TYPE);
        }
        self.url = next;
        Ok(self)
    }
}

/// Reads the address in the parameter `name` and checks it as far as that can be done without
/// resolving its host.
///
/// # Errors
/// [`Error::Parameter`] when it is no address for a request; [`Error::Refused`] when it is private
/// and may not be.
pub(crate) fn check_url(name: &str, text: &str, allow_private: bool) -> Result<Url, Error> {
    let wrong = |problem: String| Error::parameter(name, problem);
    if text.len() > URL_BYTES {
        return Err(wrong(format!("is {} bytes; at most {URL_BYTES}", text.len())));
    }
    let url = Url::parse(text).map_err(|fault| wrong(format!("`{text}` is not a URL: {fault}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(format!("`{}:` is not `http:` or `https:`", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "has a user or password in it; use an `Authorization` header".to_owned(),
        ));
    }
    // The parser has already turned `127.1`, `0x7f.1` and their like into plain addresses.
    let host = url.host_str().unwrap_or_default();
    if let Ok(literal) = host.trim_matches(['[', ']']).parse()
        && !allow_private
    {
        address::check(host, literal).map_err(|fault| Error::Refused(fault.to_string()))?;
    }
    Ok(url)
}

fn check_method(method: Option<&str>, has_body: bool) -> Result<Method, Error> {
    let method = method.unwrap_or(if has_body { "POST" } else { "GET" });
    match method.to_ascii_uppercase().as_str() {
        name @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "QUERY") => {
            Method::from_bytes(name.as_bytes())
                .map_err(|fault| Error::parameter("method", fault.to_string()))
        }
        _ => Err(Error::parameter(
            "method",
            format!("`{method}` is not GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS or QUERY"),
        )),
    }
}

fn check_headers(given: &BTreeMap<String, String>) -> Result<HeaderMap, Error> {
    let total: usize = given.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    if total > HEADERS_BYTES {
        let problem = format!("are {total} bytes; at most {HEADERS_BYTES}");
        return Err(Error::parameter("headers", problem));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let place = || format!("headers.{}", name.escape_debug());
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Error::parameter(place(), "is not a header name"))?;
        if REFUSED_HEADERS.contains(&parsed.as_str()) {
            return Err(Error::parameter(
                place(),
                "this header is set by the client, not by tasks",
            ));
        }
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            Error::parameter(place(), "has a line break or another control character in it")
        })?;
        value.set_sensitive(matches!(parsed, AUTHORIZATION | COOKIE));
        if headers.insert(parsed, value).is_some() {
            return Err(Error::parameter(place(), "is given twice"));
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_refused_before_a_packet_is_sent() {
        let table = [
            ("", "not a URL"),
            ("example.com", "not a URL"),
            ("file:///etc/passwd", "`file:` is not"),
            ("gopher://example.com", "`gopher:` is not"),
            ("ftp://example.com", "`ftp:` is not"),
            ("http://user@example.com", "Authorization"),
            ("http://user:pw@example.com", "Authorization"),
            ("http://:pw@example.com", "Authorization"),
            ("http://169.254.169.254/latest", "169.254.169.254"),
            ("http://127.1", "127.0.0.1"),
            ("http://0x7f.1", "127.0.0.1"),
            ("http://0177.0.0.1", "127.0.0.1"),
            ("http://2130706433", "127.0.0.1"),
            ("http://0", "0.0.0.0"),
            ("http://①②⑦.0.0.1", "127.0.0.1"),
            ("http://127.0.0.1.:80", "127.0.0.1"),
            ("http://[::1]:8080/", "::1"),
            ("http://[::ffff:10.0.0.1]", "::ffff:10.0.0.1"),
            ("http://[::ffff:a9fe:a9fe]", "::ffff:169.254.169.254"),
            ("http://[64:ff9b::a00:1]", "64:ff9b::a00:1"),
            ("http://[2002:a00:1::]", "2002:a00:1::"),
            ("http://10.0.0.1:5432", "10.0.0.1"),
            ("https://100.64.0.1", "100.64.0.1"),
            ("http://[fd00::1%25eth0]", "not a URL"),
        ];
        for (url, expected) in table {
            let text = check_url("url", url, false).unwrap_err().to_string();
            assert!(text.contains(expected), "{url}: {text}");
        }
        assert!(
            check_url("url", &format!("http://a.example/{}", "x".repeat(9000)), false).is_err()
        );
        for url in ["http://example.com", "https://1.1.1.1/x?y#z", "http://[2606:4700::1111]:81/"] {
            assert!(check_url("url", url, false).is_ok(), "{url}");
        }
        assert!(check_url("url", "http://127.0.0.1:80", true).is_ok());
    }

    #[test]
    fn headers_that_could_smuggle_are_refused() {
        let long = "x".repeat(HEADERS_BYTES);
        let table = [
            ("X-A", "a\r\nHost: b", "line break"),
            ("X-A", "a\nb", "line break"),
            ("X-A", "a\0", "line break"),
            ("X-A\r\nHost", "b", "not a header name"),
            ("", "b", "not a header name"),
            ("a b", "b", "not a header name"),
            ("Host", "b", "set by the client"),
            ("hOST", "b", "set by the client"),
            ("Transfer-Encoding", "chunked", "set by the client"),
            ("Content-Length", "1", "set by the client"),
            ("Connection", "close", "set by the client"),
            ("X-A", long.as_str(), "at most 65536"),
        ];
        for (name, value, expected) in table {
            let given = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            let text = check_headers(&given).unwrap_err().to_string();
            assert!(text.contains(expected), "{name}: {text}");
        }
        let twice = ["X-A", "x-a"].map(|name| (name.to_owned(), "1".to_owned()));
        assert!(check_headers(&BTreeMap::from(twice)).unwrap_err().to_string().contains("twice"));
    }

    #[test]
    fn a_redirect_is_checked_like_a_first_address() {
        let request = |url: &str| Request {
            method: Method::POST,
            url: url.parse().unwrap(),
            headers: [(AUTHORIZATION, HeaderValue::from_static("secret"))].into_iter().collect(),
            body: Some("body".to_owned()),
        };
        for (from, to) in [
            ("http://a.example", "http://127.0.0.1/"),
            ("http://a.example", "//[::1]/"),
            ("http://a.example", "file:///etc/passwd"),
            ("http://a.example", "http://user:pw@b.example"),
            ("https://a.example", "http://a.example"),
        ] {
            let fault = request(from).redirected(StatusCode::FOUND, to, false).unwrap_err();
            assert!(matches!(fault, Error::Refused(_)), "{to}: {fault}");
        }
        let there =
            request("http://a.example/x").redirected(StatusCode::FOUND, "/y", false).unwrap();
        assert_eq!((there.method, there.body), (Method::GET, None));
        assert_eq!(there.url.as_str(), "http://a.example/y");
        assert!(there.headers.contains_key(AUTHORIZATION));
        let away = request("http://a.example/x")
            .redirected(StatusCode::TEMPORARY_REDIRECT, "http://b.example", false)
            .unwrap();
        assert_eq!((away.method, away.body.as_deref()), (Method::POST, Some("body")));
        assert!(!away.headers.contains_key(AUTHORIZATION));
    }
}
