use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::reauthentication::must_not_be_ones_own;
use super::store::{self, Details, NewRow};
use super::{
    NewPerson, PersonChange, RegisteredBy, Removed, RequestedChange, WantedAttributes, disable, enable, register,
    remove,
};
use crate::base::attributes::Attributes;
use crate::base::email::Email;
use crate::base::error::{Error, Result};
use crate::base::id::{Id, PersonId, Ref};
use crate::base::locale::Language;
use crate::base::person::{Person, PersonName, Username};
use crate::gate::idempotency::once;
use crate::gate::permission::{ReadUsers, WriteUsers};
use crate::gate::{Can, Holds, LockScope, Principal};
use crate::identity::Identity;
use crate::platform::http::{IfMatch, Json, Page, PageQuery, Path, Routes, Success, Tagged, tagged};
use crate::platform::passwords::{ImportedHash, Password, PasswordHash};
use crate::platform::shares::Asker;

/// `/users`.
pub fn routes() -> Routes<Identity> {
    Routes::new()
        .routes(once(routes!(list_users, create_user)))
        .routes(tagged(routes!(get_user, update_user, patch_user, delete_user)))
        .routes(routes!(disable_user))
        .routes(routes!(enable_user))
}

/// List people
///
/// `attribute.<name>=<value>` finds those who have this attribute, or a list that contains it; of several, all must hold. A number
/// or a boolean is compared by value.
#[utoipa::path(get, path = "/users", tag = "users",
    params(PageQuery, ("attribute.department" = Option<String>, Query, example = "sales",
        max_length = 1000, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        description = "only people who have this attribute; likewise by any other, and by up to 20")),
    responses((status = 200, body = Vec<Person>)))]
async fn list_users(
    State(identity): State<Identity>,
    _: Can<ReadUsers>,
    page: Page,
    wanted: WantedAttributes,
) -> Result<Response> {
    let people = store::list(&mut *identity.db.read().await?, &page, &wanted).await?;
    Ok(page.respond_asking(people, |person| person.id.0, |next| wanted.asked_of(next)))
}

/// Register a person
///
/// Without a password, the person chooses one with a reset mail (`POST /auth/forgot-password`).
#[utoipa::path(post, path = "/users", tag = "users", request_body = NewPerson, responses(
    (status = 201, body = Person),
    (status = 409, description = "`user_exists`, `email_taken`"),
    (status = 429, description = "`too_many_at_once`"),
))]
async fn create_user(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Json(mut new): Json<NewPerson>,
) -> Result<(StatusCode, Json<Person>)> {
    let asker = Asker::person(by.actor, by.origin.address);
    let (password, password_hash) = (new.password.take(), new.password_hash.take());
    let attributes = Attributes::default().with(new.attributes.take().unwrap_or_default());
    let document = new.document()?;
    let about = [Some(new.username.as_str()), Some(new.name.as_str()), new.email.as_ref().map(Email::as_str)];
    let password_hash = hash(&identity, &asker, password, password_hash, &about).await?;
    let row = NewRow {
        username: &new.username,
        name: &new.name,
        password_hash: password_hash.as_ref(),
        person_type: new.person_type,
        document,
        email: new.email.as_ref(),
        locale: new.locale,
        attributes: (!attributes.is_empty()).then_some(&attributes),
    };
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    let person = register(&mut tx, &row, RegisteredBy::Another).await??;
    tx.commit([]).await?;
    Ok((StatusCode::CREATED, Json(person)))
}

/// Get a person
///
/// Your own account, or anybody's with `users:read`. Contains everything stored except the password hash; attributes only with
/// `users:read`.
#[utoipa::path(get, path = "/users/{id}", tag = "users", params(("id" = i32, Path, description = "the person's id")),
    responses(
        (status = 200, body = Details),
        (status = 400, description = "`invalid_user_id`"),
        (status = 404, description = "`user_not_found`"),
    ))]
async fn get_user(
    State(identity): State<Identity>,
    caller: Principal,
    Path(id): Path<Ref<PersonId>>,
) -> Result<Tagged<Details>> {
    let read_users = Holds::<ReadUsers>::of(&identity, &caller).await?.everywhere();
    let may_read_users = read_users.is_ok();
    if !(matches!(id, Ref::Id(_)) && caller.is_oneself(&id)) {
        read_users?;
    }
    let id = id.id()?;
    let mut conn = identity.db.read().await?;
    let Tagged { etag, .. } = store::tagged(&mut conn, id).await?;
    let shown = store::details(&mut conn, id).await?;
    Ok(Tagged { shown: if may_read_users { shown } else { shown.without_attributes() }, etag })
}

