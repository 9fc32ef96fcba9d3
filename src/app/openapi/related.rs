//! Fields that need or exclude each other.

use utoipa::openapi::schema::{AllOfBuilder, AnyOfBuilder, ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{OpenApi, RefOr, Schema};

/// What a derived schema can't say: which fields need or exclude each other.
pub fn relate_fields(document: &mut OpenApi) {
    let exactly_one = |a: &'static str, b: &'static str| {
        OneOfBuilder::new().item(fields(&[a], &[b])).item(fields(&[b], &[a])).build().into()
    };
    let one_of_three = |a: &'static str, b: &'static str, c: &'static str| {
        let ways = [(a, [b, c]), (b, [a, c]), (c, [a, b])];
        ways.iter().fold(OneOfBuilder::new(), |one_of, (set, unset)| one_of.item(fields(&[set], unset))).build().into()
    };
    let some_or = |names: &[&str], other: Schema| any_of(names.iter().map(|name| fields(&[name], &[])).chain([other]));
    // What null empties: to be there is enough.
    let present = |name: &&str| Schema::from(ObjectBuilder::new().required(*name).build());
    let described = |names: &[&str], emptied: &[&str]| {
        any_of(names.iter().map(|name| fields(&[name], &[])).chain(emptied.iter().map(present)))
    };
    let together = |a: &str, b: &str| any_of([fields(&[a, b], &[]), fields(&[], &[a, b])]);
    let not_both = |a: &str, b: &str| any_of([fields(&[], &[a]), fields(&[], &[b])]);
    // serde takes both names for one field given twice, also where one is null.
    let one_name = |name: &'static str, alias: &'static str| {
        OneOfBuilder::new().item(without(alias, Some(name))).item(without(name, Some(alias))).build().into()
    };
    let one_name_at_most = |name: &str, alias: &str| any_of([without(alias, None), without(name, None)]);
    let login = || one_name("username", "login");
    let person = ["username", "login", "password", "password_hash", "name", "email", "locale"];
    let person_emptied = ["person_type", "document_type", "document_number", "attributes"];
    let claims = || {
        let object = ObjectBuilder::new().schema_type(Type::Object).build();
        ObjectBuilder::new().required("claims").property("claims", object).build().into()
    };
    // Only administrators say whether a number is verified.
    let nothing = ObjectBuilder::new().schema_type(Type::Null).build();
    let some = SchemaType::Array(vec![Type::Object, Type::Null]);
    let without_verdict = ObjectBuilder::new().schema_type(some).property("phone_number_verified", nothing);
    let without_verdict = ObjectBuilder::new().property("claims", without_verdict).build().into();
    let own = ["username", "login", "name", "display_name", "email"];
    let of_group = fields(&["group_id", "role_id"], &["person_id", "permission_id"]);
    let of_person_or_group = any_of([fields(&["person_id"], &["group_id"]), of_group]);
    let rules: [(&str, Vec<Schema>); 18] = [
        ("Registration", vec![login(), one_name_at_most("name", "display_name")]),
        ("Login", vec![login()]),
        ("Candidate", vec![one_name_at_most("username", "login")]),
        (
            "NewPerson",
            vec![login(), not_both("password", "password_hash"), together("document_type", "document_number")],
        ),
        (
            "PersonChange",
            vec![
                any_of([described(&person, &person_emptied), claims()]),
                one_name_at_most("username", "login"),
                not_both("password", "password_hash"),
            ],
        ),
        (
            "OwnChange",
            vec![
                some_or(&own, claims()),
                without_verdict,
                one_name_at_most("username", "login"),
                one_name_at_most("name", "display_name"),
            ],
        ),
        ("ServiceChange", vec![described(&["name"], &["description", "claims"])]),
        ("RoleChange", vec![described(&["name"], &["description"])]),
        ("NewPermission", vec![one_name("name", "code")]),
        ("PermissionChange", vec![described(&["name", "code"], &["description"]), one_name_at_most("name", "code")]),
        ("Forgotten", vec![one_of_three("email", "username", "login"), one_name_at_most("username", "login")]),
        ("DirectGrant", vec![exactly_one("permission_id", "permission_name")]),
        ("NewDirectGrant", vec![exactly_one("permission_id", "permission_name")]),
        ("ReviewedGrant", vec![exactly_one("role_id", "permission_id"), of_person_or_group]),
        ("NewMember", vec![exactly_one("person_id", "group_id")]),
        ("NamedMember", vec![exactly_one("person_id", "group_id")]),
        ("GroupChange", vec![described(&["name"], &["description"])]),
        ("Question", vec![any_of([fields(&[], &["permission"]), fields(&["service_id"], &[])])]),
    ];
    let Some(components) = document.components.as_mut() else { return };
    for (name, rules) in rules {
        if let Some(mut schema) = components.schemas.remove(name) {
            add_alias(&mut schema, "username", "login");
            if ["Registration", "OwnChange"].contains(&name) {
                add_alias(&mut schema, "name", "display_name");
            }
            if ["NewPermission", "PermissionChange"].contains(&name) {
                add_alias(&mut schema, "name", "code");
            }
            let whole = rules.into_iter().fold(AllOfBuilder::new().item(schema), AllOfBuilder::item);
            components.schemas.insert(name.to_owned(), whole.into());
        }
    }
}

/// Adds another name of a field, which serde knows as its alias.
fn add_alias(schema: &mut RefOr<Schema>, field: &str, alias: &str) {
    let RefOr::T(Schema::Object(object)) = schema else { return };
    if let Some(known) = object.properties.get(field).cloned() {
        object.required.retain(|required| required != field);
        object.properties.insert(alias.to_owned(), known);
    }
}

/// An object in which these fields are set, and those absent or null.
fn fields(set: &[&str], unset: &[&str]) -> Schema {
    let of_type = |types: &[Type]| ObjectBuilder::new().schema_type(SchemaType::Array(types.to_vec())).build();
    let object = ObjectBuilder::new();
    let object = set.iter().fold(object, |object, field| {
        object.required(*field).property(*field, of_type(&[Type::String, Type::Integer]))
    });
    unset.iter().fold(object, |object, field| object.property(*field, of_type(&[Type::Null]))).into()
}

/// An object that lacks one field, and has the other: what would be both null and a text can't be there.
fn without(field: &str, other: Option<&str>) -> Schema {
    let of_type = |only: Type| ObjectBuilder::new().schema_type(only).build();
    let nothing = AllOfBuilder::new().item(of_type(Type::Null)).item(of_type(Type::String)).build();
    let object = ObjectBuilder::new().property(field, Schema::from(nothing));
    other.into_iter().fold(object, ObjectBuilder::required).into()
}

fn any_of(schemas: impl IntoIterator<Item = Schema>) -> Schema {
    schemas.into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item).build().into()
}
