//! How long one evaluation takes: `cargo test --release --test policies -- --ignored --nocapture speed`.

use std::hint::black_box;
use std::time::Instant;

use portero::access::policies::language::{Declared, Expression, Row};
use serde_json::json;

use super::examples::{EXAMPLES, eva, noon};

#[test]
#[ignore = "prints figures"]
fn figures_of_the_evaluator() {
    let row = json!({
        "id": 17, "user_id": 7, "status": "review", "department": "sales", "closed_at": "2026-02-01T00:00:00Z",
        "title": "Offer", "amount": 12.5, "open": true, "made_at": "2026-01-01T00:00:00Z", "note": null,
    });
    let row =
        Row::from(&serde_json::from_str::<serde_json::Map<_, _>>(&row.to_string().replace("17", "\"17\"")).unwrap());
    let (subject, request) = (eva(), noon());
    for text in EXAMPLES {
        let expression = Expression::compile(text, &Declared::nothing()).unwrap();
        expression.evaluate(&row, &subject, &request).unwrap();
        // The best of many, since others use the machine, too.
        let each = |count: u32, mut work: Box<dyn FnMut() + '_>| {
            let once = |work: &mut dyn FnMut()| {
                let begun = Instant::now();
                (0..count).for_each(|_| work());
                begun.elapsed() / count
            };
            (0..200).map(|_| once(&mut *work)).min().unwrap_or_default()
        };
        let evaluated = each(1_000, Box::new(|| drop(black_box(expression.evaluate(&row, &subject, &request)))));
        let reduced = each(200, Box::new(|| drop(black_box(expression.reduce(&subject, &request)))));
        let compiled = each(20, Box::new(|| drop(black_box(Expression::compile(text, &Declared::nothing())))));
        println!("evaluate {evaluated:?}, reduce {reduced:?}, compile {compiled:?}: {text}");
    }
}
