use url::Url;

/// As long as any identifier.
const LONGEST: usize = 255;

/// The address of a document that describes a client, which is the client's identifier: an `https` URL, written in the one way
/// in which it can be compared to the letter, without query, fragment or credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// Reads an identifier; `None` where it is no such address.
    pub fn read(client_id: &str) -> Option<Self> {
        let url = Url::parse(client_id).ok().filter(|url| url.as_str() == client_id && client_id.len() <= LONGEST)?;
        let is_bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        (url.scheme() == "https" && url.host().is_some() && is_bare && url.fragment().is_none()).then_some(Self(url))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Who answers for it.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_in_one_way_and_has_nothing_but_host_and_path() {
        for good in ["https://app.example/client.json", "https://app.example:8443/a/b", "https://app.example/"] {
            assert_eq!(Address::read(good).expect("an address").as_str(), good);
        }
        for bad in [
            "web-shop",
            "http://app.example/client.json",
            "https://app.example",
            "https://APP.example/client.json",
            "https://app.example:443/client.json",
            "https://app.example/a/../client.json",
            "https://app.example/./client.json",
            "https://app.example/%2e%2e/client.json",
            "https://app.example/client.json?a=b",
            "https://app.example/client.json#a",
            "https://me@app.example/client.json",
            "https://app.example/client .json",
            "https://\u{e9}.example/client.json",
            " https://app.example/client.json",
            &format!("https://app.example/{}", "a".repeat(250)),
        ] {
            assert_eq!(Address::read(bad), None, "{bad}");
        }
    }
}
