//! The crate `openidconnect`: client_secret_basic, ID tokens signed with EdDSA.

use std::env::var;
use std::process::Command;

use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreIdTokenVerifier, CoreTokenResponse,
    CoreUserInfoClaims,
};
use openidconnect::url::Url;
use openidconnect::{
    AccessToken, AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndSessionUrl,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IntrospectionUrl, IssuerUrl,
    LogoutRequest, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl,
    ProviderMetadataWithLogout, RedirectUrl, RefreshToken, RevocationUrl, Scope, TokenIntrospectionResponse,
    TokenResponse,
};
use serde_json::Value;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

type Client = CoreClient<EndpointSet, EndpointNotSet, EndpointSet, EndpointSet, EndpointMaybeSet, EndpointMaybeSet>;

struct World {
    own: Value,
    agent: ureq::Agent,
    client: Client,
    end_session: EndSessionUrl,
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("{member} in {value}")).to_owned()
}

fn agent() -> ureq::Agent {
    let pem = std::fs::read(var("CA_FILE").unwrap()).unwrap();
    let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
        .filter_map(|item| match item.unwrap() {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&certificates)).build();
    ureq::Agent::config_builder().tls_config(tls).http_status_as_error(false).max_redirects(0).build().into()
}

impl World {
    fn new() -> Self {
        let clients = std::fs::read_to_string(var("CLIENTS").unwrap()).unwrap();
        let own = serde_json::from_str::<Value>(&clients).unwrap()["openidconnect"].take();
        let (agent, issuer) = (agent(), IssuerUrl::new(var("ISSUER").unwrap()).unwrap());
        let http = |request| send(&agent, request);
        let metadata = ProviderMetadataWithLogout::discover(&issuer, &http).unwrap();
        let end_session = metadata.additional_metadata().end_session_endpoint.clone().expect("end_session_endpoint");
        let secret = ClientSecret::new(text(&own, "client_secret"));
        let client = CoreClient::from_provider_metadata(metadata, ClientId::new(text(&own, "client_id")), Some(secret))
            .set_redirect_uri(RedirectUrl::new(text(&own, "redirect_uri")).unwrap())
            .set_introspection_url(IntrospectionUrl::new(format!("{}/oauth/introspect", issuer.as_str())).unwrap())
            .set_revocation_url(RevocationUrl::new(format!("{}/oauth/revoke", issuer.as_str())).unwrap());
        Self { own, client, agent, end_session }
    }

    fn http(&self) -> impl Fn(HttpRequest) -> Result<HttpResponse, ureq::Error> {
        |request| send(&self.agent, request)
    }

    /// Where somebody comes out who goes to an address with a browser.
    fn person(&self, url: &Url, options: &[&str]) -> Url {
        let jar = format!("{}/rust", var("JARS").unwrap());
        let mut command = Command::new("python3");
        let output = command.arg(var("PERSON").unwrap()).args([&jar, url.as_str()]).args(options).output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        text(&told, "url").parse().unwrap()
    }

