//! PKCE (RFC 7636): a verifier and a challenge belong together, and nothing stands in for either.

use crate::support::Server;
use crate::support::oauth::{CHALLENGE, NewAuthorization, NewClient, REDIRECT_URI, VERIFIER};

#[tokio::test]
async fn the_matrix_of_downgrades() {
    let server = Server::on_the_demo_data().await;
    let confidential = server.client(NewClient::default()).await;
    let public = server.client(NewClient { client_id: "public", ..NewClient::public() }).await;
    let (other, longer, foreign) = ("a".repeat(43), format!("{VERIFIER}{}", "a".repeat(100)), "ñ".repeat(43));
    let verifiers = [
        (None, "none"),
        (Some(VERIFIER), "the right one"),
        (Some(CHALLENGE), "the challenge itself, as `plain` would have it"),
        (Some(other.as_str()), "another"),
        (Some(longer.as_str()), "too long"),
        (Some(&VERIFIER[..42]), "too short"),
        (Some(foreign.as_str()), "other letters"),
    ];
    for client in [&confidential, &public] {
        for challenge in [None, Some(CHALLENGE), Some(VERIFIER)] {
            let new = NewAuthorization { challenge, ..NewAuthorization::default() };
            let code = server.authorize(client, 7, new).await;
            let mut taken = Vec::new();
            for (verifier, what) in verifiers {
                let form =
                    [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", REDIRECT_URI)];
                let form: Vec<_> = form.into_iter().chain(verifier.map(|text| ("code_verifier", text))).collect();
                let is_right = match challenge {
                    None => verifier.is_none(),
                    Some(challenge) => challenge == CHALLENGE && verifier == Some(VERIFIER),
                };
                if is_right {
                    taken.push((form, what));
                    continue;
                }
                let form: Vec<(&str, &str)> = form;
                assert_eq!(client.token(&form).await.refusal(), (400, "invalid_grant"), "{challenge:?}: {what}");
            }
            for (form, what) in taken {
                assert_eq!(client.token(&form).await.status, 200, "{challenge:?}: {what}");
            }
        }
    }
}
