use serde::Serialize;
use url::{Host, Url};
use webauthn_rp::request::{AsciiDomain, RpId};

use crate::base::error::{Error, Result};
use crate::identity::Identity;
use crate::platform::http::Document;

/// As whom Portero asks for passkeys: they are bound to the host of `PUBLIC_URL`.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    pub(super) id: RpId,
    pub(super) name: String,
    pub(super) origins: Vec<String>,
    /// What `/.well-known/webauthn` says.
    pub(super) related_origins: Document,
}

/// The pages that may use passkeys of this host (WebAuthn level 3, section 5.11).
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RelatedOrigins {
    /// As browsers write them.
    #[schema(example = json!(["https://id.example.com", "https://shop.example"]))]
    origins: Vec<String>,
}

impl RelyingParty {
    /// That of `public_url`, which people know as `name`. Pages of `related` origins may ask for its passkeys, too. `None` where the
    /// host is an IP address: browsers have passkeys for names alone.
    pub fn of(public_url: &str, name: &str, related: &[String]) -> Option<Self> {
        let url = Url::parse(public_url).ok()?;
        let Some(Host::Domain(host)) = url.host() else { return None };
        let id = RpId::Domain(AsciiDomain::try_from(host.to_owned()).ok()?);
        let own = url.origin().ascii_serialization();
        let related = related.iter().filter(|origin| **origin != own).cloned();
        let origins: Vec<String> = std::iter::once(own.clone()).chain(related).collect();
        let related_origins = Document::of(&RelatedOrigins { origins: origins.clone() }).ok()?;
        Some(Self { id, name: name.to_owned(), origins, related_origins })
    }

    /// That of this server.
    ///
    /// # Errors
    /// 409 `passkeys_unavailable` where it has none.
    pub fn here(identity: &Identity) -> Result<&Self> {
        identity.settings.relying_party.as_ref().ok_or_else(|| {
            let detail = "passkeys need a host name: set PUBLIC_URL to one, such as https://id.example.com";
            Error::conflict("passkeys_unavailable", detail)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_are_bound_to_the_host_and_asked_for_by_the_origin() {
        let related = ["https://shop.example".to_owned(), "https://id.example.com".to_owned()];
        let party = RelyingParty::of("https://id.example.com/auth", "Portero", &related).expect("a host");
        assert_eq!((party.id.as_ref(), party.name.as_str()), ("id.example.com", "Portero"));
        assert_eq!(party.origins, ["https://id.example.com", "https://shop.example"]);
        let party = RelyingParty::of("http://localhost:7878", "Portero", &[]).expect("a host");
        assert_eq!((party.id.as_ref(), party.origins[0].as_str()), ("localhost", "http://localhost:7878"));
        for address in ["http://127.0.0.1:7878", "http://[::1]:7878"] {
            assert!(RelyingParty::of(address, "Portero", &[]).is_none(), "{address}");
        }
    }
}
