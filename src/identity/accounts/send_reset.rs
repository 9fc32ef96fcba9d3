//! A new password for somebody whom a help desk may not give one: by mail, to the address that they have proved.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::base::email::Email;
use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, Ref};
use crate::base::locale::{Language, Locale};
use crate::base::opaque::mail_token::{PATIENCE, Purpose};
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::permission::WriteUsers;
use crate::gate::{Can, LockScope};
use crate::identity::Identity;
use crate::identity::mail::store::tokens::{self, NewToken};
use crate::identity::mail::{self, Content, limits};
use crate::identity::people;
use crate::platform::http::{Json, Path, Routes};

/// `/users/{id}/send-reset`.
pub fn send_reset_routes() -> Routes<Identity> {
    Routes::new().routes(routes!(send_reset))
}

/// The mail is on its way.
#[derive(Debug, Serialize, ToSchema)]
struct ResetSent {
    #[schema(example = "reset_sent")]
    status: &'static str,
    user_id: PersonId,
}

/// Send a person a password reset mail
///
/// Sends the mail of `POST /auth/forgot-password` to the person's verified address, at most one a minute. The caller
/// learns nothing and sets nothing, so this works for anybody, whatever they hold.
#[utoipa::path(post, path = "/users/{id}/send-reset", tag = "users",
    params(("id" = i32, Path, description = "the person's id")),
    responses(
        (status = 202, body = ResetSent),
        (status = 400, description = "`invalid_user_id`"),
        (status = 404, description = "`user_not_found`"),
        (status = 409, description = "`no_proved_address`, `password_off`, `user_disabled`, `mail_not_configured`"),
    ))]
async fn send_reset(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Path(id): Path<Ref<PersonId>>,
    Language(language): Language,
) -> Result<(StatusCode, Json<ResetSent>)> {
    let user_id = id.id()?;
    let mut tx = by.begin(&identity, LockScope::person(user_id)).await?;
    queue_reset(&mut tx, &identity, user_id, language).await?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok((StatusCode::ACCEPTED, Json(ResetSent { status: "reset_sent", user_id })))
}

/// Queues the mail, unless one went out less than a minute ago. Call [`Post::wake`](crate::platform::mail::Post::wake) after the commit.
///
/// # Errors
/// 404 `user_not_found`; 409 `user_disabled`, `password_off`, `mail_not_configured`, and `no_proved_address` where mail could reach somebody
/// else.
pub async fn queue_reset(
    tx: &mut AuditedTx,
    identity: &Identity,
    person: PersonId,
    locale: Option<Locale>,
) -> Result<()> {
    let people::store::Details { email, email_verified_at, disabled_at, .. } =
        people::store::details(tx, person).await?;
    identity.mailer.must_be_open()?;
    if disabled_at.is_some() {
        return Err(Error::conflict("user_disabled", "that person is disabled: enable them first"));
    }
    let email = email.ok_or_else(|| no_proved_address("that person has no address"))?;
    if email_verified_at.is_none() {
        return Err(no_proved_address("that person has not verified their address"));
    }
    if !mail::store::may_reset(tx, person).await? {
        if people::store::is_password_off(tx, person).await? {
            let detail = "that person has turned their password off; if they have lost their passkeys, take these away first (DELETE \
                          /users/{id}/factors)";
            return Err(Error::conflict("password_off", detail));
        }
        return Err(no_proved_address(
            "somebody else set that person's address, and they have not confirmed it since they were granted Portero's own permissions",
        ));
    }
    let email = Email::stored(&email);
    let (purpose, by) = (Purpose::PasswordReset, tx.by().clone());
    let new = NewToken {
        content: &Content::PasswordReset { email: None, username: None, origin: by.origin.into() },
        purpose,
        person: Some(person),
        email: &email,
        locale,
        now: by.now,
        expires_at: by.now + PATIENCE,
    };
    if limits::may_be_helped(tx, &email, by.now).await? {
        tokens::queue(tx, &new).await?;
        tx.tell(Event::new(Action::PasswordResetSent).about(person));
    }
    Ok(())
}

fn no_proved_address(why: &str) -> Error {
    let detail =
        format!("{why}: ask somebody who may grant everything they hold to set the password (PATCH /users/{{id}})");
    Error::conflict("no_proved_address", detail)
}
