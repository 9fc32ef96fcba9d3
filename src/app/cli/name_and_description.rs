//! What services, roles and permissions are called and are for, when that is changed.

use std::error::Error;
use std::str::FromStr;

use crate::base::names::Description;
use crate::base::patch::Patch;

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(super) struct NameAndDescription<N>
where
    N: FromStr + Clone + Send + Sync + 'static,
    N::Err: Into<Box<dyn Error + Send + Sync>>,
{
    /// Its new name; whoever asks by the old one finds nothing.
    #[arg(long, value_parser = str::parse::<N>)]
    name: Option<N>,
    /// What it is for, in one line.
    #[arg(long)]
    description: Option<Description>,
    /// Describe it no longer.
    #[arg(long, conflicts_with = "description")]
    no_description: bool,
}

impl<N> NameAndDescription<N>
where
    N: FromStr + Clone + Send + Sync + 'static,
    N::Err: Into<Box<dyn Error + Send + Sync>>,
{
    /// The new name, if it gets one, and what becomes of its description.
    pub(super) fn split(self) -> (Option<N>, Patch<Description>) {
        let description = match self.description {
            Some(description) => Patch::Set(description),
            None if self.no_description => Patch::Clear,
            None => Patch::Keep,
        };
        (self.name, description)
    }
}
