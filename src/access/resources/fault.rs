//! What is wrong with a resource in its place among others.

use serde::Serialize;
use utoipa::ToSchema;

use super::ResourceName;
use super::tree::MOST_ABOVE;
use crate::base::error::Error;

/// Why a resource can't lie where it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its parent is not there.
    NoParent(ResourceName),
    /// It would be beneath itself: the way up, the first again at its end.
    Circle(Vec<ResourceName>),
    /// It would be beneath too many.
    TooDeep,
    /// The same resource stands in an earlier line.
    Twice(usize),
}

impl Fault {
    /// The field at fault, and what is wrong with it.
    pub fn told(&self) -> (&'static str, String) {
        match self {
            Self::NoParent(name) => ("parent", format!("the service has no {name}: create it first")),
            Self::Circle(way) => ("parent", format!("it would be beneath itself: {}", shown(way))),
            Self::TooDeep => ("parent", format!("it would be beneath more than {MOST_ABOVE} others")),
            Self::Twice(line) => ("id", format!("it is in line {line}, too")),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let (field, what) = fault.told();
        match fault {
            Fault::Circle(way) => {
                let circle: Vec<String> = way.iter().map(ToString::to_string).collect();
                Self::conflict("resource_circle", what).with("circle", circle)
            }
            Fault::TooDeep => too_deep(),
            Fault::NoParent(_) | Fault::Twice(_) => Self::invalid_field(field, &what),
        }
    }
}

/// 409 `resource_too_deep`.
pub fn too_deep() -> Error {
    let detail = format!("something would be beneath more than {MOST_ABOVE} others: make the tree flatter");
    Error::conflict("resource_too_deep", detail)
}

fn shown(way: &[ResourceName]) -> String {
    way.iter().map(ToString::to_string).collect::<Vec<_>>().join(" is in ")
}

/// A fault in a line of many.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ResourceFault)]
pub struct LineFault {
    /// Its number.
    #[schema(example = 3)]
    pub line: usize,
    /// The field at fault, if the fault is in one.
    #[schema(example = "parent")]
    pub field: Option<String>,
    /// What is wrong.
    #[serde(rename = "fault")]
    #[schema(example = "the service has no folder `7`: create it first, or in the same file")]
    pub what: String,
}

impl LineFault {
    pub(super) fn of(line: usize, fault: &Fault) -> Self {
        let (field, mut what) = fault.told();
        if matches!(fault, Fault::NoParent(_)) {
            what.push_str(", or in the same file");
        }
        Self { line, field: Some(field.to_owned()), what }
    }
}
