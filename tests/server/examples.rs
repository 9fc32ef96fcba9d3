//! The examples that people copy, against the real thing.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::process::{Directory, Portero};

#[tokio::test]
async fn the_python_example_keeps_answers_safely() {
    let directory = Directory::new();
    let demo = Portero::start(&directory, "demo", &[]).await;
    let admin = demo.log_in("adm1", "adm1-hash").await;
    let (status, made) = demo.post("/services/4/keys", &admin, json!({"name": "example"})).await;
    assert_eq!(status, 201, "{made}");
    let mut tests = Command::new("python3");
    tests.args(["-m", "unittest", "test_portero"]);
    tests.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python"));
    tests.env("PYTHONDONTWRITEBYTECODE", "1");
    tests.envs([("PORTERO_URL", demo.url.as_str()), ("PORTERO_KEY", made["key"].as_str().unwrap())]);
    let said = tokio::task::spawn_blocking(move || tests.output()).await.unwrap();
    let said = match said {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("no python3: the example goes untried");
            return;
        }
        said => said.unwrap(),
    };
    let text = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && !text.contains("skipped"), "{text}");
}
