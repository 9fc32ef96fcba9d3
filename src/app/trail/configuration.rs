//! Settings that differ from those of the last start are told, by name and value; secrets only by name.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::PgConnection;

use super::store;
use crate::app::App;
use crate::base::error::Result;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Event, Origin};

/// Tells with which settings Portero starts, if they are others than before.
pub async fn tell_of_configuration(app: &App) -> Result<()> {
    let settings: BTreeMap<&str, Value> =
        app.config.told.iter().map(|(name, value)| (name.as_str(), value.as_str().into())).collect();
    let settings = serde_json::to_value(settings).map_err(anyhow::Error::from)?;
    let by = By { actor: Actor::System, origin: Origin::default(), now: app.clock.now() };
    let mut tx = AuditedTx::new(app.db.begin().await?, by);
    let before = store::swap_configuration(&mut tx, &settings).await?.map(without_secrets);
    let changed = before.as_ref() != Some(&settings);
    let told = Event::new(Action::ConfigurationChanged)
        .changed(before.unwrap_or_else(|| Value::Object([].into_iter().collect())), settings);
    tx.commit(changed.then_some(told)).await
}

/// With which settings Portero was last started here, by name, as far as they are told; `None` if it never was.
pub async fn configuration_told(conn: &mut PgConnection) -> Result<Option<Vec<(String, String)>>> {
    let Some(Value::Object(settings)) = store::configuration(conn).await? else { return Ok(None) };
    let settings = settings.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
    Ok(Some(settings.collect()))
}

/// What an older Portero has written may still have a password in a URL.
fn without_secrets(settings: Value) -> Value {
    match settings {
        Value::Object(settings) => settings
            .into_iter()
            .map(|(name, value)| {
                (name, value.as_str().map(crate::base::masked::without_secrets).map_or(value, Value::from))
            })
            .collect(),
        other => other,
    }
}
