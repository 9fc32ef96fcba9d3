//! Keys that sign: each published before it is used and for as long as anything that it signed, on every instance.

use std::collections::BTreeSet;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use portero::app::App;
use portero::gate::audit::{Actor, AuditedTx, By, Origin};
use portero::oauth::keys::{Algorithm, TokenType, keep, listen_always, rotate};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::support::Server;

async fn sign(app: &App, algorithm: Algorithm) -> String {
    let claims = json!({"sub": "7"});
    app.keys.sign(&app.db, (algorithm, TokenType::Access), &claims, app.clock.now()).await.expect("signed")
}

async fn signer(app: &App, algorithm: Algorithm) -> String {
    decode_header(&sign(app, algorithm).await).expect("a header").kid.expect("a kid")
}

async fn jwks(app: &App) -> JwkSet {
    let published = app.keys.jwks(&app.db, app.clock.now()).await.expect("keys");
    serde_json::from_slice(published.as_bytes()).expect("a JWK Set")
}

async fn published(app: &App) -> BTreeSet<String> {
    jwks(app).await.keys.into_iter().map(|key| key.common.key_id.expect("a kid")).collect()
}

pub async fn rotated(app: &App, at_once: bool) -> Vec<String> {
    let by = By { actor: Actor::CommandLine, origin: Origin::default(), now: app.clock.now() };
    let tx = AuditedTx::new(app.db.begin().await.expect("a transaction"), by);
    rotate(app, tx, at_once).await.expect("rotated").into_iter().map(|(_, kid)| kid).collect()
}

/// As a client's library does it: by the key that the header names, and by that key's own algorithm.
fn verifies(token: &str, keys: &JwkSet) -> bool {
    let header = decode_header(token).expect("a header");
    let Some(jwk) = header.kid.and_then(|kid| keys.find(&kid).cloned()) else { return false };
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    decode::<Value>(token, &DecodingKey::from_jwk(&jwk).expect("a key"), &validation).is_ok()
}

#[tokio::test]
async fn a_key_is_published_before_it_signs_and_until_all_that_it_signed_is_over() {
    let server = Server::on_a_fresh_database().await;
    let other = server.another_instance().await;
    let (a, b) = (&server.app, &other.app);
    let old = published(a).await;
    assert_eq!((old.len(), &published(b).await), (3, &old));

    let new: BTreeSet<String> = rotated(a, false).await.into_iter().collect();
    let both: BTreeSet<String> = old.union(&new).cloned().collect();
    assert_eq!(published(a).await, both, "at once where it was made");
    a.clock.turn(Duration::seconds(31));
    assert_eq!(published(b).await, both, "and half a minute later elsewhere");

    for instance in [a, b] {
        for algorithm in Algorithm::ALL {
            assert!(old.contains(&signer(instance, algorithm).await), "not yet");
        }
    }
    a.clock.turn(Duration::minutes(10));
    for instance in [a, b] {
        for algorithm in Algorithm::ALL {
            assert!(new.contains(&signer(instance, algorithm).await), "now");
        }
        assert_eq!(published(instance).await, both, "what the old ones signed is still verified");
    }
    a.clock.turn(Duration::hours(26));
    for instance in [a, b] {
        keep(instance).await.expect("kept");
        assert_eq!(published(instance).await, new);
    }
    assert_eq!(server.number("select count(*) from auth.signing_keys").await, 3);
}

#[tokio::test]
async fn no_token_fails_verification_while_keys_are_rotated_under_load() {
    let server = Server::on_a_fresh_database().await;
    let other = server.another_instance().await;
    let instances = [&server.app, &other.app];
    let clock = &server.app.clock;
    let (mut cached, mut signers, mut verified) = (None::<(OffsetDateTime, JwkSet)>, BTreeSet::new(), 0);
    // An hour in steps of 20 s, with a rotation every quarter of an hour, on the one and on the other.
    for step in 0..180 {
        if step % 45 == 5 {
            rotated(instances[(step / 45) % 2], false).await;
        }
        let algorithm = Algorithm::ALL[step % 3];
        let tokens = tokio::join!(sign(instances[0], algorithm), sign(instances[1], algorithm));
        // A verifier keeps what it has read for as long as it may, and asks whichever instance it comes to.
        if cached.as_ref().is_none_or(|(read_at, _)| clock.now() - *read_at >= Duration::minutes(5)) {
            cached = Some((clock.now(), jwks(instances[step % 2]).await));
        }
        let keys = &cached.as_ref().expect("keys").1;
        for token in [tokens.0, tokens.1] {
            assert!(verifies(&token, keys), "step {step}: a token of a key that is not published yet, or not any more");
            signers.insert(decode_header(&token).expect("a header").kid);
            verified += 1;
        }
        clock.turn(Duration::seconds(20));
    }
    assert_eq!((verified, signers.len()), (360, 15), "of three algorithms the first keys and four more");
}

