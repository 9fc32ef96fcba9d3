//! What is true of a route: said where it is registered, read by the layers around it and by the OpenAPI document. Neither
//! knows a path.

/// What a route says of itself besides its handlers. One that says nothing is held the most strictly.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub struct Facts {
    /// How long it may take.
    pub deadline: Deadline,
    /// Whose `Idempotency-Key` its `POST` takes.
    pub takes_keys_of: Option<Askers>,
    /// Its requests count to no rate limit, and are never refused for one.
    pub is_unlimited: bool,
    /// It asks for a valid token and for no permission.
    pub is_for_anyone: bool,
    /// How long it computes.
    pub computing: Computing,
    /// It answers without Postgres.
    pub needs_no_postgres: bool,
    /// Pages of any origin may call it, whatever the setting says of the rest: requests carry their proof themselves, and
    /// none that a browser adds.
    pub answers_any_origin: bool,
    /// Its requests may bring the id that they are logged and answered under (`X-Request-ID`).
    pub takes_request_ids: bool,
    /// It is for people in a browser. No other page may read it, whatever the setting says of the rest (RFC 9700 section 2.6).
    pub is_page: bool,
}

/// How long a route computes, waits apart: a core's other connections wait for as long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Computing {
    /// Not for long, if it only reads.
    #[default]
    Usual,
    /// Less than a millisecond.
    Little,
    /// Some milliseconds, or more.
    Long,
}

/// Those whose requests are executed once under one `Idempotency-Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Askers {
    /// Whoever has a valid credential.
    Known,
    /// Anybody.
    Strangers,
}

/// How long a route may take to answer. Whatever only reads has the deadline of questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deadline {
    /// That of changes, which may wait for others to finish theirs.
    #[default]
    Change,
    /// That of questions, also where one is asked by POST.
    Question,
    /// Minutes: it reads a file at its caller's pace.
    File,
}
