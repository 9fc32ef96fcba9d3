//! The language of policies: what its texts mean, with Postgres and SQLite as witnesses.
//!
//! `POLICY_CASES=100000 cargo test --test policies agree` asks many questions; `POLICY_SEED` asks the same again.

#![allow(clippy::disallowed_methods, reason = "tests look from outside, at the real clock too")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod bombs;
#[path = "../support/cluster.rs"]
#[allow(dead_code, reason = "others say more")]
mod cluster;
mod examples;
mod faults;
mod generate;
mod laws;
mod lite;
mod mangled;
mod oracle;
mod row_security;
mod rows;
#[path = "../support/scratch.rs"]
#[allow(dead_code, reason = "others say more")]
mod scratch;
mod speed;

use cluster::TestDatabase;

/// Two empty databases on one server: the second with the collation of a language, where the server knows any.
async fn databases() -> (TestDatabase, TestDatabase) {
    let plain = TestDatabase::made("encoding 'UTF8'", 2).await.unwrap();
    let foreign = TestDatabase::made("encoding 'UTF8' locale_provider icu icu_locale 'en-US'", 2).await;
    let foreign = match foreign {
        Some(foreign) => foreign,
        None => TestDatabase::made("encoding 'UTF8'", 2).await.unwrap(),
    };
    (plain, foreign)
}

#[tokio::test]
async fn evaluating_filtering_and_postgres_agree() {
    let (plain, foreign) = databases().await;
    let (original, foreign) = (laws::connect(&plain.url).await, laws::connect(&foreign.url).await);
    laws::hold(&mut laws::Postgres { original, foreign }).await;
}

#[tokio::test]
async fn a_services_own_postgres_enforces_them() {
    let (plain, _) = databases().await;
    row_security::enforced(&mut laws::connect(&plain.url).await).await;
}
