//! What authenticators are asked to sign, and whether they did: the crate's types, which go no further.

use std::convert::Infallible;

use serde_json::{Value, json};
use webauthn_rp::bin::{Decode, Encode};
use webauthn_rp::request::auth::{
    AuthenticationVerificationOptions, DiscoverableAuthenticationServerState, DiscoverableCredentialRequestOptions,
};
use webauthn_rp::request::register::{
    CredProtect, PublicKeyCredentialCreationOptions, PublicKeyCredentialUserEntity, RegistrationServerState,
    RegistrationVerificationOptions, UserHandle,
};
use webauthn_rp::request::{ExtensionInfo, PublicKeyCredentialDescriptor, TimedCeremony};
use webauthn_rp::response::auth::DiscoverableAuthentication;
use webauthn_rp::response::auth::error::{AuthCeremonyErr, AuthenticatorDataErr};
use webauthn_rp::response::register::error::RegCeremonyErr;
use webauthn_rp::response::register::{CompressedPubKey, DynamicState, StaticState};
use webauthn_rp::response::{AuthTransports, AuthenticatorAttachment, Backup, CredentialId, SentChallenge};
use webauthn_rp::{AuthenticatedCredential, Registration};

use super::RelyingParty;
use super::passkey::{NewPasskey, StoredPasskey};
use crate::base::error::{Error, Result};

/// How many bytes name a person to authenticators: as many as the standard recommends.
pub const HANDLE: usize = 64;

/// The keys that signatures are verified with, as the crate decodes them.
type Key = CompressedPubKey<[u8; 32], [u8; 32], [u8; 48], Vec<u8>>;

/// The bytes of a challenge.
pub type Challenge = [u8; 16];

/// A question to authenticators.
#[derive(Debug)]
pub struct Question {
    pub challenge: Challenge,
    /// What the answer is held against.
    pub state: Vec<u8>,
    /// `PublicKeyCredentialCreationOptionsJSON` or `PublicKeyCredentialRequestOptionsJSON`, for the browser.
    pub options: Value,
}

/// A person, as authenticators show them.
#[derive(Debug)]
pub struct User<'a> {
    pub handle: &'a [u8],
    pub username: &'a str,
    pub name: &'a str,
}

/// A credential that is there already, and how its authenticator is reached.
pub type Known = (Vec<u8>, u8);

/// Why an answer is not taken, in a few words of ours: for the audit trail, and for people who add a passkey.
pub type Reason = &'static str;

/// What has changed of a passkey that has signed.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    pub sign_count: u32,
    pub is_backed_up: bool,
}

/// Why a signature opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It was made with the right key, which has signed more often than it says: there may be two of it.
    CounterWentBack,
    /// Whatever else.
    Because(Reason),
}

/// Asks for a new passkey: discoverable, with the user verified, without attestation, and not on an authenticator that has one.
pub fn ask_for_new(party: &RelyingParty, user: &User<'_>, known: Vec<Known>) -> Result<Question> {
    let handle = handle(user.handle)?;
    let excluded = known.into_iter().map(|(id, transports)| {
        let id = CredentialId::<Vec<u8>>::decode(id).map_err(|_| corrupt("a credential id"))?;
        let transports = AuthTransports::decode(transports).map_err(|_| corrupt("transports"))?;
        Ok(PublicKeyCredentialDescriptor { id, transports })
    });
    let entity = PublicKeyCredentialUserEntity::from(&handle);
    let mut options = PublicKeyCredentialCreationOptions::passkey(&party.id, entity, excluded.collect::<Result<_>>()?);
    // Where it is enforced, authenticators that don't know it make none. The user is verified each time anyway.
    options.extensions.cred_protect = CredProtect::UserVerificationRequired(ExtensionInfo::AllowDontEnforceValue);
    let (server, client) = options.start_ceremony().map_err(anyhow::Error::from)?;
    let state = server.encode().map_err(anyhow::Error::from)?;
    let mut options = serde_json::to_value(&client).map_err(anyhow::Error::from)?;
    // The crate's types for names refuse some that people here have.
    options["rp"]["name"] = json!(party.name);
    options["user"]["name"] = json!(user.username);
    options["user"]["displayName"] = json!(user.name);
    Ok(Question { challenge: bytes(server.sent_challenge()), state, options })
}

