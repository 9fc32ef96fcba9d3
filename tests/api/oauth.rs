//! OAuth 2.1 and OpenID Connect, as clients see them.

mod authentication;
mod checks;
mod client_credentials;
mod code;
mod introspection;
mod lifecycle;
mod pkce;
mod races;
mod refresh;
mod revocation;
mod strangers;
mod userinfo;
