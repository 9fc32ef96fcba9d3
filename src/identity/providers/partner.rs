use std::collections::BTreeMap;

use super::store::Row;
use super::{Kind, Newcomers, Provider};
use crate::base::error::Result;
use crate::base::id::ProviderId;
use crate::base::secret::Secret;
use crate::identity::Identity;

/// What is looked for in claims besides what is mapped.
const WANTED: [&str; 3] = ["email", "email_verified", "name"];

/// A provider, ready to be asked.
#[derive(Clone, Debug)]
pub struct Partner {
    pub id: ProviderId,
    pub name: String,
    pub display_name: String,
    pub kind: Kind,
    pub issuer: String,
    pub client_id: String,
    pub secret: Option<Secret>,
    pub scopes: Vec<String>,
    pub newcomers: Newcomers,
    pub attributes: BTreeMap<String, String>,
    pub groups_claim: Option<String>,
    pub redirect_uri: String,
    /// The claims that are looked for.
    pub wants: Vec<String>,
}

impl Partner {
    /// Makes what is stored ready.
    ///
    /// # Errors
    /// 500 where the secret is sealed under another master key; 503.
    pub async fn of(identity: &Identity, row: Row) -> Result<Self> {
        let stored = row.stored;
        let secret = match &stored.secret {
            Some(sealed) => Some(sealed.open(identity, &stored.name).await?),
            None => None,
        };
        let mapped = stored.attributes.values().chain(&stored.groups_claim).cloned();
        Ok(Self {
            id: row.id,
            redirect_uri: Provider::redirect_uri(identity.foreign.own_issuer(), &stored.name),
            wants: WANTED.into_iter().map(str::to_owned).chain(mapped).collect(),
            name: stored.name,
            display_name: stored.display_name,
            kind: stored.kind,
            issuer: stored.issuer,
            client_id: stored.client_id,
            secret,
            scopes: stored.scopes,
            newcomers: stored.newcomers,
            attributes: stored.attributes,
            groups_claim: stored.groups_claim,
        })
    }
}
