//! Which client calls? By one way of proving that (RFC 6749 section 2.3), and by the one that it was registered with.
//!
//! Failures are not counted: a secret has 256 random bits, and nobody guesses one.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64ct::{Base64, Encoding};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::assertion;
use super::lookup::{Ask, Known};
use super::{AuthMethod, Client, documents};
use crate::base::opaque::oauth::ClientSecretHash;
use crate::gate::audit::Origin;
use crate::oauth::OAuth;
use crate::oauth::error::{Error, Result};
use crate::oauth::form::Form;

/// The only type of an assertion (RFC 7523 section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The longest id of a client.
const LONGEST_ID: usize = 255;

/// How a request says which client it is from.
#[derive(Debug)]
pub struct Presented {
    client_id: String,
    proof: Proof,
}

enum Proof {
    /// Only a name.
    None,
    /// A secret; `None` if what came can't be one.
    Secret(Option<ClientSecretHash>),
    /// A JWT that the client has signed.
    Assertion(Zeroizing<String>),
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Secret(_) => "Secret(***)",
            Self::Assertion(_) => "Assertion(***)",
        })
    }
}

impl Presented {
    /// Reads what a request came with.
    ///
    /// # Errors
    /// 400 `invalid_request` for more than one way at once; 401 `invalid_client` for none.
    pub fn read(headers: &HeaderMap, form: &Form) -> Result<Self> {
        let basic = basic(headers)?;
        let named = form.get("client_id");
        let (secret, assertion) = (form.get("client_secret"), form.get("client_assertion"));
        if usize::from(basic.is_some()) + usize::from(secret.is_some()) + usize::from(assertion.is_some()) > 1 {
            return Err(Error::invalid_request(
                "the client proves who it is in more than one way: use Authorization, client_secret or client_assertion",
            ));
        }
        let (client_id, proof) = match (basic, secret, assertion, named) {
            (Some((client_id, secret)), ..) => (client_id, secret),
            (_, Some(secret), _, Some(named)) => (named.to_owned(), Proof::Secret(ClientSecretHash::of(secret))),
            (_, _, Some(assertion), _) => {
                if form.require("client_assertion_type")? != JWT_BEARER {
                    return Err(Error::invalid_request("client_assertion_type must be the one for JWTs (RFC 7523)"));
                }
                let issuer = assertion::issuer(assertion).ok_or_else(Error::invalid_client)?;
                (issuer, Proof::Assertion(Zeroizing::new(assertion.to_owned())))
            }
            (_, None, None, Some(named)) => (named.to_owned(), Proof::None),
            _ => return Err(Error::invalid_client()),
        };
        if named.is_some_and(|named| named != client_id) {
            return Err(Error::invalid_request("client_id names another client than the one that proves who it is"));
        }
        if client_id.len() > LONGEST_ID || client_id.contains('\0') {
            return Err(Error::invalid_client());
        }
        Ok(Self { client_id, proof })
    }

    /// What is to be looked up of it.
    pub fn ask(&self, oauth: &OAuth) -> Ask {
        let secret = match &self.proof {
            Proof::Secret(secret) => *secret,
            Proof::None | Proof::Assertion(_) => None,
        };
        Ask { client_id: self.client_id.clone(), secret, now: oauth.clock.now() }
    }

    /// Whether what was looked up proves it.
    ///
    /// # Errors
    /// 401 `invalid_client`.
    pub async fn verify(&self, oauth: &OAuth, origin: &Origin, known: Option<Known>) -> Result<Known> {
        let known = self.as_it_is(oauth, known.ok_or_else(Error::invalid_client)?).await?;
        let client = &known.client;
        let proved = match (&self.proof, client.auth_method) {
            (Proof::None, AuthMethod::None) => true,
            (Proof::Secret(_), AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost) => known.knows_secret,
            (Proof::Assertion(assertion), AuthMethod::PrivateKeyJwt) => {
                Box::pin(assertion::is_good(oauth, client, assertion)).await?
            }
            _ => false,
        };
        if proved && is_at_home(client, origin) { Ok(known) } else { Err(Error::invalid_client()) }
    }
}

