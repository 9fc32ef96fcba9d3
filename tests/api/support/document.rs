//! The OpenAPI document, as tests read it.

use std::fmt;
use std::sync::LazyLock;

use axum::http::Method;
use portero::app::document;
use serde_json::Value;

/// The whole document.
pub static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(document()).expect("the document is JSON"));

/// One operation of it.
#[derive(Clone, Debug)]
pub struct Operation {
    pub method: Method,
    pub path: String,
    pub json: &'static Value,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.id(), self.method, self.path)
    }
}

impl Operation {
    pub fn id(&self) -> &'static str {
        self.json["operationId"].as_str().unwrap_or_default()
    }

    /// The codes that are documented for a status.
    pub fn codes(&self, status: u16) -> Vec<String> {
        let content = self.json["responses"][status.to_string()]["content"].as_object().into_iter().flatten();
        let examples = content.filter_map(|(_, content)| content["examples"].as_object());
        examples.flat_map(|examples| examples.keys().cloned()).collect()
    }

    /// Whether the standards of OAuth say how it answers, and whom it takes.
    pub fn is_of_oauth(&self) -> bool {
        self.json["tags"][0] == "tokens"
    }

    /// Whether it says that it needs no token.
    pub fn is_public(&self) -> bool {
        self.json["security"] == serde_json::json!([{}])
    }

    /// Whether a service's key opens it.
    pub fn takes_keys(&self) -> bool {
        self.json["security"].as_array().into_iter().flatten().any(|one| one.get("service_key").is_some())
    }

    /// Whether a person's token opens it.
    pub fn takes_tokens(&self) -> bool {
        let security = self.json.get("security").unwrap_or(&DOCUMENT["security"]).as_array();
        security.into_iter().flatten().any(|one| one.get("token").is_some())
    }

    /// Of a JSON body.
    pub fn request_schema(&self) -> Option<&'static Value> {
        self.json.get("requestBody")?["content"]["application/json"].get("schema")
    }

    /// The path with the document's own examples in it.
    pub fn example_path(&self) -> String {
        let mut path = self.path.clone();
        for parameter in self.json["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] == "path" {
                let name = parameter["name"].as_str().unwrap_or_default();
                let example = match &parameter["example"] {
                    Value::String(example) => example.clone(),
                    _ => "1".to_owned(),
                };
                path = path.replace(&format!("{{{name}}}"), &example);
            }
        }
        path
    }

    /// The same with the service that a query names, where one may.
    pub fn example_path_in_service(&self) -> String {
        let parameters = self.json["parameters"].as_array();
        let names =
            parameters.is_some_and(|all| all.iter().any(|one| one["in"] == "query" && one["name"] == "service"));
        self.example_path() + if names { "?service=4" } else { "" }
    }
}

/// All operations of Portero's own API.
pub fn operations() -> &'static [Operation] {
    static OPERATIONS: LazyLock<Vec<Operation>> =
        LazyLock::new(|| read().into_iter().filter(|operation| !operation.is_of_oauth()).collect());
    &OPERATIONS
}

/// Those of OAuth.
pub fn oauth_operations() -> &'static [Operation] {
    static OPERATIONS: LazyLock<Vec<Operation>> =
        LazyLock::new(|| read().into_iter().filter(Operation::is_of_oauth).collect());
    &OPERATIONS
}

/// Both.
pub fn all_operations() -> impl Iterator<Item = &'static Operation> {
    operations().iter().chain(oauth_operations())
}

fn read() -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in DOCUMENT["paths"].as_object().expect("paths") {
        for (method, json) in item.as_object().expect("a path item") {
            let method = method.to_uppercase().parse().expect("a method");
            operations.push(Operation { method, path: path.clone(), json });
        }
    }
    operations
}

/// The operation that answers a request.
pub fn operation(method: &Method, path: &str) -> Option<&'static Operation> {
    let matches = |template: &str| {
        let (wanted, given): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        wanted.len() == given.len()
            && wanted.iter().zip(given).all(|(w, g)| *w == g || (w.starts_with('{') && !g.is_empty()))
    };
    // As the router has it: what is spelled out goes before parameters.
    let parameters = |template: &str| template.split('/').map(|part| part.starts_with('{')).collect::<Vec<_>>();
    let found = all_operations().filter(|operation| matches(&operation.path)).map(|operation| &operation.path);
    let nearest = found.min_by_key(|template| parameters(template))?;
    all_operations().find(|operation| operation.method == method && operation.path == *nearest)
}
