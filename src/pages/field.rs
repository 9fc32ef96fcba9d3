//! The fields of forms: what stands in them, and what is wrong with it. What was typed stays, but for passwords.

use std::borrow::Cow;

use askama::Template;
use axum::http::StatusCode;

use super::page::sentence_of;
use super::words::{Words, named};
use crate::base::error::{Error, Result};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;

/// No field takes more characters.
const LONGEST: usize = 1000;

/// A field, with its label.
#[derive(Debug, Template)]
#[template(path = "pages/field.html")]
pub struct Field<'a> {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    autocomplete: &'static str,
    value: Cow<'a, str>,
    hint: Option<Cow<'a, str>>,
    fault: Option<&'a str>,
    is_required: bool,
    has_caret: bool,
    has_digits: bool,
}

impl Field<'_> {
    /// Of another kind than a line of text: `email`, `tel`, `url`.
    #[must_use]
    pub fn of_kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// What browsers fill in by themselves (WCAG 2.2, 1.3.5).
    #[must_use]
    pub fn filled_with(mut self, autocomplete: &'static str) -> Self {
        self.autocomplete = autocomplete;
        self
    }

    /// May be left empty.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.is_required = false;
        self
    }

    /// What to know before one types.
    #[must_use]
    pub fn hinting(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A code, which phones show digits for.
    #[must_use]
    pub fn digits(mut self) -> Self {
        self.has_digits = true;
        self.value = Cow::Borrowed("");
        self
    }

    /// What stands in it.
    pub fn value(&self) -> &str {
        &self.value
    }

    fn described_by(&self) -> String {
        let hint = self.hint.is_some().then(|| format!("{}-hint", self.name));
        let fault = self.fault.is_some().then(|| format!("{}-error", self.name));
        fault.into_iter().chain(hint).collect::<Vec<_>>().join(" ")
    }

    /// Whether it has several lines.
    fn is_long(&self) -> bool {
        self.kind == "lines"
    }

    fn is_name(&self) -> bool {
        matches!(self.autocomplete, "username" | "email")
    }
}

/// What is wrong with a form: each fault is of a field, or of none.
#[derive(Debug, Default)]
pub struct Faults {
    all: Vec<(&'static str, Cow<'static, str>)>,
    error: Option<Error>,
}

impl Faults {
    /// One of a field; the first that is told of it stands.
    pub fn add(&mut self, field: &'static str, sentence: impl Into<Cow<'static, str>>) {
        if self.of(field).is_none() {
            self.all.push((field, sentence.into()));
        }
    }

    /// Forgets all but those of one field.
    pub fn only(&mut self, field: &str) {
        self.all.retain(|(own, _)| *own == field);
    }