/// What an authenticator has answered to [`ask_for_new`].
#[derive(Debug)]
pub struct Made(Registration);

impl Made {
    /// Reads `RegistrationResponseJSON`; `None` where it is none.
    pub fn read(answer: &Value) -> Option<Self> {
        Registration::from_json_relaxed(answer.to_string().as_bytes()).ok().map(Self)
    }

    /// What it has signed.
    pub fn challenge(&self) -> Option<Challenge> {
        self.0.challenge_relaxed().ok().map(bytes)
    }

    /// The passkey that it has made.
    pub fn verify(&self, party: &RelyingParty, state: &[u8]) -> Result<Result<NewPasskey, Reason>> {
        let asked = RegistrationServerState::<HANDLE>::decode(state).map_err(|_| corrupt("a challenge"))?;
        let options = RegistrationVerificationOptions::<'_, '_, String, String> {
            allowed_origins: &party.origins,
            error_on_unsolicited_extensions: false,
            ..RegistrationVerificationOptions::default()
        };
        let made = match asked.verify(&party.id, &self.0, &options) {
            Ok(made) => made,
            Err(error) => return Ok(Err(why_not_made(&error))),
        };
        let state = made.dynamic_state();
        Ok(Ok(NewPasskey {
            credential_id: made.id().as_ref().to_vec(),
            verifier: sure(made.static_state().encode()),
            transports: sure(made.transports().encode()),
            sign_count: state.sign_count,
            is_backup_eligible: !matches!(state.backup, Backup::NotEligible),
            is_backed_up: matches!(state.backup, Backup::Exists),
        }))
    }
}

/// Asks whoever has a passkey of ours to sign, with the user verified.
pub fn ask_to_sign(party: &RelyingParty) -> Result<Question> {
    let options = DiscoverableCredentialRequestOptions::passkey(&party.id);
    let (server, client) = options.start_ceremony().map_err(anyhow::Error::from)?;
    let state = server.encode().map_err(anyhow::Error::from)?;
    let options = serde_json::to_value(&client).map_err(anyhow::Error::from)?;
    Ok(Question { challenge: bytes(server.sent_challenge()), state, options })
}

/// What an authenticator has answered to [`ask_to_sign`].
#[derive(Debug)]
pub struct Answer(DiscoverableAuthentication<HANDLE>);

impl Answer {
    /// Reads `AuthenticationResponseJSON`; `None` where it is none.
    pub fn read(answer: &Value) -> Option<Self> {
        DiscoverableAuthentication::from_json_relaxed(answer.to_string().as_bytes()).ok().map(Self)
    }

    /// What it has signed.
    pub fn challenge(&self) -> Option<Challenge> {
        self.0.challenge_relaxed().ok().map(bytes)
    }

    /// What it has signed with.
    pub fn credential_id(&self) -> &[u8] {
        self.0.raw_id().into_inner()
    }

