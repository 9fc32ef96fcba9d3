//! Attributes on the command line.

use std::str::FromStr;

use anyhow::bail;

use crate::base::attributes::{AttributeName, AttributeValue, AttributesChange};
use crate::identity::people::WantedAttributes;

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

/// `NAME=VALUE`, to find whoever has it; as a query has it, an empty value is one.
#[derive(Clone, Debug)]
pub(in crate::app::cli) struct WantedAttribute(AttributeName, String);

impl FromStr for WantedAttribute {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
        Ok(Self(name.parse()?, value.to_owned()))
    }
}

/// All that somebody is to have.
pub(super) fn wanted(attributes: Vec<WantedAttribute>) -> anyhow::Result<WantedAttributes> {
    let wanted = attributes.into_iter().map(|WantedAttribute(name, value)| (name, value)).collect();
    WantedAttributes::of(wanted).map_err(anyhow::Error::msg)
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
