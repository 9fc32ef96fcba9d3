//! What a route says of itself in the OpenAPI document, where its handler can't.

use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::{RefOr, Required, ResponseBuilder, Schema};

/// Adds a response, or its codes to the one that stands.
pub fn answer(operation: &mut Operation, status: &str, codes: &str) {
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut(status) {
        response.description = format!("{codes}, {}", response.description);
    } else {
        let response = ResponseBuilder::new().description(codes).build();
        operation.responses.responses.insert(status.to_owned(), response.into());
    }
}

/// Adds a header that may be sent.
pub fn take_header(operation: &mut Operation, header: &str, description: &str, schema: Schema) {
    let parameter = ParameterBuilder::new()
        .name(header)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build();
    operation.parameters.get_or_insert_default().push(parameter.into());
}
