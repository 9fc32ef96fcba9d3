//! Clients of OAuth, and what people let them do.

use axum::http::Method;
use axum::http::request::Builder;
use base64ct::{Base64, Encoding};
use form_urlencoded::Serializer;
use portero::base::opaque::oauth::{AuthorizationCode, ClientSecret};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::{Caller, Response, Server};

/// Where codes are sent.
pub const REDIRECT_URI: &str = "https://app.example.com/callback";

/// A verifier and its challenge (RFC 7636 appendix B).
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A client to be registered: a confidential one with all grants, unless a test says otherwise.
#[derive(Clone, Debug)]
pub struct NewClient<'a> {
    pub client_id: &'a str,
    pub service: i32,
    pub auth_method: &'a str,
    pub grant_types: &'a [&'a str],
    pub scopes: &'a [&'a str],
    pub audience: &'a [i32],
    pub token_format: &'a str,
    pub token_seconds: i32,
    pub signing_alg: &'a str,
    pub jwks: Option<Value>,
    pub loopback_only: bool,
    /// What it holds itself: pairs of a service's and a role's id. Viewer in UI Store, unless a test says otherwise.
    pub roles: &'a [(i32, i32)],
}

impl Default for NewClient<'_> {
    fn default() -> Self {
        Self {
            client_id: "app",
            service: 4,
            auth_method: "client_secret_basic",
            grant_types: &["authorization_code", "refresh_token", "client_credentials"],
            scopes: &["openid", "profile", "email", "offline_access", "roles", "permissions", "UI Store:read"],
            audience: &[4],
            token_format: "jwt",
            token_seconds: 300,
            signing_alg: "ES256",
            jwks: None,
            loopback_only: false,
            roles: &[(4, 4)],
        }
    }
}

impl NewClient<'_> {
    /// One that is for no permission of UI Store, and so for all of them.
    pub fn for_all() -> Self {
        let scopes = &["openid", "profile", "email", "offline_access", "roles", "permissions"];
        Self { scopes, ..Self::default() }
    }

    /// One that can't keep a secret.
    pub fn public() -> Self {
        Self { auth_method: "none", grant_types: &["authorization_code", "refresh_token"], ..Self::default() }
    }
}

/// A registered client.
#[derive(Clone, Debug)]
pub struct Client {
    pub caller: Caller,
    /// The row.
    pub id: i32,
    #[expect(clippy::struct_field_names, reason = "the standard's name of it")]
    pub client_id: String,
    pub secret: Option<String>,
}

impl Client {
    /// Sends a form with the client's authentication.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        if let Some(secret) = &self.secret {
            return self.post_as(&basic(&self.client_id, secret), path, form).await;
        }
        let form: Vec<_> = form.iter().copied().chain([("client_id", self.client_id.as_str())]).collect();
        post_form(&self.caller, path, &form, |request| request).await
    }

    /// Sends a form under an `Authorization` of one's choice.
    pub async fn post_as(&self, authorization: &str, path: &str, form: &[(&str, &str)]) -> Response {
        post_form(&self.caller, path, form, |request| request.header("authorization", authorization)).await
    }

    pub async fn token(&self, form: &[(&str, &str)]) -> Response {
        self.post("/oauth/token", form).await
    }

    /// A token of its own.
    pub async fn of_itself(&self) -> String {
        let answer = self.token(&[("grant_type", "client_credentials")]).await.ok();
        answer.body["access_token"].as_str().expect("a token").to_owned()
    }

    /// Exchanges a code.
    pub async fn redeem(&self, code: &str) -> Response {
        self.token(&code_form(code)).await
    }

    /// Exchanges a refresh token.
    pub async fn refresh(&self, token: &str) -> Response {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// What introspection says of a token.
    pub async fn introspect(&self, token: &str) -> Value {
        self.post("/oauth/introspect", &[("token", token)]).await.ok().body
    }

    /// The same client at another instance.
    pub fn at(&self, other: &Server) -> Self {
        Self { caller: self.caller.at(other), ..self.clone() }
    }
}

/// What exchanges a code that was asked for with [`CHALLENGE`].
pub fn code_form(code: &str) -> [(&str, &str); 4] {
    [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT_URI), ("code_verifier", VERIFIER)]
}

/// `Authorization: Basic`.
pub fn basic(client_id: &str, secret: &str) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", Base64::encode_string(format!("{}:{}", encoded(client_id), encoded(secret)).as_bytes()))
}

/// Sends a form.
pub async fn post_form(
    caller: &Caller,
    path: &str,
    form: &[(&str, &str)],
    headers: impl FnOnce(Builder) -> Builder,
) -> Response {
    let body = Serializer::new(String::new()).extend_pairs(form).finish();
    let form = |request: Builder| request.header("content-type", "application/x-www-form-urlencoded");
    caller.send_with(Method::POST, path, &body, |request| headers(form(request))).await
}

/// Parts of a JWT, without a look at its signature.
pub fn jwt_part(token: &str, part: usize) -> Value {
    let encoded = token.split('.').nth(part).expect("a part");
    let bytes = base64ct::Base64UrlUnpadded::decode_vec(encoded).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

pub fn claims(token: &str) -> Value {
    jwt_part(token, 1)
}

/// What somebody lets a client do.
#[derive(Clone, Debug)]
pub struct NewAuthorization<'a> {
    pub scopes: &'a [&'a str],
    pub services: &'a [i32],
    pub challenge: Option<&'a str>,
    pub nonce: Option<&'a str>,
    pub claims: Option<Value>,
    pub lasts: Duration,
}

