use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::base::error::Error;

/// What a query says; 400 `invalid_query` where it can't be read.
pub fn query<T: DeserializeOwned>(parts: &Parts) -> Result<T, Error> {
    let query = axum::extract::Query::try_from_uri(&parts.uri);
    query.map(|query| query.0).map_err(|rejection| Error::bad_request("invalid_query", rejection.body_text()))
}
