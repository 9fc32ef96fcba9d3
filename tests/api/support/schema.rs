//! As much of JSON Schema as the document uses: whether a value is as described, and an example of what is.

use serde_json::{Map, Value};

use super::document::DOCUMENT;

/// Says where a value is not as its schema has it. Members that the schema does not name are faults, too.
pub fn validate(schema: &Value, value: &Value) -> Result<(), String> {
    let schema = resolve(schema);
    if let Some(branches) = ["oneOf", "anyOf"].iter().find_map(|word| schema[*word].as_array()) {
        let fits = branches.iter().any(|branch| validate(branch, value).is_ok());
        return if fits { Ok(()) } else { Err(format!("{value} fits none of {branches:?}")) };
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Err(format!("{value} is none of {allowed:?}"));
    }
    match value {
        Value::Object(members) => validate_object(schema, members),
        Value::Array(items) => {
            of_type(schema, "array", value)?;
            let of_items = schema.get("items");
            items.iter().try_for_each(|item| of_items.map_or(Ok(()), |schema| validate(schema, item)))
        }
        Value::String(text) => {
            of_type(schema, "string", value)?;
            let length = text.chars().count() as u64;
            let (min, max) = (schema["minLength"].as_u64(), schema["maxLength"].as_u64());
            let bounded = length >= min.unwrap_or(0) && length <= max.unwrap_or(u64::MAX);
            if bounded { Ok(()) } else { Err(format!("the length of {value}")) }
        }
        Value::Number(number) if number.is_f64() => of_type(schema, "number", value),
        Value::Number(_) => of_type(schema, "integer", value).or_else(|_| of_type(schema, "number", value)),
        Value::Bool(_) => of_type(schema, "boolean", value),
        Value::Null => of_type(schema, "null", value),
    }
}

fn validate_object(schema: &Value, members: &Map<String, Value>) -> Result<(), String> {
    let properties = properties(schema);
    for required in required(schema) {
        if !members.contains_key(&required) {
            return Err(format!("`{required}` is missing"));
        }
    }
    if schema["additionalProperties"] == true {
        return Ok(());
    }
    let others = Some(&schema["additionalProperties"]).filter(|others| others.is_object());
    for (name, value) in members {
        let named = properties.iter().find(|(property, _)| property == name).map(|(_, schema)| *schema);
        let Some(schema) = named.or(others) else { return Err(format!("`{name}` is not documented")) };
        validate(schema, value).map_err(|fault| format!("`{name}`: {fault}"))?;
    }
    Ok(())
}

fn of_type(schema: &Value, name: &str, value: &Value) -> Result<(), String> {
    let is = match &schema["type"] {
        Value::String(only) => only == name,
        Value::Array(any) => any.iter().any(|one| one == name),
        _ => false,
    };
    if is { Ok(()) } else { Err(format!("{value} is not of type {}", schema["type"])) }
}

/// The schema's own example, or one made of those of its required properties.
pub fn example(schema: &Value) -> Option<Value> {
    let schema = resolve(schema);
    if let Some(example) = schema.get("example").or_else(|| schema["examples"].get(0)) {
        return Some(example.clone());
    }
    if let Some(allowed) = schema["enum"].get(0) {
        return Some(allowed.clone());
    }
    if let Some(example) = parts(schema).iter().find_map(|(part, _)| part.get("example")) {
        return Some(example.clone());
    }
    if let Some(branches) = ["oneOf", "anyOf"].iter().find_map(|word| schema[*word].as_array()) {
        return branches.iter().find_map(example);
    }
    if schema["type"] == "array" {
        return example(&schema["items"]).map(|item| Value::Array(vec![item]));
    }
    let required = required(schema);
    let properties = properties(schema);
    if required.is_empty() {
        return None;
    }
    let members = required.into_iter().map(|name| {
        let (_, schema) = properties.iter().find(|(property, _)| *property == name)?;
        Some((name, example(schema)?))
    });
    members.collect::<Option<Map<_, _>>>().map(Value::Object)
}

fn resolve(schema: &Value) -> &Value {
    match schema["$ref"].as_str() {
        Some(reference) => {
            let pointer = reference.trim_start_matches('#');
            resolve(DOCUMENT.pointer(pointer).unwrap_or_else(|| panic!("{reference} is nowhere")))
        }
        None => schema,
    }
}

/// The branches of an `allOf`, whose optional ones are written `oneOf` with null; else the schema itself.
fn parts(schema: &Value) -> Vec<(&Value, bool)> {
    let Some(all) = schema["allOf"].as_array() else { return vec![(schema, true)] };
    all.iter()
        .map(|part| match resolve(part)["oneOf"].get(0) {
            Some(optional) => (resolve(optional), false),
            None => (resolve(part), true),
        })
        .collect()
}

fn properties(schema: &Value) -> Vec<(String, &Value)> {
    let objects = parts(schema).into_iter().filter_map(|(part, _)| part["properties"].as_object());
    objects.flatten().map(|(name, schema)| (name.clone(), schema)).collect()
}

fn required(schema: &Value) -> Vec<String> {
    let names =
        parts(schema).into_iter().filter(|(_, needed)| *needed).filter_map(|(part, _)| part["required"].as_array());
    names.flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}
