use utoipa::openapi::path::PathItem;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::{LONGEST, SHORTEST_OF_STRANGERS};
use crate::platform::http::operation::{answer, take_header};
use crate::platform::http::{Askers, Route};

/// Routes whose `POST` is done once under one key, of whoever has a valid credential: it makes something, or a second one
/// would fail.
pub fn once<S>(route: impl Into<Route<S>>) -> Route<S> {
    once_of(route.into(), Askers::Known, 1)
}

/// Likewise of strangers, whom only their address tells apart.
pub fn once_of_strangers<S>(route: impl Into<Route<S>>) -> Route<S> {
    once_of(route.into(), Askers::Strangers, SHORTEST_OF_STRANGERS)
}

fn once_of<S>(route: Route<S>, askers: Askers, shortest: usize) -> Route<S> {
    route.once_of(askers).described(|item| tell(item, shortest))
}

fn tell(item: &mut PathItem, shortest: usize) {
    let Some(operation) = item.post.as_mut() else { return };
    // Any printable ASCII is taken, but spaces at the ends don't survive HTTP.
    let key = ObjectBuilder::new().schema_type(Type::String).min_length(Some(shortest));
    let key = key.max_length(Some(LONGEST)).pattern(Some("^[!-~]+$")).into();
    let description = "a unique name for this request, best a random UUID: repeated with it within a day, the request is \
                       not executed again and returns the same answer";
    take_header(operation, "Idempotency-Key", description, key);
    answer(operation, "400", "`invalid_idempotency_key`");
    answer(operation, "409", "`idempotency_key_in_use`, `idempotency_answer_lost`");
    answer(operation, "422", "`idempotency_key_reused`");
    answer(operation, "429", "`too_many_idempotency_keys`");
}
