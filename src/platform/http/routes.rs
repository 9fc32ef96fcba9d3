//! How routes are registered: handlers, what the OpenAPI document says of them, and their [`Facts`], in one place.

use std::fmt;

use axum::Router;
use axum::routing::MethodRouter;
use utoipa::openapi::path::{PathItem, Paths};
use utoipa::openapi::{OpenApi, RefOr, Schema};
use utoipa_axum::router::UtoipaMethodRouter;

use super::facts::{Askers, Computing, Deadline, Facts};

/// All that one path answers: what `routes!` makes of its handlers, and what is true of them.
pub struct Route<S> {
    schemas: Vec<(String, RefOr<Schema>)>,
    paths: Paths,
    methods: MethodRouter<S>,
    facts: Facts,
}

impl<S> fmt::Debug for Route<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Route").field(&self.paths.paths.keys()).field(&self.facts).finish()
    }
}

impl<S> From<UtoipaMethodRouter<S>> for Route<S> {
    fn from((schemas, paths, methods): UtoipaMethodRouter<S>) -> Self {
        Self { schemas, paths, methods, facts: Facts::default() }
    }
}

impl<S> Route<S> {
    /// Answers within this time.
    #[must_use]
    pub fn within(mut self, deadline: Deadline) -> Self {
        self.facts.deadline = deadline;
        self
    }

    /// Executes a `POST` once under one `Idempotency-Key`.
    #[must_use]
    pub fn once_of(mut self, askers: Askers) -> Self {
        self.facts.takes_keys_of = Some(askers);
        self
    }

    /// Counts to no rate limit.
    #[must_use]
    pub fn unlimited(mut self) -> Self {
        self.facts.is_unlimited = true;
        self
    }

    /// Asks for a valid token and for no permission.
    #[must_use]
    pub fn for_anyone(mut self) -> Self {
        self.facts.is_for_anyone = true;
        self
    }

    /// May compute for some milliseconds, or more.
    #[must_use]
    pub fn long(mut self) -> Self {
        self.facts.computing = Computing::Long;
        self
    }

    /// Computes for less than a millisecond, and changes something often.
    #[must_use]
    pub fn short(mut self) -> Self {
        self.facts.computing = Computing::Little;
        self
    }

    /// Answers without Postgres.
    #[must_use]
    pub fn without_postgres(mut self) -> Self {
        self.facts.needs_no_postgres = true;
        self
    }

    /// Takes the id of a request from whoever sends it.
    #[must_use]
    pub fn under_ids_of_callers(mut self) -> Self {
        self.facts.takes_request_ids = true;
        self
    }

    /// Answers pages of any origin.
    #[must_use]
    pub fn to_any_origin(mut self) -> Self {
        self.facts.answers_any_origin = true;
        self
    }

    /// The same at another path, which the document does not know.
    #[must_use]
    pub fn moved_to(mut self, path: &str) -> Self {
        self.paths.paths =
            std::mem::take(&mut self.paths.paths).into_values().map(|item| (path.to_owned(), item)).collect();
        self
    }

    /// Says more of itself in the document.
    #[must_use]
    pub fn described(mut self, tell: impl Fn(&mut PathItem)) -> Self {
        self.paths.paths.values_mut().for_each(tell);
        self
    }
}

/// What a room answers.
#[derive(Debug)]
pub struct Routes<S>(Vec<Route<S>>);

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// None yet.
    #[expect(clippy::new_without_default, reason = "only ever the beginning of a list")]
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// One more path, with all its methods: the facts are true of all of them.
    #[must_use]
    pub fn routes(mut self, route: impl Into<Route<S>>) -> Self {
        self.0.push(route.into());
        self
    }

    /// Those of another room, too.
    #[must_use]
    pub fn merge(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The same, as what people see in a browser.
    #[must_use]
    pub fn for_people(mut self) -> Self {
        self.0.iter_mut().for_each(|route| route.facts.is_page = true);
        self
    }

    /// The same, with what their handlers work with.
    pub fn with_state<T>(self, state: &S) -> Routes<T> {
        let with_state = |Route { schemas, paths, methods, facts }: Route<S>| Route {
            methods: methods.with_state(state.clone()),
            schemas,
            paths,
            facts,
        };
        Routes(self.0.into_iter().map(with_state).collect())
    }

    /// Adds them to the document, each completed by what follows from its facts.
    pub fn describe(self, document: &mut OpenApi, complete: impl Fn(&str, &mut PathItem, Facts)) {
        for Route { schemas, paths, facts, .. } in self.0 {
            document.components.get_or_insert_default().schemas.extend(schemas);
            for (path, mut item) in paths.paths {
                complete(&path, &mut item, facts);
                document.paths.paths.insert(path, item);
            }
        }
    }

    /// Adds them to `router`, each within the layers that `around` puts around one of these facts.
    pub fn mount(self, router: Router<S>, around: impl Fn(MethodRouter<S>, Facts) -> MethodRouter<S>) -> Router<S> {
        self.0.into_iter().fold(router, |router, Route { paths, methods, facts, .. }| {
            let methods = around(methods, facts);
            paths.paths.keys().fold(router, |router, path| router.route(path, methods.clone()))
        })
    }
}
