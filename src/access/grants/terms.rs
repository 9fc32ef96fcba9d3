use serde::{Deserialize, Deserializer, Serialize};
use time::{Duration, OffsetDateTime};

use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::base::moment::Moment;
use crate::base::names;
use crate::gate::audit::By;
use crate::gate::store::Through;

/// How far ahead an end may be.
const LONGEST: Duration = Duration::days(3653);

names::text_type! {
    /// Why somebody is given something.
    Reason, |text| names::line(text, 500), max: 500, except: "", example: "stands in for Eva until she is back"
}

/// When a grant is to end. Of a field that is null this says another thing than of one that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequestedEnd {
    /// When it did; what is new does not.
    #[default]
    AsItIs,
    /// Not by itself.
    Never,
    At(OffsetDateTime),
}

impl<'de> Deserialize<'de> for RequestedEnd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Never, |Moment(end)| Self::At(end)))
    }
}

/// Why a grant is given. Of a field that is null this says another thing than of one that is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RequestedReason {
    /// As it was said; of what is new, nothing.
    #[default]
    AsItIs,
    /// Nothing any more.
    Unsaid,
    Because(Reason),
}

impl<'de> Deserialize<'de> for RequestedReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Unsaid, Self::Because))
    }
}

impl From<Option<Reason>> for RequestedReason {
    fn from(reason: Option<Reason>) -> Self {
        reason.map_or(Self::AsItIs, Self::Because)
    }
}

impl RequestedEnd {
    /// What was said, if anything was: `None` in it is never.
    pub fn said(self) -> Option<Option<OffsetDateTime>> {
        match self {
            Self::AsItIs => None,
            Self::Never => Some(None),
            Self::At(end) => Some(Some(end)),
        }
    }

    /// The same, if it is possible.
    ///
    /// # Errors
    /// 400 `invalid_request_body` unless it is in the future, and at most ten years ahead.
    pub fn seen_from(self, now: OffsetDateTime) -> Result<Self> {
        match self {
            Self::At(end) if end <= now => {
                Err(Error::invalid_field("expires_at", "must be in the future; this moment has passed"))
            }
            Self::At(end) if end > now + LONGEST => {
                Err(Error::invalid_field("expires_at", "at most ten years ahead; null for never"))
            }
            possible => Ok(possible),
        }
    }
}

/// On which terms somebody is given something, by whom, when.
#[derive(Clone, Debug)]
pub struct RequestedTerms {
    pub end: RequestedEnd,
    pub why: RequestedReason,
    /// By whom; `None` for the command line and for Portero itself.
    pub by: Option<PersonId>,
    pub now: OffsetDateTime,
}

impl RequestedTerms {
    /// What whoever makes a change gives without more words: what stands stays as it is, what is new does not end.
    pub fn of(by: &By) -> Self {
        Self { end: RequestedEnd::AsItIs, why: RequestedReason::AsItIs, by: by.person(), now: by.now }
    }

    /// How long the giver must hold it, where this gives something new, or lengthens or shortens what stands.
    pub fn held_through(&self, current: Option<&GrantTerms>) -> Option<Through> {
        match (self.end, current.map(|current| current.expires_at)) {
            (_, None) => Some(Through::End(self.anew().expires_at)),
            (RequestedEnd::AsItIs, _) | (RequestedEnd::Never, Some(None)) => None,
            (RequestedEnd::Never, Some(Some(_))) | (RequestedEnd::At(_), Some(None)) => Some(Through::End(None)),
            (RequestedEnd::At(end), Some(Some(before))) => {
                (end != before).then_some(Through::End(Some(end.max(before))))
            }
        }
    }

    /// What a grant has afterwards that stood on the terms `before`.
    pub fn over(&self, before: &GrantTerms) -> GrantTerms {
        GrantTerms {
            expires_at: match self.end {
                RequestedEnd::AsItIs => before.expires_at,
                RequestedEnd::Never => None,
                RequestedEnd::At(end) => Some(end),
            },
            reason: match &self.why {
                RequestedReason::AsItIs => before.reason.clone(),
                RequestedReason::Unsaid => None,
                RequestedReason::Because(reason) => Some(reason.as_str().to_owned()),
            },
        }
    }

