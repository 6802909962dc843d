//! Where the calls of a service are, from the one address that a person gives.

use reqwest::Url;

use crate::SettingError;

/// The calls that people copy along with an address.
const CALLS: [&str; 2] = ["/chat/completions", "/embeddings"];

/// The address of a service: `https://host`, `https://host/v1`, or that of a call as a whole.
///
/// # Errors
/// [`SettingError::Url`] when it is no address of HTTP.
pub(crate) fn read(text: &str) -> Result<Url, SettingError> {
    let wrong = |fault: &str| SettingError::Url(fault.to_owned());
    let mut url = Url::parse(text.trim()).map_err(|fault| wrong(&fault.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it does not begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it has a user or a password in it"));
    }
    let path = url.path().trim_end_matches('/');
    let path = CALLS.iter().find_map(|call| path.strip_suffix(call)).unwrap_or(path);
    let path = path.trim_end_matches('/');
    let path = if path.is_empty() { "/v1" } else { path }.to_owned();
    url.set_path(&path);
    url.set_fragment(None);
    Ok(url)
}

/// The address of a call, such as `chat/completions`.
pub(crate) fn of(base: &Url, call: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{call}", base.path()));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_as_people_write_it() {
        let chat = |text: &str| of(&read(text).unwrap(), "chat/completions").to_string();
        for (text, expected) in [
            ("http://host:8000", "http://host:8000/v1/chat/completions"),
            ("http://host:8000/", "http://host:8000/v1/chat/completions"),
            ("https://host/v1", "https://host/v1/chat/completions"),
            ("https://host/api/v1/", "https://host/api/v1/chat/completions"),
            ("https://host/v1/chat/completions", "https://host/v1/chat/completions"),
            ("https://host/chat/completions", "https://host/v1/chat/completions"),
            ("https://host/v1/embeddings", "https://host/v1/chat/completions"),
            ("https://host/x?version=2", "https://host/x/chat/completions?version=2"),
        ] {
            assert_eq!(chat(text), expected, "{text}");
        }
        let embeddings = of(&read("https://host/v1/chat/completions").unwrap(), "embeddings");
        assert_eq!(embeddings.as_str(), "https://host/v1/embeddings");
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_secrets() {
        for text in ["", "host:8000", "ftp://host", "http://me:secret@host", "http://"] {
            let told = read(text).unwrap_err().to_string();
            assert!(!told.contains("secret"), "{told}");
        }
    }
}
