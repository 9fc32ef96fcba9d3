//! For `create policy` in a service's own Postgres: values stand in the text, and who asks comes from settings
//! (`set_config('portero.user_id', '7', true)`), all of them texts; lists and attributes are JSON.

use std::fmt::Write;

use serde_json::Value as Json;

use super::{ColumnType, Fact, Kind, List, ListSource, Node, Said, Slot, Type, Value, Writer};
use crate::access::policies::language::node::Source;

/// `'text'`, however the server reads backslashes.
fn quoted(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}

/// A setting's text; null where it is not set.
fn setting(name: &str) -> String {
    format!("nullif(current_setting('portero.{name}', true), '')")
}

/// What JSON calls the values that are read as that type.
fn kind_in_json(of: Type) -> &'static str {
    match of {
        Type::Boolean => "boolean",
        of if of.is_number() => "number",
        _ => "string",
    }
}

impl Writer<'_> {
    pub(super) fn inline(&mut self, value: &Value<'_>, of: Type) {
        let _ = write!(self.sql, "{}::{of}", quoted(&value.written()));
    }

    pub(super) fn inline_list(&mut self, kind: ColumnType, values: &[Json]) {
        let text = |value: &Json| match value {
            Json::Null => "null".to_owned(),
            Json::String(text) => quoted(text),
            other => quoted(&other.to_string()),
        };
        let values: Vec<String> = values.iter().map(text).collect();
        let _ = write!(self.sql, "array[{}]::{kind}", values.join(", "));
    }

    pub(super) fn fact(&mut self, fact: Fact, node: &Node) -> Said {
        if !self.is_row_security {
            return self.refused(node, "this is the same for all rows");
        }
        let said = match fact {
            Fact::Id => format!("({})::bigint", setting("user_id")),
            Fact::Username => setting("username"),
            Fact::IsAdmin => format!("coalesce({}, 'false')::boolean", setting("is_admin")),
            Fact::IsAuthenticated => format!("({} is not null)", setting("user_id")),
            Fact::Now => "now()".to_owned(),
            Fact::Address => setting("address"),
        };
        self.sql.push_str(&said);
        Ok(())
    }

    fn object(source: Source) -> String {
        setting(if source == Source::Attribute { "attributes" } else { "context" })
    }

    pub(super) fn setting_of(&mut self, slot: &Slot, node: &Node) -> Said {
        if !self.is_row_security {
            return self.refused(node, "this is the same for all rows");
        }
        if slot.kind.element == Type::Any {
            return self.refused(node, format!("nothing says of which type {} is: cast it", slot.written()));
        }
        let of = slot.kind.element;
        let (object, name) = (Self::object(slot.source), quoted(&slot.name));
        let (json, text) = (format!("({object})::jsonb -> {name}"), format!("({object})::jsonb ->> {name}"));
        if slot.kind.list {
            self.array(&json, of, Some(kind_in_json(of)));
            return Ok(());
        }
        let said = self.of_kind((&json, &text), kind_in_json(of), of);
        self.sql.push_str(&said);
        Ok(())
    }

    /// What it is as a text, of whatever type.
    pub(super) fn text_of_setting(&mut self, slot: usize, node: &Node) -> Said {
        if !self.is_row_security {
            return self.refused(node, "this is the same for all rows");
        }
        let slot = &self.slots[slot];
        let _ = write!(self.sql, "(({})::jsonb ->> {})", Self::object(slot.source), quoted(&slot.name));
        Ok(())
    }

    /// Settings are texts: what a cast makes one needs no other type.
    pub(super) fn any_as_text(&mut self, of: &Node) -> Said {
        match &of.kind {
            Kind::Read(slot) if self.slots[*slot].source != Source::Column => self.text_of_setting(*slot, of),
            _ => self.around("(", of, ")::text"),
        }
    }

    /// A JSON list as an array; null where there is none, and in the place of what is none of a `kind` of JSON's.
    fn array(&mut self, from: &str, element: Type, kind: Option<&str>) {
        let elements = match kind {
            None => format!("jsonb_array_elements_text({from})"),
            Some(kind) => {
                let (json, text) = ("portero_e", "portero_e #>> '{}'");
                format!("{} from jsonb_array_elements({from}) portero_e", self.of_kind((json, text), kind, element))
            }
        };
        let _ = write!(
            self.sql,
            "(case when jsonb_typeof({from}) = 'array' then array(select {elements}) end)::{element}[]"
        );
    }

    /// What is there, if it is one of a `kind` of JSON's.
    fn of_kind(&self, (json, text): (&str, &str), kind: &str, of: Type) -> String {
        // What is not a constant is computed only where it is come to.
        let told = if self.errors_are_told {
            format!(" when {text} is not null then (({text} || ' is not of type {of}')::integer)::text::{of}")
        } else {
            String::new()
        };
        format!("(case when jsonb_typeof({json}) = '{kind}' then ({text})::{of}{told} end)")
    }

    pub(super) fn setting_list(&mut self, list: &List, node: &Node) -> Said {
        if !self.is_row_security {
            return self.refused(node, "this is the same for all rows");
        }
        let from = match &list.source {
            ListSource::Roles => setting("roles"),
            ListSource::Permissions => setting("permissions"),
            ListSource::Groups => setting("groups"),
            ListSource::Resources(pair) => {
                let (kind, permission) = &self.resources[*pair];
                let pair = quoted(&format!("{kind} {permission}"));
                let object = setting("resources");
                self.sql.push_str("coalesce(");
                self.array(&format!("({object})::jsonb -> {pair}"), list.element, None);
                let _ = write!(self.sql, ", array[]::{}[])", list.element);
                return Ok(());
            }
            _ => return self.refused(node, "this is no list of a person's"),
        };
        self.sql.push_str("coalesce(");
        self.array(&format!("({from})::jsonb"), list.element, None);
        let _ = write!(self.sql, ", array[]::{}[])", list.element);
        Ok(())
    }
}
