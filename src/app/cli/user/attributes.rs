//! Attributes on the command line.

use std::str::FromStr;

use anyhow::bail;

use crate::base::attributes::{AttributeName, AttributeValue, AttributesChange};

/// `NAME=VALUE`; without a value it is taken away.
#[derive(Clone, Debug)]
pub(super) struct NamedAttribute {
    name: AttributeName,
    value: Option<AttributeValue>,
}

impl FromStr for NamedAttribute {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
        let value = if value.is_empty() { None } else { Some(AttributeValue::read(value)?) };
        Ok(Self { name: name.parse()?, value })
    }
}

/// All of them, each once.
pub(super) fn all(attributes: Vec<NamedAttribute>) -> anyhow::Result<AttributesChange> {
    let mut change = AttributesChange::default();
    for NamedAttribute { name, value } in attributes {
        if !change.say(name.clone(), value) {
            bail!("--attribute {name}: given twice");
        }
    }
    Ok(change)
}