    /// Whether it is that passkey's signature, and what is new of it.
    pub fn verify(&self, party: &RelyingParty, state: &[u8], with: &StoredPasskey) -> Result<Result<Use, Refused>> {
        let asked = DiscoverableAuthenticationServerState::decode(state).map_err(|_| corrupt("a challenge"))?;
        let handle = handle(&with.user_handle)?;
        let verifier = StaticState::<Key>::decode(&with.verifier).map_err(|_| corrupt("a public key"))?;
        let before = DynamicState {
            user_verified: true,
            backup: match (with.is_backup_eligible, with.is_backed_up) {
                (false, _) => Backup::NotEligible,
                (true, false) => Backup::Eligible,
                (true, true) => Backup::Exists,
            },
            sign_count: with.sign_count,
            authenticator_attachment: AuthenticatorAttachment::None,
        };
        let credential = AuthenticatedCredential::new(self.0.raw_id(), &handle, verifier, before);
        let mut credential = credential.map_err(|_| corrupt("a passkey"))?;
        let options = AuthenticationVerificationOptions::<'_, '_, String, String> {
            allowed_origins: &party.origins,
            error_on_unsolicited_extensions: false,
            ..AuthenticationVerificationOptions::default()
        };
        Ok(match asked.verify(&party.id, &self.0, &mut credential, &options) {
            Ok(_) => {
                let DynamicState { sign_count, backup, .. } = credential.dynamic_state();
                Ok(Use { sign_count, is_backed_up: matches!(backup, Backup::Exists) })
            }
            Err(AuthCeremonyErr::SignatureCounter) => Err(Refused::CounterWentBack),
            Err(error) => Err(Refused::Because(why_not_signed(&error))),
        })
    }
}

fn why_not_signed(error: &AuthCeremonyErr) -> Reason {
    match error {
        AuthCeremonyErr::Timeout | AuthCeremonyErr::ChallengeMismatch => "challenge is over",
        AuthCeremonyErr::OriginMismatch | AuthCeremonyErr::CrossOrigin | AuthCeremonyErr::TopOriginMismatch => {
            "signed for another origin"
        }
        AuthCeremonyErr::RpIdHashMismatch => "signed for another relying party",
        AuthCeremonyErr::UserNotVerified => "user not verified",
        AuthCeremonyErr::AuthenticatorData(AuthenticatorDataErr::UserNotPresent) => "user not present",
        AuthCeremonyErr::AssertionSignature | AuthCeremonyErr::PubKey(_) => "wrong signature",
        AuthCeremonyErr::BackupEligible | AuthCeremonyErr::BackupNotEligible => "backup eligibility has changed",
        AuthCeremonyErr::UserHandleMismatch => "passkey of another person",
        _ => "not readable",
    }
}

fn why_not_made(error: &RegCeremonyErr) -> Reason {
    match error {
        RegCeremonyErr::Timeout | RegCeremonyErr::ChallengeMismatch => "the challenge is over",
        RegCeremonyErr::OriginMismatch | RegCeremonyErr::CrossOrigin | RegCeremonyErr::TopOriginMismatch => {
            "it was made for another origin; PASSKEY_ORIGINS lists those allowed besides PUBLIC_URL"
        }
        RegCeremonyErr::RpIdHashMismatch => "it was made for another relying party than the host of PUBLIC_URL",
        RegCeremonyErr::UserNotPresent | RegCeremonyErr::UserNotVerified => {
            "the authenticator did not verify the user: ask for that with `userVerification`"
        }
        RegCeremonyErr::PublicKeyAlgorithmMismatch => "its algorithm was not asked for",
        RegCeremonyErr::Credential(_) => "it is not discoverable, or not protected as asked",
        _ => "it can't be read",
    }
}

/// What names a person to authenticators, and nobody has had before.
pub fn fresh_handle() -> [u8; HANDLE] {
    sure(UserHandle::<HANDLE>::new().encode())
}

fn handle(bytes: &[u8]) -> Result<UserHandle<HANDLE>> {
    let bytes: [u8; HANDLE] = bytes.try_into().map_err(|_| corrupt("a user handle"))?;
    Ok(sure(UserHandle::decode(bytes)))
}

fn bytes(challenge: SentChallenge) -> Challenge {
    challenge.0.to_be_bytes()
}

fn sure<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

fn corrupt(what: &str) -> Error {
    Error::Internal(anyhow::anyhow!("{what} in the database can't be read"))
}
