//! OAuth 2.1 and OpenID Connect, as clients see them.

mod authentication;
mod checks;
mod client_credentials;
mod code;
mod dpop;
mod exchange;
mod introspection;
mod lifecycle;
mod password;
mod pkce;
mod races;
mod refresh;
mod remote_keys;
mod renames;
mod revocation;
mod signed_introspection;
mod strangers;
mod userinfo;