/// Change a person
///
/// A changed password ends the person's other sessions and clears the waits after failed logins. The person is
/// notified of a changed password or address by mail. You cannot change somebody who holds more of Portero's own
/// permissions than you do. You cannot set the password, address or username of somebody who holds something in a
/// service that you could not grant there; use `POST /users/{id}/send-reset`. To change your own password, address or
/// username, use `/auth/change-password` and `/auth/me`.
#[utoipa::path(put, path = "/users/{id}", tag = "users", params(("id" = i32, Path, description = "the person's id")),
    request_body = PersonChange,
    responses(
        (status = 200, body = Success),
        (status = 400, description = "`invalid_user_id`"),
        (status = 403, description = "`reauthentication_required`"),
        (status = 404, description = "`user_not_found`"),
        (status = 409, description = "`user_exists`, `email_taken`, `robot_has_no_login`"),
        (status = 429, description = "`too_many_at_once`"),
    ))]
async fn update_user(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Language(language): Language,
    Path(id): Path<Ref<PersonId>>,
    if_match: IfMatch,
    Json(change): Json<PersonChange>,
) -> Result<Json<Success>> {
    update(&identity, &by, id.id()?, &if_match, language, change).await?;
    Ok(Json(Success::default()))
}

/// Change a person and return them
///
/// Like `PUT`, but returns the person, with their attributes if you have `users:read`.
#[utoipa::path(patch, path = "/users/{id}", tag = "users", params(("id" = i32, Path, description = "the person's id")),
    request_body = PersonChange,
    responses(
        (status = 200, body = ChangedPerson),
        (status = 400, description = "`invalid_user_id`"),
        (status = 403, description = "`reauthentication_required`"),
        (status = 404, description = "`user_not_found`"),
        (status = 409, description = "`user_exists`, `email_taken`, `robot_has_no_login`"),
        (status = 429, description = "`too_many_at_once`"),
    ))]
async fn patch_user(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Path(id): Path<Ref<PersonId>>,
    Language(language): Language,
    if_match: IfMatch,
    Json(change): Json<PersonChange>,
) -> Result<Tagged<ChangedPerson>> {
    update(&identity, &by, id.id()?, &if_match, language, change).await
}

/// A person as they are from now on.
#[derive(Debug, Serialize, ToSchema)]
struct ChangedPerson {
    #[serde(flatten)]
    person: Person,
    /// What administrators say of them. Only if there is something.
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    #[schema(required = false)]
    attributes: Attributes,
}

async fn update(
    identity: &Identity,
    by: &Can<WriteUsers>,
    id: PersonId,
    if_match: &IfMatch,
    language: Option<crate::base::locale::Locale>,
    mut change: PersonChange,
) -> Result<Tagged<ChangedPerson>> {
    if change.is_empty() {
        return Err(Error::invalid_field("", "nothing to change: send at least one field"));
    }
    let mut conn = identity.db.read().await?;
    let person = store::get(&mut conn, id).await?;
    must_not_be_ones_own(&mut conn, by.actor, &person, &change).await?;
    drop(conn);
    let (password, password_hash) = (change.password.take(), change.password_hash.take());
    let username = change.username.as_ref().map_or(person.username.as_str(), Username::as_str);
    let name = change.name.as_ref().map_or(person.name.as_str(), PersonName::as_str);
    let about = [Some(username), Some(name), change.email.as_ref().map(Email::as_str)];
    let asker = Asker::person(by.actor, by.origin.address);
    let password_hash = hash(identity, &asker, password, password_hash, &about).await?;

    let mut tx = by.begin(identity, LockScope::person(id)).await?;
    let wanted =
        RequestedChange { change: &change, password_hash: password_hash.as_ref(), if_match: Some(if_match), language };
    let Tagged { shown: person, etag } = super::change(&mut tx, identity, id, &wanted).await?;
    let now = tx.by().now;
    let attributes = if by.also_holds::<ReadUsers>(&mut tx, now).await? {
        store::details(&mut tx, id).await?.attributes.0
    } else {
        Attributes::default()
    };
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(Tagged { shown: ChangedPerson { person, attributes }, etag })
}