#[tokio::test]
async fn keys_that_somebody_has_got_hold_of_are_gone_at_once() {
    let server = Server::on_a_fresh_database().await;
    let (app, old) = (&server.app, sign(&server.app, Algorithm::ES256).await);
    rotated(app, false).await;
    let new: BTreeSet<String> = rotated(app, true).await.into_iter().collect();
    assert_eq!(published(app).await, new, "neither the old ones nor those that were to come");
    assert!(new.contains(&signer(app, Algorithm::ES256).await));
    assert!(!verifies(&old, &jwks(app).await));
    let read = app.keys.read::<Value>(&app.db, TokenType::Access, &old, app.clock.now()).await.expect("no fault");
    assert_eq!(read, None, "nor do we believe them");
    let told = server.number("select count(*) from auth.audit_events where action = 'signing-keys.rotated'").await;
    assert_eq!(told, 2);
}

#[tokio::test]
async fn an_instance_that_listens_hears_of_other_keys_at_once() {
    let server = Server::on_a_fresh_database().await;
    let other = server.another_instance().await;
    let (a, b) = (&server.app, &other.app);
    let old = published(b).await;
    let listening = tokio::spawn(listen_always(b.oauth.clone()));
    // It listens when it reads anew what it knows, and the clock stands still.
    let heard = "select count(*) from pg_stat_activity
                 where datname = current_database() and query = 'LISTEN \"portero_signing_keys\"'";
    while server.number(heard).await == 0 {
        tokio::task::yield_now().await;
    }
    let new: BTreeSet<String> = rotated(a, true).await.into_iter().collect();
    let mut there = published(b).await;
    while there != new {
        assert_eq!(there, old);
        tokio::task::yield_now().await;
        there = published(b).await;
    }
    for algorithm in Algorithm::ALL {
        assert!(new.contains(&signer(b, algorithm).await));
    }
    listening.abort();
}

#[tokio::test]
async fn of_instances_that_are_first_or_due_at_once_one_makes_the_keys() {
    let server = Server::on_a_fresh_database().await;
    let other = server.another_instance().await;
    let (a, b) = (&server.app, &other.app);
    let signed = tokio::join!(signer(a, Algorithm::RS256), signer(b, Algorithm::RS256), published(a), published(b));
    assert_eq!(signed.0, signed.1);
    assert_eq!(server.number("select count(*) from auth.signing_keys").await, 3);
    a.clock.turn(Duration::days(90));
    let kept = tokio::join!(keep(a), keep(b));
    assert!(kept.0.is_ok() && kept.1.is_ok());
    assert_eq!(server.number("select count(*) from auth.signing_keys").await, 6, "three new ones");
}

#[tokio::test]
async fn a_token_is_read_as_what_it_is_and_by_its_own_key_alone() {
    let server = Server::on_a_fresh_database().await;
    let (app, now) = (&server.app, server.app.clock.now());
    let token = sign(app, Algorithm::ES256).await;
    let read = async |typ, token: &str| app.keys.read::<Value>(&app.db, typ, token, now).await.expect("no fault");
    assert_eq!(read(TokenType::Access, &token).await, Some(json!({"sub": "7"})));
    for typ in [TokenType::Id, TokenType::Logout, TokenType::Introspection] {
        assert_eq!(read(typ, &token).await, None, "{typ:?}");
    }
    let parts: Vec<&str> = token.split('.').collect();
    let kid = decode_header(&token).expect("a header").kid.expect("a kid");
    let with_header = |header: Value| {
        let header = base64(&header.to_string());
        format!("{header}.{}.{}", parts[1], parts[2])
    };
    for forged in [
        format!("{}.{}.", base64(&json!({"alg": "none", "typ": "at+jwt", "kid": kid}).to_string()), parts[1]),
        with_header(json!({"alg": "HS256", "typ": "at+jwt", "kid": kid})),
        with_header(json!({"alg": "RS256", "typ": "at+jwt", "kid": kid})),
        with_header(json!({"alg": "ES256", "typ": "at+jwt", "kid": "another"})),
        with_header(json!({"alg": "ES256", "typ": "at+jwt"})),
        format!("{}.{}.{}", parts[0], base64(r#"{"sub":"1"}"#), parts[2]),
        format!("{}.{}", parts[0], parts[1]),
        String::new(),
    ] {
        assert_eq!(read(TokenType::Access, &forged).await, None, "{forged}");
    }
}

fn base64(text: &str) -> String {
    use base64ct::Encoding;
    base64ct::Base64UrlUnpadded::encode_string(text.as_bytes())
}
