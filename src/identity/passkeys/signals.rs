use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::{Passkey, store};
use crate::base::error::Result;
use crate::gate::Caller;
use crate::identity::Identity;

/// Your passkeys.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnPasskeys {
    /// The oldest first; at most 20.
    pub passkeys: Vec<Passkey>,
    /// What to tell the browser, so that it offers these and no others; null if you have never had one.
    pub signals: Option<PasskeySignals>,
}

/// What to tell the browser, each for the method of the same name (WebAuthn level 3, section 5.1.10).
#[derive(Debug, Serialize, ToSchema)]
pub struct PasskeySignals {
    /// For `PublicKeyCredential.signalAllAcceptedCredentials`.
    #[serde(rename = "signalAllAcceptedCredentials")]
    all_accepted: AcceptedPasskeys,
    /// For `PublicKeyCredential.signalCurrentUserDetails`.
    #[serde(rename = "signalCurrentUserDetails")]
    user_details: PasskeyUser,
}

/// All passkeys that are good.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedPasskeys {
    /// Where they are good.
    #[schema(example = "id.example.com")]
    rp_id: String,
    /// Whose they are, as base64url.
    #[schema(example = "xL2v1Zl0cGk")]
    user_id: String,
    /// They, as base64url.
    #[schema(example = json!(["qPy9s1BFT0yJcZ0Gg2rZ5A"]))]
    all_accepted_credential_ids: Vec<String>,
}

/// What you are called.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyUser {
    /// Where you are called so.
    #[schema(example = "id.example.com")]
    rp_id: String,
    /// Who you are, as base64url.
    #[schema(example = "xL2v1Zl0cGk")]
    user_id: String,
    /// Your username.
    #[schema(example = "ada")]
    name: String,
    /// Your name.
    #[schema(example = "Ada Quispe")]
    display_name: String,
}

/// A passkey that a browser has made and that stands nowhere here, for the method of this name.
#[derive(Debug, Serialize)]
pub struct UnknownPasskey {
    #[serde(rename = "signalUnknownCredential")]
    credential: UnknownCredential,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UnknownCredential {
    rp_id: String,
    credential_id: String,
}

/// What to tell the browser of a passkey that it has made and that was refused. Nothing of one that stands here, whosever it is: a form that
/// is sent twice is refused the second time.
pub async fn unknown(conn: &mut PgConnection, identity: &Identity, made: &Value) -> Result<Option<UnknownPasskey>> {
    let Some(party) = identity.settings.relying_party.as_ref() else { return Ok(None) };
    let Some(id) = made.get("id").and_then(Value::as_str) else { return Ok(None) };
    let Ok(bytes) = Base64UrlUnpadded::decode_vec(id) else { return Ok(None) };
    if bytes.is_empty() || store::is_known(conn, &bytes).await? {
        return Ok(None);
    }
    let (rp_id, credential_id) = (party.id.as_ref().to_owned(), id.to_owned());
    Ok(Some(UnknownPasskey { credential: UnknownCredential { rp_id, credential_id } }))
}

/// The caller's passkeys, and what browsers should know of them.
pub async fn own(conn: &mut PgConnection, identity: &Identity, caller: &Caller) -> Result<OwnPasskeys> {
    let passkeys = store::list(&mut *conn, caller.person).await?;
    let handle = store::handle_of(conn, caller.person).await?;
    let party = identity.settings.relying_party.as_ref();
    let signals = handle.zip(party).map(|(handle, party)| {
        let (rp_id, user_id) = (party.id.as_ref().to_owned(), Base64UrlUnpadded::encode_string(&handle));
        let payload = &caller.checked.session.payload;
        PasskeySignals {
            all_accepted: AcceptedPasskeys {
                rp_id: rp_id.clone(),
                user_id: user_id.clone(),
                all_accepted_credential_ids: passkeys.iter().map(|passkey| passkey.credential_id.clone()).collect(),
            },
            user_details: PasskeyUser {
                rp_id,
                user_id,
                name: payload.username.clone(),
                display_name: payload.name.clone(),
            },
        }
    });
    Ok(OwnPasskeys { passkeys, signals })
}