/// The person was removed.
#[derive(Debug, Serialize, ToSchema)]
struct UserDeleted {
    #[schema(example = "user_deleted")]
    status: &'static str,
    user_id: PersonId,
    /// How many sessions ended.
    #[schema(example = 2)]
    revoked_tokens: u64,
}

/// Remove a person
///
/// Ends their sessions and grants at once. Their username and document become free.
#[utoipa::path(delete, path = "/users/{id}", tag = "users", params(("id" = i32, Path, description = "the person's id")),
    responses(
        (status = 200, body = UserDeleted),
        (status = 400, description = "`invalid_user_id`"),
        (status = 404, description = "`user_not_found`"),
        (status = 409, description = "`last_administrator`"),
    ))]
async fn delete_user(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Path(id): Path<Ref<PersonId>>,
    if_match: IfMatch,
) -> Result<Json<UserDeleted>> {
    let id = id.id()?;
    let mut tx = by.begin(&identity, LockScope::removal([id])).await?;
    let Removed::All { ended } = remove(&mut tx, &[id], Some(&if_match)).await? else {
        return Err(PersonId::not_found());
    };
    tx.commit([]).await?;
    Ok(Json(UserDeleted { status: "user_deleted", user_id: id, revoked_tokens: ended }))
}

/// The person was disabled or enabled.
#[derive(Debug, Serialize, ToSchema)]
struct UserAdmission {
    /// `user_disabled` or `user_enabled`.
    #[schema(example = "user_disabled")]
    status: &'static str,
    user_id: PersonId,
}

/// Disable a person
///
/// Ends their sessions at once and refuses their logins and their API keys. Their robots are disabled with them. Their grants are kept for
/// when they are enabled again. Safe to repeat.
#[utoipa::path(post, path = "/users/{id}/disable", tag = "users",
    params(("id" = i32, Path, description = "the person's id")),
    responses(
        (status = 200, body = UserAdmission),
        (status = 400, description = "`invalid_user_id`"),
        (status = 404, description = "`user_not_found`"),
        (status = 409, description = "`last_administrator`"),
    ))]
async fn disable_user(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Path(id): Path<Ref<PersonId>>,
) -> Result<Json<UserAdmission>> {
    let user_id = id.id()?;
    let mut tx = by.begin(&identity, LockScope::removal([user_id])).await?;
    disable(&mut tx, user_id).await?;
    tx.commit([]).await?;
    Ok(Json(UserAdmission { status: "user_disabled", user_id }))
}

/// Enable a person
///
/// Enables a disabled person, and clears failed logins and their waits. Safe to repeat. A robot needs an owner who is not disabled.
#[utoipa::path(post, path = "/users/{id}/enable", tag = "users",
    params(("id" = i32, Path, description = "the person's id")),
    responses(
        (status = 200, body = UserAdmission),
        (status = 400, description = "`invalid_user_id`"),
        (status = 404, description = "`user_not_found`"),
        (status = 409, description = "`owner_disabled`"),
    ))]
async fn enable_user(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Path(id): Path<Ref<PersonId>>,
) -> Result<Json<UserAdmission>> {
    let user_id = id.id()?;
    let mut tx = by.begin(&identity, LockScope::person(user_id)).await?;
    enable(&mut tx, user_id).await?;
    tx.commit([]).await?;
    Ok(Json(UserAdmission { status: "user_enabled", user_id }))
}

/// The hash that `password` or its older name asks for, of somebody of whom `about` is known.
async fn hash(
    identity: &Identity,
    asker: &Asker,
    password: Option<Password>,
    password_hash: Option<ImportedHash>,
    about: &[Option<&str>],
) -> Result<Option<PasswordHash>> {
    let password = match (password, password_hash) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid_field("password_hash", "the older name of `password`: send one of them"));
        }
        (None, Some(ImportedHash::Hash(hash))) => {
            identity.hasher.must_know(&hash)?;
            return Ok(Some(hash));
        }
        (Some(password), None) | (None, Some(ImportedHash::Password(password))) => password,
        (None, None) => return Ok(None),
    };
    let about: Vec<&str> = about.iter().copied().flatten().collect();
    identity.judge.accept(asker, &password, &about).await?;
    identity.hasher.hash(asker, password).await.map(Some)
}
