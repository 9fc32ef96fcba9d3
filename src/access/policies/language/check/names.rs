//! What names and functions mean.

use super::{Checker, How, Learning, Read, Typed};
use crate::access::policies::language::fault::{Failure, Span, meant};
use crate::access::policies::language::node::{Fact, Kind, List, ListSource, Node, Source};
use crate::access::policies::language::raw::{Raw, RawKind};
use crate::access::policies::language::types::Type;
use crate::access::policies::language::value::Value;

const FACTS: [&str; 9] =
    ["id", "username", "is_admin", "is_authenticated", "roles", "permissions", "groups", "resources", "attributes"];
/// What people have besides, and policies can't ask for.
const NOT_TOLD: [&str; 7] =
    ["name", "email", "locale", "person_type", "document_type", "document_number", "disabled_at"];
const FUNCTIONS: [&str; 4] = ["coalesce", "lower", "upper", "now"];

/// Whose name that is.
enum Named<'a> {
    Slot(Source, &'a str),
    Fact(Fact),
    List(ListSource),
}

impl Checker<'_> {
    pub(super) fn name(&mut self, parts: &[String], at: Span) -> Read<Typed> {
        match self.named(parts, at)? {
            Named::Fact(fact) => {
                Ok(Typed { node: Node { kind: Kind::Fact(fact), of: fact.kind(), at }, how: How::Known })
            }
            Named::List(_) => {
                let name = parts.join(".");
                Err(Failure::at(at, format!("{name} is a list: write 'value' = any({name})")))
            }
            Named::Slot(source, name) => {
                let slot = self.slot(source, name, at)?;
                self.read(slot, at)
            }
        }
    }

    fn read(&mut self, slot: usize, at: Span) -> Read<Typed> {
        let learning = &mut self.slots[slot];
        if *learning.list.get_or_insert(false) {
            let name = learning.source.written(&learning.name);
            return Err(Failure::at(at, format!("{name} is a list: write value = any(…)")));
        }
        let how = if learning.kind.is_some() { How::Known } else { How::Open(slot) };
        let of = learning.kind.unwrap_or(Type::Any);
        Ok(Typed { node: Node { kind: Kind::Read(slot), of, at }, how })
    }

    fn named<'n>(&self, parts: &'n [String], at: Span) -> Read<Named<'n>> {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        Ok(match parts.as_slice() {
            ["auth_user"] => return Err(Failure::at(at, "auth_user needs a point and what of it: auth_user.id")),
            ["context"] => return Err(Failure::at(at, "context needs a point and what of it: context.address")),
            ["auth_user", "attributes", name] => Named::Slot(Source::Attribute, name),
            ["auth_user", fact] => return self.fact(fact, at),
            ["context", "time"] => Named::Fact(Fact::Now),
            ["context", "address"] => Named::Fact(Fact::Address),
            ["context", name] => Named::Slot(Source::Passed, name),
            [name] => Named::Slot(Source::Column, name),
            [first, ..] => {
                let meant = meant(first, ["auth_user", "context"]);
                return Err(Failure::at(at, format!("a column is written by its name alone, without {first}.{meant}")));
            }
            [] => return Err(Failure::at(at, "a name is missing")),
        })
    }

    fn fact<'n>(&self, name: &'n str, at: Span) -> Read<Named<'n>> {
        Ok(match name {
            "id" => Named::Fact(Fact::Id),
            "username" => Named::Fact(Fact::Username),
            "is_admin" => Named::Fact(Fact::IsAdmin),
            "is_authenticated" => Named::Fact(Fact::IsAuthenticated),
            "roles" => Named::List(ListSource::Roles),
            "permissions" => Named::List(ListSource::Permissions),
            "groups" => Named::List(ListSource::Groups),
            "resources" => return Err(Failure::at(at, "write auth_user.resources('type', 'permission')")),
            "attributes" => return Err(Failure::at(at, "write auth_user.attributes.name, or auth_user.name")),
            name if self.declared.attributes().iter().any(|known| known == name) => {
                Named::Slot(Source::Attribute, name)
            }
            name => {
                let meant = meant(name, self.declared.attributes().iter().map(String::as_str).chain(FACTS));
                if !meant.is_empty() || NOT_TOLD.contains(&name) {
                    let explicit = format!("; an attribute of that name is written auth_user.attributes.{name}");
                    return Err(Failure::at(at, format!("auth_user has no {name}{meant}{explicit}")));
                }
                Named::Slot(Source::Attribute, name)
            }
        })
    }

    fn slot(&mut self, source: Source, name: &str, at: Span) -> Read<usize> {
        let known = self.slots.iter().position(|slot| slot.source == source && *slot.name == *name);
        if let Some(known) = known {
            return Ok(known);
        }
        let declared = if source == Source::Column { self.declared.column(name) } else { None };
        if source == Source::Column && declared.is_none() && self.declared.has_columns() {
            let meant = meant(name, self.declared.column_names());
            return Err(Failure::at(at, format!("there is no column {name}{meant}")));
        }
        self.slots.push(Learning {
            source,
            name: name.into(),
            kind: declared.map(|kind| kind.element),
            list: declared.map(|kind| kind.list),
            is_declared: declared.is_some(),
            hint: None,
        });
        Ok(self.slots.len() - 1)
    }

    /// What stands in `any(…)`, and the type of its elements, where that is known.
    pub(super) fn list(&mut self, raw: &Raw, of: &mut Typed) -> Read<List> {
        let at = raw.at;
        let (source, element) = match &raw.kind {
            RawKind::Array(values) => return self.values(values, of, at),
            RawKind::Name(parts) => match self.named(parts, at)? {
                Named::List(source) => (source, Some(Type::Text)),
                Named::Slot(source, name) => {
                    let slot = self.slot(source, name, at)?;
                    return self.list_slot(slot, of, at);
                }
                Named::Fact(_) => return Err(Failure::at(at, "this is one value: write = without any")),
            },
            RawKind::Call(name, arguments) if *name == ["auth_user", "resources"] => {
                (ListSource::Resources(self.resources(arguments, at)?), None)
            }
            RawKind::Text(_) => return Err(Failure::at(at, "write a list as array['a', 'b']")),
            _ => return Err(Failure::at(at, "any takes auth_user.roles, a list, or array['a', 'b']")),
        };
        let mut elements =
            Typed { node: Node::constant(Value::Null, element.unwrap_or(Type::Any), at), how: How::Known };
        let mut element = self.settle(&mut [of, &mut elements])?;
        if element == Type::Any {
            // Ids of resources are texts. What they are compared with is one, too, as long as nothing else says what it is.
            let node = std::mem::replace(&mut of.node, Node::constant(Value::Null, Type::Text, at));
            let place = node.at;
            of.node = Node { kind: Kind::Cast(Box::new(node)), of: Type::Text, at: place };
            element = Type::Text;
        }
        Ok(List { source, element, at })
    }

    fn list_slot(&mut self, slot: usize, of: &mut Typed, at: Span) -> Read<List> {
        let learning = &mut self.slots[slot];
        if !*learning.list.get_or_insert(true) {
            let name = learning.source.written(&learning.name);
            return Err(Failure::at(at, format!("{name} is one value, not a list: write = without any")));
        }
        let how = if learning.kind.is_some() { How::Known } else { How::Open(slot) };
        let kind = learning.kind.unwrap_or(Type::Any);
        let mut elements = Typed { node: Node { kind: Kind::Read(slot), of: kind, at }, how };
        self.settle(&mut [of, &mut elements])?;
        Ok(List { source: ListSource::Read(slot), element: elements.node.of, at })
    }

    pub(super) fn values(&mut self, values: &[Raw], of: &mut Typed, at: Span) -> Read<List> {
        let mut values = values.iter().map(|value| self.build(value)).collect::<Read<Vec<_>>>()?;
        let mut all: Vec<&mut Typed> = std::iter::once(of).chain(&mut values).collect();
        let element = self.settle(&mut all)?;
        Ok(List { source: ListSource::Values(values.into_iter().map(|value| value.node).collect()), element, at })
    }

    fn resources(&mut self, arguments: &[Raw], at: Span) -> Read<usize> {
        let [Raw { kind: RawKind::Text(kind), .. }, Raw { kind: RawKind::Text(permission), .. }] = arguments else {
            return Err(Failure::at(at, "write auth_user.resources('type', 'permission'), both in quotes"));
        };
        let pair = (kind.as_str().into(), permission.as_str().into());
        let known = self.resources.iter().position(|known| *known == pair);
        Ok(known.unwrap_or_else(|| {
            self.resources.push(pair);
            self.resources.len() - 1
        }))
    }

    pub(super) fn call(&mut self, name: &[String], arguments: &[Raw], at: Span) -> Read<Typed> {
        let written = name.join(".");
        let count = |expected: &str| Err(Failure::at(at, format!("{written} takes {expected}")));
        let node = match (written.as_str(), arguments) {
            ("now", []) => Node { kind: Kind::Fact(Fact::Now), of: Type::Timestamptz, at },
            ("now", _) => return count("nothing: now()"),
            ("lower" | "upper", [of]) => {
                let of = Box::new(self.text(of)?);
                Node { kind: Kind::Case { upper: written == "upper", of }, of: Type::Text, at }
            }
            ("lower" | "upper", _) => return count("one text"),
            ("coalesce", []) => return count("one value at least"),
            ("coalesce", _) => self.coalesce(arguments, at)?,
            ("auth_user.resources", _) => {
                return Err(Failure::at(
                    at,
                    "auth_user.resources(…) is a list: write id = any(auth_user.resources(…))",
                ));
            }
            _ => {
                let meant = meant(&written, FUNCTIONS);
                let known = FUNCTIONS.join(", ");
                return Err(Failure::at(at, format!("there is no function {written}{meant} (there are {known})")));
            }
        };
        Ok(Typed { node, how: How::Known })
    }

    fn coalesce(&mut self, arguments: &[Raw], at: Span) -> Read<Node> {
        let mut parts = arguments.iter().map(|part| self.build(part)).collect::<Read<Vec<_>>>()?;
        let of = self.settle(&mut parts.iter_mut().collect::<Vec<_>>())?;
        if of == Type::Any {
            return Err(Failure::at(at, super::operators::UNCLEAR));
        }
        let widened = parts.into_iter().map(|part| self.brought_to(Typed { node: part.node, how: How::Known }, of));
        Ok(Node { kind: Kind::Coalesce(widened.collect::<Read<_>>()?), of, at })
    }
}
