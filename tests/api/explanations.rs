//! Why, who, and what if: decisions explained down to who granted what, looked for, and simulated.

mod differences;
mod resources;
mod simulated;
mod who;
mod why;

use serde_json::{Value, json};

use crate::support::{Caller, Response};

/// Explains whether somebody may do this to an invoice with these properties.
async fn explain(by: &Caller, subject: &str, action: &str, properties: Value) -> Response {
    by.post(&at(by, "explain"), crate::authzen::question(subject, action, properties)).await.ok()
}

/// A path of decisions, with the service where it is no backend that asks.
fn at(by: &Caller, path: &str) -> String {
    let service = if by.username.is_empty() { "" } else { "?service=1" };
    format!("/access/v1/{path}{service}")
}

/// The parts of the first policy: text and value, or what is wrong.
fn parts(answer: &Response) -> Vec<(String, Value)> {
    let parts = answer.body["policies"][0]["parts"].as_array().expect("parts");
    let shown = parts.iter().map(|part| {
        let value = part.get("value").or_else(|| part.get("error")).cloned().unwrap_or(json!("hidden"));
        (part["text"].as_str().expect("a text").to_owned(), value)
    });
    shown.collect()
}

/// Whether one of the texts of a list says this.
fn says(list: &Value, text: &str) -> bool {
    let list = list.as_array().expect("a list");
    list.iter().any(|one| one.as_str().is_some_and(|said| said.contains(text)))
}