    /// Sends somebody to log in: the code they bring back, and what it needs.
    fn login(&self) -> (AuthorizationCode, PkceCodeVerifier, Nonce) {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = self
            .client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .add_scope(Scope::new("profile".to_owned()))
            .add_scope(Scope::new("offline_access".to_owned()))
            .add_scope(Scope::new("UI%20Store:read".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let back = self.person(&url, &[]);
        assert_eq!(parameter(&back, "state").as_ref(), Some(state.secret()));
        assert_eq!(parameter(&back, "iss"), var("ISSUER").ok());
        (AuthorizationCode::new(parameter(&back, "code").unwrap()), verifier, nonce)
    }

    fn redeem(&self, code: AuthorizationCode, verifier: PkceCodeVerifier) -> Result<CoreTokenResponse, String> {
        let request = self.client.exchange_code(code).unwrap().set_pkce_verifier(verifier);
        request.request(&self.http()).map_err(|error| format!("{error:?}"))
    }

    fn refresh(&self, token: &RefreshToken) -> Result<CoreTokenResponse, String> {
        let request = self.client.exchange_refresh_token(token).unwrap();
        request.request(&self.http()).map_err(|error| format!("{error:?}"))
    }

    fn is_active(&self, token: &AccessToken) -> bool {
        self.client.introspect(token).request(&self.http()).unwrap().active()
    }

    fn may_read(&self, token: &AccessToken) -> bool {
        let mut answer = self
            .agent
            .post(format!("{}/check-token", var("ISSUER").unwrap()))
            .header("authorization", format!("Bearer {}", token.secret()))
            .send(r#"{"service_id": 4, "permission": "read"}"#)
            .unwrap();
        let told: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        told["allowed"] == true
    }
}

fn send(agent: &ureq::Agent, request: HttpRequest) -> Result<HttpResponse, ureq::Error> {
    let (parts, mut body) = agent.run(request)?.into_parts();
    Ok(HttpResponse::from_parts(parts, body.read_to_vec()?))
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}

fn is_of(
    token: &AccessToken,
    id_token: &CoreIdToken,
    verifier: &CoreIdTokenVerifier<'_>,
    expected: &AccessTokenHash,
) -> bool {
    let algorithm = id_token.signing_alg().unwrap();
    AccessTokenHash::from_token(token, algorithm, id_token.signing_key(verifier).unwrap()).unwrap() == *expected
}

#[test]
fn somebody_logs_in_goes_on_and_logs_out() {
    let world = World::new();
    let (code, verifier, nonce) = world.login();
    let tokens = world.redeem(code, verifier).unwrap();
    let (id_token, verifier) = (tokens.id_token().unwrap(), world.client.id_token_verifier());
    let claims = id_token.claims(&verifier, &nonce).unwrap();
    assert_eq!(claims.subject().as_str(), "7");
    assert!(is_of(tokens.access_token(), id_token, &verifier, claims.access_token_hash().expect("at_hash")));
    assert!(id_token.claims(&verifier, &Nonce::new_random()).is_err(), "another nonce");

    let userinfo = world.client.user_info(tokens.access_token().clone(), Some(claims.subject().clone())).unwrap();
    let userinfo: CoreUserInfoClaims = userinfo.request(&world.http()).unwrap();
    assert_eq!(userinfo.preferred_username().map(|name| name.as_str()), Some("juan"));
    assert!(world.is_active(tokens.access_token()) && world.may_read(tokens.access_token()));

    let fresh = world.refresh(tokens.refresh_token().unwrap()).unwrap();
    let refresh_token = fresh.refresh_token().unwrap();
    assert_ne!(refresh_token.secret(), tokens.refresh_token().unwrap().secret());
    world.client.revoke_token(refresh_token.clone().into()).unwrap().request(&world.http()).unwrap();
    assert!(!world.is_active(fresh.access_token()) && !world.may_read(fresh.access_token()));
    assert!(world.refresh(refresh_token).unwrap_err().contains("invalid_grant"));

    let left = text(&world.own, "post_logout_redirect_uri");
    let out = LogoutRequest::from(world.end_session.clone())
        .set_id_token_hint(id_token)
        .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(left.clone()).unwrap())
        .set_state(CsrfToken::new("bye".to_owned()))
        .http_get_url();
    assert_eq!(world.person(&out, &[]).as_str(), format!("{left}?state=bye"));
}

#[test]
fn a_client_gets_a_token_of_its_own() {
    let world = World::new();
    let tokens = world.client.exchange_client_credentials().unwrap().request(&world.http()).unwrap();
    assert!(world.is_active(tokens.access_token()) && world.may_read(tokens.access_token()));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let world = World::new();
    let (code, ..) = world.login();
    let (_, other) = PkceCodeChallenge::new_random_sha256();
    assert!(world.redeem(code, other).unwrap_err().contains("invalid_grant"));
    let (url, ..) = world
        .client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .set_pkce_challenge(PkceCodeChallenge::new_random_sha256().0)
        .add_prompt(CoreAuthPrompt::Consent)
        .url();
    assert_eq!(parameter(&world.person(&url, &["--deny"]), "error").as_deref(), Some("access_denied"));
}
