//! What only the demo has: milder settings, and a client for the example application.

use std::fmt::Write;

use crate::app::App;
use crate::app::config::Config;
use crate::base::error::{Error, Result};
use crate::base::id::ServiceId;
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
use crate::identity::accounts::WhoMayRegister;
use crate::oauth::clients::{AuthMethod, ClientChange, ClientName, Identifier, Registration, register, store};
use crate::platform::passwords::Policy;

/// What the example application calls itself unless it is told otherwise (`examples/login/app.js`).
const CLIENT_ID: &str = "example";

/// Where it is then, and where it looks for Portero.
const HOME: &str = "http://127.0.0.1:7880/";
const ISSUER: &str = "http://127.0.0.1:7878";

/// Its service in the demo data: UI Store.
const SERVICE: ServiceId = ServiceId(4);

/// What is easier to try things with, where no setting says otherwise: any password, time to read between two commands, and
/// invitations.
pub(super) fn soften(config: &mut Config) {
    config.passwords = Policy::OF_THE_DEMO;
    let is_set = |config: &Config, name: &str| config.told.iter().any(|(set, _)| set == name);
    if !is_set(config, "TOKEN_TTL_SECONDS") && !is_set(config, "TOKEN_RENEW_THRESHOLD_SECONDS") {
        config.lifetime.sliding = time::Duration::hours(1);
        config.lifetime.renew_within = time::Duration::minutes(30);
        // The tools go by it.
        let told = [("TOKEN_TTL_SECONDS", "3600"), ("TOKEN_RENEW_THRESHOLD_SECONDS", "1800")];
        config.told.extend(told.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    if !is_set(config, "REGISTRATION") {
        config.registration = WhoMayRegister::Invite;
    }
}

/// Registers the example application, unless it is there. Whether it is: whoever has removed it, or its service, is left alone.
///
/// # Errors
/// When Postgres can't be asked.
pub(super) async fn register_example(app: &App) -> Result<bool> {
    if store::find(&mut *app.db.read().await?, CLIENT_ID).await?.is_some() {
        return Ok(true);
    }
    let invalid = |fault: String| Error::Internal(anyhow::anyhow!(fault));
    let client_id: Identifier = CLIENT_ID.parse().map_err(invalid)?;
    let name: ClientName = "Example application".parse().map_err(invalid)?;
    let said = ClientChange {
        token_endpoint_auth_method: Some(AuthMethod::None),
        redirect_uris: Some(vec![format!("{HOME}callback")]),
        post_logout_redirect_uris: Some(vec![HOME.to_owned()]),
        ..ClientChange::default()
    };
    let registration = Registration::begin(name, SERVICE, said, None)?;
    let by = By { actor: Actor::System, origin: Origin::default(), now: app.clock.now() };
    let mut tx = AuditedTx::new(app.db.begin().await?, by);
    match register(&mut tx, app, (SERVICE, client_id), &registration, None).await {
        Ok(_) => tx.commit([]).await.map(|()| true),
        Err(error) if error.status().is_client_error() => Ok(false),
        Err(error) => Err(error),
    }
}

/// What to try.
pub(super) fn advice(url: &str, issuer: &str, has_example: bool) -> String {
    let mut advice = format!(
        "Log in:\n  curl -s {url}/auth/login -d '{{\"username\":\"juan\",\"password\":\"juan-hash\"}}'\n\n\
         Check the token, and what its holder may do in service 4:\n  \
         TOKEN=$(curl -s {url}/auth/login -d '{{\"username\":\"juan\",\"password\":\"juan-hash\"}}' | \
         grep -o 'ptk_[0-9a-f]*')\n  \
         curl -s -X POST {url}/check-token -H \"token: $TOKEN\" -d '{{\"service_id\":4,\"permission\":\"read\"}}'\n"
    );
    if has_example {
        let setting = if issuer == ISSUER { String::new() } else { format!("ISSUER={issuer} ") };
        let _ = write!(
            advice,
            "\nSign in with an example application, as the same person (in Portero's source directory, with Node.js 20 or \
             newer):\n  {setting}npm start --prefix examples/login\n\
             Then open {HOME}\n"
        );
    }
    advice
}
