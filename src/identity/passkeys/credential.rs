use serde_json::json;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// What a browser answers of a passkey, as the document describes it: `RegistrationResponseJSON`, or `AuthenticationResponseJSON`.
#[derive(Debug)]
pub enum PasskeyCredential {}

impl PartialSchema for PasskeyCredential {
    fn schema() -> RefOr<Schema> {
        let credential = ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(true)));
        let example = json!({
            "id": "qPy9s1BFT0yJcZ0Gg2rZ5A", "rawId": "qPy9s1BFT0yJcZ0Gg2rZ5A", "type": "public-key",
            "clientExtensionResults": {}, "response": {"clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0"},
        });
        credential.description(Some("as the standard has it: `credential.toJSON()`")).examples([example]).into()
    }
}

impl ToSchema for PasskeyCredential {}
