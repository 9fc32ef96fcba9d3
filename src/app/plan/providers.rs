//! An identity provider of a file, and the one that it is: without its secret, which comes from where the file says.

use std::collections::BTreeMap;

use anyhow::bail;
use zeroize::Zeroizing;

use super::file::{Mapping, Name, Provider, name};
use super::read::Desired;
use super::store;
use crate::app::config;
use crate::base::error::{Error, Result};
use crate::gate::Gate;
use crate::identity::providers::store::Row;
use crate::identity::providers::{self, ProviderSecret, Sealed};

/// Secrets of providers that have none yet, by the providers' names.
pub type Secrets = BTreeMap<String, Sealed>;

/// The secrets that an apply of this file needs, sealed ahead of its transaction.
///
/// # Errors
/// Where one is not set, is none, or can't be read or sealed.
pub async fn secrets(gate: &Gate, desired: &Desired) -> anyhow::Result<Secrets> {
    let have_one = store::providers_with_secret(&mut *gate.db.read().await?).await?;
    let mut secrets = Secrets::new();
    for (provider, variable) in desired.secrets.iter().filter(|(provider, _)| !have_one.contains(*provider)) {
        let Some(secret) = config::secret(variable)? else {
            bail!("{variable} is not set, nor {variable}_FILE: it is to have the secret of provider `{provider}`");
        };
        let secret = ProviderSecret::try_from(Zeroizing::new(secret.expose().to_owned()));
        let secret =
            secret.map_err(|fault| anyhow::anyhow!("{variable}: the secret of provider `{provider}` {fault}"))?;
        secrets.insert(provider.clone(), Sealed::seal(gate, provider, secret.as_bytes()).await?);
    }
    Ok(secrets)
}

/// Whether a text may name an environment variable. A secret that is written in the place of its name hardly does.
pub(super) fn is_variable(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// A provider with nothing left to what is so by default.
///
/// # Errors
/// 400, which names the field at fault.
pub(super) fn whole(called: &str, said: Provider) -> Result<Provider> {
    let scopes = providers::scopes(said.kind, said.scopes.as_deref())?;
    providers::attributes(&said.attributes)?;
    let display_name = match said.display_name {
        Some(text) => text,
        None => called.parse().map_err(|fault: String| Error::invalid_field("display_name", &fault))?,
    };
    let read = |scope: String| scope.parse().map_err(|fault: String| Error::invalid_field("scopes", &fault));
    let mut groups = said.groups;
    sort(&mut groups);
    groups.dedup();
    Ok(Provider {
        display_name: Some(display_name),
        client_secret_env: None,
        scopes: Some(scopes.into_iter().map(read).collect::<Result<_>>()?),
        groups,
        ..said
    })
}

/// As one stands; `group` says what its groups are called.
pub(super) fn standing(row: Row, group: impl Fn(i32) -> Option<String>) -> anyhow::Result<Provider> {
    let Row { stored, groups, .. } = row;
    let named = |id: i32| -> Option<Name> { group(id).map(|text| name(&text)) };
    let groups = groups.into_iter().filter_map(|mapping| Some((mapping.value, named(mapping.group_id.0)?)));
    let mut groups: Vec<Mapping> =
        groups.map(|(value, group)| Ok(Mapping { value: text(&value)?, group })).collect::<anyhow::Result<_>>()?;
    sort(&mut groups);
    let attributes = stored.attributes.iter().map(|(name, claim)| Ok((text(name)?, text(claim)?)));
    Ok(Provider {
        display_name: Some(text(&stored.display_name)?),
        kind: stored.kind,
        issuer: text(&stored.issuer)?,
        client_id: text(&stored.client_id)?,
        client_secret_env: None,
        no_secret: stored.secret.is_none(),
        scopes: Some(stored.scopes.iter().map(|scope| text(scope)).collect::<anyhow::Result<_>>()?),
        newcomers: stored.newcomers,
        enabled: stored.is_enabled,
        groups_claim: stored.groups_claim.as_deref().map(text).transpose()?,
        attributes: attributes.collect::<anyhow::Result<_>>()?,
        groups,
    })
}

fn sort(groups: &mut [Mapping]) {
    groups.sort_by(|a, b| (a.value.as_str(), &a.group).cmp(&(b.value.as_str(), &b.group)));
}

/// A text that was read before, when rules may have been others.
fn text<T: std::str::FromStr<Err = String>>(text: &str) -> anyhow::Result<T> {
    text.parse().map_err(|fault| anyhow::anyhow!("the text {text:?}: {fault}"))
}