    /// Whether there are none.
    pub fn are_none(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether none is of a field.
    fn are_of_no_field(&self) -> bool {
        self.all.iter().all(|(own, _)| own.is_empty())
    }

    /// Whether it is the first field with one: where the caret goes.
    pub fn is_first(&self, field: &str) -> bool {
        self.all.iter().map(|(own, _)| *own).find(|own| !own.is_empty()) == Some(field)
    }

    /// What is wrong with a field.
    pub fn of(&self, field: &str) -> Option<&str> {
        self.all.iter().find(|(own, _)| *own == field).map(|(_, sentence)| &**sentence)
    }

    /// What is wrong with the form as a whole.
    pub fn of_all(&self) -> Option<&str> {
        self.of("")
    }

    /// All of it, for the title of the page: the first thing that a screen reader says.
    pub fn said(&self) -> String {
        self.all.iter().flat_map(|(_, sentence)| [sentence, " "]).collect()
    }

    /// What an act has refused, at the field of this form that it is about.
    ///
    /// # Errors
    /// What is no fault of a form's: ours, and that the session has ended.
    pub fn told(error: Error, (pages, words): (&Pages, &Words), fields: &[&'static str]) -> Result<Self> {
        let Error::Refused(refusal) = &error else { return Err(error) };
        if refusal.status == StatusCode::UNAUTHORIZED {
            return Err(error);
        }
        let rules = &words.account.rules;
        let named_field = refusal.detail.strip_prefix('`').and_then(|rest| rest.split('`').next()).unwrap_or_default();
        let (field, sentence): (&str, Cow<'static, str>) = match refusal.code {
            "invalid_current_password" => ("current_password", rules.wrong_password.into()),
            "reauthentication_required" => ("current_password", rules.password_needed.into()),
            "user_exists" => ("username", rules.username_taken.into()),
            "email_taken" => ("email", rules.email_taken.into()),
            "mail_not_configured" => ("email", rules.no_mail.into()),
            "too_many_mails" => ("email", rules.too_many_mails.into()),
            "too_many_changes" => ("", rules.too_many_changes.into()),
            "invalid_code" => ("code", words.security.wrong_codes.into()),
            "mfa_required" => ("code", words.say_code.into()),
            "second_factor_required" => ("", words.security.needed.into()),
            "too_many_factors" | "too_many_passkeys" => ("", words.security.too_many.into()),
            "insufficient_permissions" => ("scopes", words.account.keys.not_held.into()),
            "too_many_keys" => ("", words.account.keys.too_many.into()),
            "last_way_in" => ("", words.security.last_way_in.into()),
            "passkey_refused" => ("", words.faults.passkey_refused.into()),
            "invalid_passkey" | "passkey_exists" => ("", words.security.passkey_invalid.into()),
            "passkeys_unavailable" => ("", words.security.passkeys_unavailable.into()),
            "invalid_invitation" => ("", rules.invalid_invitation.into()),
            "registration_closed" => ("", rules.registration_closed.into()),
            "invalid_reset_token" | "invalid_verification_token" => ("", rules.link_is_over.into()),
            _ if named_field.ends_with("password") && refusal.member("feedback").is_some() => {
                (named_field, rules.guessable.into())
            }
            _ if named_field.ends_with("password") => (named_field, new_password(pages, words).into()),
            _ => (named_field, rule_of(named_field, words).unwrap_or_else(|| sentence_of(&error, words)).into()),
        };
        let field = fields.iter().copied().find(|own| *own == field).unwrap_or_default();
        Ok(Self { all: vec![(field, sentence)], error: Some(error) })
    }

    /// What an act has refused, in a sentence of this form's own.
    pub fn refused(error: Error, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { all: vec![("", sentence.into())], error: Some(error) }
    }

    /// What is answered with them, if it is not as it should be.
    pub fn error(self) -> Option<Error> {
        self.error
    }

    /// The status of the page that tells of them.
    pub fn status(&self) -> StatusCode {
        match &self.error {
            Some(error) => super::page::page_status(error),
            None if self.are_none() => StatusCode::OK,
            None => StatusCode::BAD_REQUEST,
        }
    }
}

/// What a new password has to be.
pub fn new_password(pages: &Pages, words: &Words) -> String {
    named(words.account.rules.new_password, &pages.judge.policy().min_length.to_string())
}

/// What may stand in a field.
pub fn rule_of(field: &str, words: &Words) -> Option<&'static str> {
    let rules = &words.account.rules;
    Some(match field {
        "username" => rules.username,
        "name" => rules.name,
        "email" => rules.email,
        "expires_at" => words.account.keys.expires_at_rule,
        "networks" => words.account.keys.networks_rule,
        "scopes" => words.account.keys.scopes_rule,
        _ => return None,
    })
}

/// What a form holds: what was typed, or what stands.
#[derive(Clone, Copy, Debug)]
pub struct Filled<'a> {
    /// What was typed, if the form was sent.
    pub typed: Option<&'a Parameters>,
    /// What is wrong with it.
    pub faults: &'a Faults,
    /// Where the caret is where nothing is wrong.
    pub caret: Option<&'static str>,
}

impl<'a> Filled<'a> {
    /// A field of it.
    pub fn field(&self, name: &'static str, label: &'static str, stands: Option<&'a str>) -> Field<'a> {
        let value = match self.typed {
            Some(typed) => typed.one(name),
            None => stands,
        };
        Field {
            name,
            label,
            kind: "text",
            autocomplete: "off",
            value: value.unwrap_or_default().into(),
            hint: None,
            fault: self.faults.of(name),
            is_required: true,
            has_caret: self.faults.is_first(name) || self.caret == Some(name) && self.faults.are_of_no_field(),
            has_digits: false,
        }
    }

    /// One for a password: never filled in.
    pub fn password(&self, name: &'static str, label: &'static str, autocomplete: &'static str) -> Field<'a> {
        Field {
            value: Cow::Borrowed(""),
            ..self.field(name, label, None).of_kind("password").filled_with(autocomplete)
        }
    }
}
