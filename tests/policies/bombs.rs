//! Texts that are made to exhaust whoever reads them.

use std::thread;
use std::time::{Duration, Instant};

use portero::access::policies::language::{Declared, Expression, Request, Row, Subject};
use serde_json::json;
use time::OffsetDateTime;

/// On a stack no larger than that of a thread of the server.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(1024 * 1024).spawn(work).unwrap().join().unwrap();
}

#[test]
fn deep_and_long_texts_are_refused_at_once() {
    let bombs = [
        "(".repeat(10_000),
        "(".repeat(1_999) + &")".repeat(1_999),
        "not ".repeat(900) + "a",
        "- ".repeat(1_900) + "1 = 1",
        "1+".repeat(1_900) + "1 = 1",
        "a || ".repeat(700) + "a = ''",
        "a".to_owned() + &"::text".repeat(600) + " = ''",
        "a and (".repeat(500),
        "case ".repeat(700),
        "f(".repeat(1_900),
        "cast(".repeat(700),
        "array[".repeat(600),
        "[".repeat(1_900),
        "interval ".repeat(400),
        "a between ".repeat(390),
        "a".to_owned() + &" is null".repeat(450),
        "x.".repeat(1_900),
        "coalesce(".repeat(440),
        "'".repeat(3_999),
        "\"".repeat(3_999),
        "$$".repeat(1_900),
        "/*".repeat(1_900),
        "x".repeat(1_000_000),
        "ä".repeat(4_001),
        "\0".repeat(100),
    ];
    on_a_small_stack(move || {
        for bomb in bombs {
            let begun = Instant::now();
            assert!(Expression::compile(&bomb, &Declared::nothing()).is_err(), "{bomb:.40}");
            assert!(begun.elapsed() < Duration::from_secs(2), "{bomb:.40}: {:?}", begun.elapsed());
        }
    });
}

#[test]
fn what_is_long_but_flat_is_taken() {
    let many = |word: &str, by: &str, count: usize| vec![word; count].join(by);
    let texts = [
        many("a", " or ", 790),
        many("a", " and ", 660),
        format!("n in ({})", many("1", ", ", 1_300)),
        format!("(n + {}) > 0", many("1", " + ", 40)),
        format!("{}a{}", "(".repeat(20), ")".repeat(20)),
    ];
    on_a_small_stack(move || {
        let row = Row::from(json!({ "a": true, "n": 1 }).as_object().unwrap());
        let (subject, request) = (Subject::default(), Request::at(OffsetDateTime::UNIX_EPOCH));
        for text in texts {
            let expression = Expression::compile(&text, &Declared::nothing()).unwrap();
            assert_eq!(expression.evaluate(&row, &subject, &request), Ok(Some(true)), "{text:.40}");
            expression.reduce(&subject, &request);
            expression.parts(&row, &subject, &request);
        }
    });
}

#[test]
fn patterns_and_numbers_do_not_explode() {
    let text = "a".repeat(1_000_000);
    let row = Row::from(json!({ "t": text, "n": 9 }).as_object().unwrap());
    let (subject, request) = (Subject::default(), Request::at(OffsetDateTime::UNIX_EPOCH));
    for text in [
        format!("t like '{}b'", "%a".repeat(1_500)),
        format!("t like '%{}b%'", "a_".repeat(1_500)),
        format!("t ilike '%{}'", "_a%".repeat(1_200)),
        format!("n {} = 1", "* 9e999".repeat(190)),
        format!("1 / (n {}) = 1", "* 1e-999".repeat(40)),
    ] {
        let expression = Expression::compile(&text, &Declared::nothing()).unwrap();
        let begun = Instant::now();
        let _ = expression.evaluate(&row, &subject, &request);
        assert!(begun.elapsed() < Duration::from_secs(10), "{text:.40}: {:?}", begun.elapsed());
    }
}