    /// What a new grant has.
    pub fn anew(&self) -> GrantTerms {
        let expires_at = match self.end {
            RequestedEnd::AsItIs | RequestedEnd::Never => None,
            RequestedEnd::At(end) => Some(end),
        };
        let reason = match &self.why {
            RequestedReason::AsItIs | RequestedReason::Unsaid => None,
            RequestedReason::Because(reason) => Some(reason.as_str().to_owned()),
        };
        GrantTerms { expires_at, reason }
    }
}

/// The terms that a grant stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantTerms {
    /// When it ends, if it does.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    pub reason: Option<String>,
}

impl GrantTerms {
    /// How long somebody must hold what they take away: as long as it was given for.
    pub fn through(&self) -> Through {
        Through::End(self.expires_at)
    }

    pub fn is_over(&self, now: OffsetDateTime) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// What giving did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    /// It had not been held, or no longer: then with the terms of what was over.
    Added {
        /// What was over, and had not been swept up yet.
        over: Option<GrantTerms>,
        now: GrantTerms,
    },
    /// It was held on other terms.
    Changed {
        before: GrantTerms,
        /// The present ones.
        after: GrantTerms,
    },
    /// It was held on these terms.
    Unchanged,
}

impl Granted {
    /// Whether it had not been held.
    pub fn is_new(&self) -> bool {
        matches!(self, Self::Added { .. })
    }

    /// Whether what would have stayed until somebody takes it now ends by itself.
    pub fn ends_what_lasted(&self) -> bool {
        matches!(self, Self::Changed { before, after } if before.expires_at.is_none() && after.expires_at.is_some())
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

    #[test]
    fn an_end_is_in_the_future_and_not_too_far() {
        let asked = |after: Duration| RequestedEnd::At(NOW + after).seen_from(NOW);
        assert_eq!(asked(Duration::SECOND).ok(), Some(RequestedEnd::At(NOW + Duration::SECOND)));
        assert!(asked(LONGEST).is_ok());
        for bad in [Duration::ZERO, -Duration::SECOND, LONGEST + Duration::SECOND] {
            assert!(asked(bad).expect_err("a refusal").to_string().contains("expires_at"));
        }
        for any in [RequestedEnd::AsItIs, RequestedEnd::Never] {
            assert_eq!(any.seen_from(NOW).ok(), Some(any));
        }
    }

    #[test]
    fn null_is_not_nothing() {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default)]
            expires_at: RequestedEnd,
        }
        let read = |json| serde_json::from_str::<Body>(json).expect("a body").expires_at;
        assert_eq!(read("{}"), RequestedEnd::AsItIs);
        assert_eq!(read(r#"{"expires_at": null}"#), RequestedEnd::Never);
        assert_eq!(read(r#"{"expires_at": "2026-11-22T12:00:00Z"}"#), RequestedEnd::At(NOW));
    }

    #[test]
    fn what_is_new_or_ends_at_another_time_needs_a_giver_who_holds_it_as_long() {
        let (soon, late) = (NOW + Duration::HOUR, NOW + Duration::DAY);
        let new = |end| RequestedTerms { end, why: RequestedReason::AsItIs, by: None, now: NOW }.held_through(None);
        assert_eq!(new(RequestedEnd::AsItIs), Some(Through::End(None)));
        assert_eq!(new(RequestedEnd::Never), Some(Through::End(None)));
        assert_eq!(new(RequestedEnd::At(soon)), Some(Through::End(Some(soon))));
        let other = |end, expires_at| {
            RequestedTerms { end, why: RequestedReason::AsItIs, by: None, now: NOW }
                .held_through(Some(&GrantTerms { expires_at, reason: None }))
        };
        assert_eq!(other(RequestedEnd::AsItIs, Some(soon)), None);
        assert_eq!(other(RequestedEnd::Never, Some(soon)), Some(Through::End(None)));
        assert_eq!(other(RequestedEnd::At(late), Some(soon)), Some(Through::End(Some(late))));
        assert_eq!(other(RequestedEnd::At(soon), Some(late)), Some(Through::End(Some(late))));
        assert_eq!(other(RequestedEnd::At(late), Some(late)), None);
        assert_eq!(other(RequestedEnd::At(late), None), Some(Through::End(None)));
        assert_eq!(other(RequestedEnd::Never, None), None);
    }
}
