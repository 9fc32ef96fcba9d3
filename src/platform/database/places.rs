//! Many questions as columns, and their answers by place.

use std::collections::HashMap;
use std::hash::Hash;

use crate::base::error::{Error, Result};

/// What Postgres takes apart again by `unnest`: one value of each that was asked.
pub fn column<A, T>(asked: &[A], of: impl Fn(&A) -> T) -> Vec<T> {
    asked.iter().map(of).collect()
}

/// The index of what Postgres has numbered `with ordinality`, from 1.
pub fn index(ordinality: i64) -> Result<usize> {
    usize::try_from(ordinality - 1).map_err(|error| Error::Internal(error.into()))
}

/// For each that was asked, in their order, the answer that Postgres has numbered like it, if there is one.
pub fn by_place<A, T>(asked: &[A], answers: impl IntoIterator<Item = (i64, T)>) -> Result<Vec<Option<T>>> {
    let mut in_order = Vec::new();
    in_order.resize_with(asked.len(), || None);
    for (ordinality, answer) in answers {
        let place = in_order.get_mut(index(ordinality)?);
        *place.ok_or_else(|| Error::Internal(anyhow::anyhow!("an answer that nobody asked for")))? = Some(answer);
    }
    Ok(in_order)
}

/// Each different key once, and for each of `keys` its place among those.
pub fn distinct<K: Copy + Hash + Eq>(keys: impl Iterator<Item = K>) -> (Vec<K>, Vec<usize>) {
    let mut places = HashMap::with_capacity(keys.size_hint().0);
    let mut once = Vec::with_capacity(keys.size_hint().0);
    let of_each = keys
        .map(|key| {
            *places.entry(key).or_insert_with(|| {
                once.push(key);
                once.len() - 1
            })
        })
        .collect();
    (once, of_each)
}
