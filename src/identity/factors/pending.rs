//! A login that waits for its second step. It is no session: what its token opens is that step alone.

use serde::Serialize;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;

use super::{Method, store};
use crate::base::amr::Amr;
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::opaque::second_step::MfaToken;
use crate::identity::Identity;
use crate::platform::passwords::PasswordHash;

/// Your login needs a second step.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pending {
    /// Always true: nobody is logged in yet.
    #[schema(example = true)]
    mfa_required: bool,
    /// Send it to `POST /auth/mfa`. It is good once, and opens nothing else.
    #[schema(
        value_type = String,
        pattern = "^pmf_[0-9a-f]{72}$",
        example = "pmf_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000"
    )]
    mfa_token: MfaToken,
    /// How you may take that step. None if you have no second factor yet and must have one.
    methods: Vec<Method>,
    /// Whether you must set up a second factor first, at `POST /auth/mfa/enrol`.
    #[schema(example = false)]
    enrolment_required: bool,
    /// Which kinds you can set up there, if you must.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    enrolment_types: Option<Vec<Method>>,
    /// For how many seconds `mfa_token` is good.
    #[schema(example = 300)]
    expires_in: i64,
}

/// The first step of a login, which was right.
#[derive(Clone, Copy, Debug)]
pub struct FirstStep<'a> {
    pub person: PersonId,
    /// The hash that the password was verified against; `None` where something else was the proof.
    pub verified: Option<&'a PasswordHash>,
    /// By what means.
    pub amr: Amr,
    /// By what methods they can go on; none for who must have a second factor and has none.
    pub methods: &'a [Method],
    /// Whether they want a refresh token.
    pub refresh: bool,
}

impl Pending {
    /// A login waits so long for its second step.
    pub const LIFETIME: Duration = Duration::minutes(5);

    /// Lets a login wait for its second step.
    ///
    /// # Errors
    /// When Postgres can't be asked.
    pub async fn begin(
        identity: &Identity,
        conn: &mut PgConnection,
        first: &FirstStep<'_>,
        now: OffsetDateTime,
    ) -> Result<Self> {
        let token: MfaToken = identity.generate(now)?;
        store::pending::insert(conn, token.hash(), first, now).await?;
        let passkey = identity.settings.relying_party.as_ref().map(|_| Method::Passkey);
        let enrolment_types = || [Method::Totp].into_iter().chain(passkey).collect();
        Ok(Self {
            mfa_required: true,
            mfa_token: token,
            methods: first.methods.to_vec(),
            enrolment_required: first.methods.is_empty(),
            enrolment_types: first.methods.is_empty().then(enrolment_types),
            expires_in: Self::LIFETIME.whole_seconds(),
        })
    }

    /// What the second step is taken with: for the form of a page.
    pub fn token(&self) -> &MfaToken {
        &self.mfa_token
    }

    /// By what methods they can go on.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }
}