impl Default for NewAuthorization<'_> {
    fn default() -> Self {
        Self {
            scopes: &["openid", "profile", "email", "offline_access"],
            services: &[4],
            challenge: Some(CHALLENGE),
            nonce: Some("n-0S6_WzA2Mj"),
            claims: None,
            lasts: Duration::days(90),
        }
    }
}

impl Server {
    /// Registers a client, as `POST /clients` does.
    pub async fn client(&self, new: NewClient<'_>) -> Client {
        let now = self.app.clock.now();
        let pool = self.app.db.pool();
        let id: i32 = sqlx::query_scalar(
            "insert into auth.clients
                 (client_id, name, service_id, auth_method, grant_types, redirect_uris, scopes, token_format, token_seconds,
                  signing_alg, jwks, loopback_only, created_at)
             values ($1, $1 || ' by name', $2, $3, $4, array[$5], $6, $7, $8, $9, $10, $11, $12) returning id",
        )
        .bind(new.client_id)
        .bind(new.service)
        .bind(new.auth_method)
        .bind(new.grant_types.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
        .bind(REDIRECT_URI)
        .bind(new.scopes.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
        .bind(new.token_format)
        .bind(new.token_seconds)
        .bind(new.signing_alg)
        .bind(&new.jwks)
        .bind(new.loopback_only)
        .bind(now)
        .fetch_one(pool)
        .await
        .expect("a client");
        sqlx::query("insert into auth.client_audience (client_id, service_id) select $1, unnest($2::int[])")
            .bind(id)
            .bind(new.audience)
            .execute(pool)
            .await
            .expect("an audience");
        let secret =
            if new.auth_method.starts_with("client_secret") { Some(self.secret_of(id, None).await) } else { None };
        let roles = if new.audience.is_empty() { &[] } else { new.roles };
        if new.grant_types.contains(&"client_credentials") {
            self.make_subject(id, new.client_id, roles).await;
        }
        Client { caller: self.anonymous(), id, client_id: new.client_id.to_owned(), secret }
    }

    /// Another secret of a client's.
    pub async fn secret_of(&self, client: i32, expires_at: Option<OffsetDateTime>) -> String {
        let now = self.app.clock.now();
        let secret: ClientSecret = self.app.generate(now).expect("a secret");
        self.secrets.add(secret.reveal());
        sqlx::query(
            "insert into auth.client_secrets (client_id, secret, created_at, expires_at) values ($1, $2, $3, $4)",
        )
        .bind(client)
        .bind(secret.hash().as_bytes())
        .bind(now)
        .bind(expires_at)
        .execute(self.app.db.pool())
        .await
        .expect("a secret");
        secret.reveal().to_owned()
    }

    async fn make_subject(&self, client: i32, client_id: &str, roles: &[(i32, i32)]) {
        let subject: i32 = sqlx::query_scalar(
            "insert into auth.person (username, name, client_id) values ('client:' || $1, $1 || ' by name', $2) returning id",
        )
        .bind(client_id)
        .bind(client)
        .fetch_one(self.app.db.pool())
        .await
        .expect("a subject");
        for (service, role) in roles {
            self.give(subject, *service, *role).await;
        }
    }

    /// Gives a role.
    pub async fn give(&self, person: i32, service: i32, role: i32) {
        sqlx::query("insert into auth.person_service_role (person_id, service_id, role_id) values ($1, $2, $3)")
            .bind(person)
            .bind(service)
            .bind(role)
            .execute(self.app.db.pool())
            .await
            .expect("a grant");
    }

    /// Takes a person's roles in a service.
    pub async fn take(&self, person: i32, service: i32) {
        sqlx::query("delete from auth.person_service_role where person_id = $1 and service_id = $2")
            .bind(person)
            .bind(service)
            .execute(self.app.db.pool())
            .await
            .expect("an answer");
    }

    /// Somebody lets a client act for them; the code.
    pub async fn authorize(&self, client: &Client, person: i32, new: NewAuthorization<'_>) -> String {
        let now = self.app.clock.now();
        let code: AuthorizationCode = self.app.generate(now).expect("a code");
        self.secrets.add(code.reveal());
        sqlx::query(
            "insert into auth.authorizations
                 (client_id, person_id, sid, scopes, services, narrowed, nonce, claims, auth_time, acr, amr, redirect_uri,
                  code_challenge, code, code_expires_at, created_at, refreshed_at, expires_at)
             values ($1, $2, 'the-sid', $3, $4, auth.services_of_scopes($4, $3), $5, $6, $7, '1', '{pwd}', $8, $9, $10, $11, $7, $7, $12)",
        )
        .bind(client.id)
        .bind(person)
        .bind(new.scopes.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
        .bind(new.services)
        .bind(new.nonce)
        .bind(&new.claims)
        .bind(now)
        .bind(REDIRECT_URI)
        .bind(new.challenge)
        .bind(code.hash().as_bytes())
        .bind(now + Duration::seconds(60))
        .bind(now + new.lasts)
        .execute(self.app.db.pool())
        .await
        .expect("an authorization");
        code.reveal().to_owned()
    }
}
