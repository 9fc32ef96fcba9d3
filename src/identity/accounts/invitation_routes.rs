use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::store::{self, NewInvitation};
use super::verify::invite_by_mail;
use super::{InvitationMade, Invite, ListedInvitation};
use crate::base::error::Result;
use crate::base::id::{InvitationId, Ref};
use crate::base::locale::Language;
use crate::gate::audit::{Action, Event};
use crate::gate::idempotency::once;
use crate::gate::permission::{ReadUsers, WriteUsers};
use crate::gate::{Can, LockScope};
use crate::identity::Identity;
use crate::identity::mail::store::tokens::take_back;
use crate::platform::http::{Json, Page, PageQuery, Path, Routes};

/// `/invitations`.
pub fn invitation_routes() -> Routes<Identity> {
    Routes::new().routes(once(routes!(list_invitations, invite))).routes(routes!(revoke_invitation))
}

/// List invitations
///
/// Never includes the invitation codes: each is shown once, when it is created. `q` matches the beginning of a note.
#[utoipa::path(get, path = "/invitations", tag = "users", params(PageQuery),
    responses((status = 200, body = Vec<ListedInvitation>)))]
async fn list_invitations(State(identity): State<Identity>, _: Can<ReadUsers>, page: Page) -> Result<Response> {
    let invitations = store::list(&mut *identity.db.read().await?, &page).await?;
    Ok(page.respond(invitations, |invitation| invitation.id.0))
}

/// Create an invitation
///
/// Registers one person, once. With an address it is also sent by mail, and that address counts as verified. It is
/// valid while its creator may log in and holds `users:write`, and never longer than that permission.
#[utoipa::path(post, path = "/invitations", tag = "users", request_body = Invite,
    responses(
        (status = 201, body = InvitationMade),
        (status = 409, description = "`mail_not_configured`"),
        (status = 429, description = "`too_many_mails`"),
    ))]
async fn invite(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Language(language): Language,
    Json(invite): Json<Invite>,
) -> Result<(StatusCode, Json<InvitationMade>)> {
    let now = identity.clock.now();
    let wanted = invite.expires_at(now)?;
    let invitation = identity.new_invitation(now)?;
    let (secret, note) = (invitation.hash(), invite.note.as_ref());
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    let until = by.end_of_what_is_made(&mut tx, invite.expires_in.map(|_| Some(wanted))).await?;
    let expires_at = until.map_or(wanted, |until| until.min(wanted));
    let mailed = match &invite.email {
        Some(email) => Some((email, invite_by_mail(&mut tx, &identity, by.actor, email, expires_at, language).await?)),
        None => None,
    };
    let new = NewInvitation { secret, note, mailed, now, expires_at, by: Some(by.actor) };
    let shown = store::insert(&mut tx, &new).await?;
    tx.commit([Event::new(Action::InvitationCreated).after(&shown)]).await?;
    identity.mailer.wake();
    Ok((StatusCode::CREATED, Json(InvitationMade { invitation, shown })))
}

/// The invitation was revoked.
#[derive(Debug, Serialize, ToSchema)]
struct InvitationRevoked {
    #[schema(example = "invitation_revoked")]
    status: &'static str,
    id: InvitationId,
}

/// Revoke an invitation
///
/// Only while nobody has used it.
#[utoipa::path(delete, path = "/invitations/{id}", tag = "users",
    params(("id" = i32, Path, description = "the invitation's id")),
    responses(
        (status = 200, body = InvitationRevoked),
        (status = 400, description = "`invalid_invitation_id`"),
        (status = 404, description = "`invitation_not_found`"),
    ))]
async fn revoke_invitation(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Path(id): Path<Ref<InvitationId>>,
) -> Result<Json<InvitationRevoked>> {
    let id = id.id()?;
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    if let Some(mail) = store::revoke(&mut tx, id).await? {
        take_back(&mut tx, mail).await?;
    }
    tx.commit([Event::new(Action::InvitationRevoked).before(json!({"id": id}))]).await?;
    Ok(Json(InvitationRevoked { status: "invitation_revoked", id }))
}