impl Presented {
    /// A client of a document as that says now.
    async fn as_it_is(&self, oauth: &OAuth, known: Known) -> Result<Known> {
        let Some(expires_at) = known.client.document_expires_at else { return Ok(known) };
        if oauth.rules.document_service.is_some() && oauth.clock.now() < expires_at {
            return Ok(known);
        }
        Box::pin(documents::find(oauth, &self.client_id)).await?.ok_or_else(Error::invalid_client)?;
        oauth.client_lookups.ask(self.ask(oauth)).await?.ok_or_else(Error::invalid_client)
    }
}

/// The client that calls.
///
/// Unknown, wrong and removed take the same way: one lookup, and the same answer.
///
/// # Errors
/// 400 `invalid_request`; 401 `invalid_client`; 503.
pub async fn authenticate(oauth: &OAuth, origin: &Origin, headers: &HeaderMap, form: &Form) -> Result<Known> {
    let presented = Presented::read(headers, form)?;
    let known = oauth.client_lookups.ask(presented.ask(oauth)).await?;
    presented.verify(oauth, origin, known).await
}

/// Whether a client that is good from this machine only calls from there.
fn is_at_home(client: &Client, origin: &Origin) -> bool {
    !client.loopback_only || origin.is_of_this_machine
}

/// Id and secret of `Authorization: Basic`, each of them form-encoded (RFC 6749 section 2.3.1). An empty secret is none.
fn basic(headers: &HeaderMap) -> Result<Option<(String, Proof)>> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Error::invalid_client());
    }
    let Some((scheme, encoded)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else { return Ok(None) };
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let decoded = Base64::decode_vec(encoded.trim()).map(Zeroizing::new).map_err(|_| Error::invalid_client())?;
    let text = std::str::from_utf8(&decoded).map_err(|_| Error::invalid_client())?;
    let (id, secret) = text.split_once(':').ok_or_else(Error::invalid_client)?;
    let (id, secret) = (form_decoded(id)?, form_decoded(secret)?);
    let proof = if secret.is_empty() { Proof::None } else { Proof::Secret(ClientSecretHash::of(&secret)) };
    Ok(Some((id.to_string(), proof)))
}

fn form_decoded(text: &str) -> Result<Zeroizing<String>> {
    let spaced = Zeroizing::new(text.replace('+', " "));
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| Error::invalid_client())?;
    Ok(Zeroizing::new(decoded.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(authorization: Option<&str>, form: &str) -> std::result::Result<Presented, &'static str> {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value.parse().expect("a header"));
        }
        let form = Form::parse(form.as_bytes()).expect("a form");
        Presented::read(&headers, &form).map_err(|error| error.code)
    }

    fn header(id_and_secret: &str) -> String {
        format!("Basic {}", Base64::encode_string(id_and_secret.as_bytes()))
    }

    #[test]
    fn a_client_says_who_it_is_in_one_way() {
        let basic = read(Some(&header("my%3Aapp:a%2Bb+c")), "").expect("a client");
        assert_eq!(basic.client_id, "my:app");
        assert!(matches!(basic.proof, Proof::Secret(None)), "{basic:?}");
        let public = read(None, "client_id=app").expect("a client");
        assert!(matches!(public.proof, Proof::None), "{public:?}");
        let post = read(None, "client_id=app&client_secret=x").expect("a client");
        assert!(matches!(post.proof, Proof::Secret(None)), "{post:?}");
        assert!(read(Some(&header("app:x")), "client_id=app").is_ok(), "the same name twice does no harm");
        assert!(matches!(read(Some(&header("app:")), "").expect("a client").proof, Proof::None));
    }

    #[test]
    fn more_than_one_way_or_two_names_are_refused() {
        for form in ["client_id=app&client_secret=x", "client_assertion=a", "client_id=other"] {
            assert_eq!(read(Some(&header("app:x")), form).err(), Some("invalid_request"), "{form}");
        }
        assert_eq!(read(None, "client_id=a&client_secret=x&client_assertion=y").err(), Some("invalid_request"));
    }

    #[test]
    fn what_can_not_be_read_is_no_client() {
        for authorization in ["Basic", "Basic !", "Basic YQ==", "Bearer x", &header("a%ff:b")] {
            assert_eq!(read(Some(authorization), "").err(), Some("invalid_client"), "{authorization}");
        }
        assert_eq!(read(None, "client_secret=x").err(), Some("invalid_client"));
        assert_eq!(read(None, "").err(), Some("invalid_client"));
    }
}
