//! Headers that several operations take or answer.

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Required, Schema};

use super::add;
use crate::gate::idempotency;

/// Resources whose states have tags.
const TAGGED: [&str; 4] = ["/users/{id}", "/roles/{id}", "/permissions/{id}", "/services/{id}"];

/// `ETag` and `If-Match`, where a resource has them.
pub(super) fn tell_states(path: &str, item: &mut PathItem) {
    if !TAGGED.contains(&path) {
        return;
    }
    for operation in [&mut item.get, &mut item.patch].into_iter().flatten() {
        if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") {
            let etag =
                HeaderBuilder::new().schema(Some(text())).description(Some("the tag of the state shown")).build();
            response.headers.insert("ETag".to_owned(), etag.into());
        }
    }
    for operation in [&mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten() {
        take(operation, "If-Match", "`ETag`s of which the resource must match one, or `*`; otherwise 412", text());
        add(operation, "400", "`invalid_header`");
        add(operation, "412", "`precondition_failed`");
    }
}

/// `Idempotency-Key`, where it counts.
pub(super) fn tell_keys(path: &str, item: &mut PathItem) {
    let of_strangers = idempotency::OF_STRANGERS.contains(&path);
    let counts = idempotency::ROUTES.contains(&path) || of_strangers;
    let shortest = if of_strangers { idempotency::SHORTEST_OF_STRANGERS } else { 1 };
    let (true, Some(operation)) = (counts, item.post.as_mut()) else { return };
    // Any printable ASCII is taken, but spaces at the ends don't survive HTTP.
    let key = ObjectBuilder::new().schema_type(Type::String).min_length(Some(shortest));
    let key = key.max_length(Some(idempotency::LONGEST)).pattern(Some("^[!-~]+$")).into();
    let description = "a unique name for this request, best a random UUID: repeated with it within a day, the request is \
                       not executed again and returns the same answer";
    take(operation, "Idempotency-Key", description, key);
    add(operation, "400", "`invalid_idempotency_key`");
    add(operation, "409", "`idempotency_key_in_use`, `idempotency_answer_lost`");
    add(operation, "422", "`idempotency_key_reused`");
    add(operation, "429", "`too_many_idempotency_keys`");
}

/// `X-Total-Count`, where a list is counted.
pub(super) fn tell_totals(item: &mut PathItem) {
    let Some(operation) = item.get.as_mut() else { return };
    let counts = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(parameter) if parameter.name == "count");
    if !operation.parameters.iter().flatten().any(counts) {
        return;
    }
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") {
        let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build();
        let description = "with `count=true`: how many rows the list has on all its pages";
        let total = HeaderBuilder::new().schema(Some(number)).description(Some(description)).build();
        response.headers.insert("X-Total-Count".to_owned(), total.into());
    }
}

fn take(operation: &mut Operation, header: &str, description: &str, schema: Schema) {
    let parameter = ParameterBuilder::new()
        .name(header)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build();
    operation.parameters.get_or_insert_default().push(parameter.into());
}

fn text() -> Schema {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).into()
}
