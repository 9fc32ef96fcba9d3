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
        let object = Self::object(slot.source);
        if slot.kind.list {
            let from = format!("({object})::jsonb -> {}", quoted(&slot.name));
            self.array(&from, slot.kind.element);
            return Ok(());
        }
        let _ = write!(self.sql, "(({object})::jsonb ->> {})::{}", quoted(&slot.name), slot.kind.element);
        Ok(())
    }

    /// Settings are texts: what a cast makes one needs no other type.
    pub(super) fn any_as_text(&mut self, of: &Node) -> Said {
        match &of.kind {
            Kind::Read(slot) if self.slots[*slot].source != Source::Column => {
                let slot = Slot { kind: ColumnType::one(Type::Text), ..self.slots[*slot].clone() };
                self.setting_of(&slot, of)
            }
            _ => self.around("(", of, ")::text"),
        }
    }

    /// The texts of a JSON list as an array; null where there is none.
    fn array(&mut self, from: &str, element: Type) {
        let _ = write!(
            self.sql,
            "(case when jsonb_typeof({from}) = 'array' then array(select jsonb_array_elements_text({from})) end)::{element}[]"
        );
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
                self.array(&format!("({object})::jsonb -> {pair}"), list.element);
                let _ = write!(self.sql, ", array[]::{}[])", list.element);
                return Ok(());
            }
            _ => return self.refused(node, "this is no list of a person's"),
        };
        self.sql.push_str("coalesce(");
        self.array(&format!("({from})::jsonb"), list.element);
        let _ = write!(self.sql, ", array[]::{}[])", list.element);
        Ok(())
    }
}
