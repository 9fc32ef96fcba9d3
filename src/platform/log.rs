//! Log lines: for people on a terminal, otherwise one JSON object each, written many at a time.
//!
//! At tens of thousands of requests a second the lines would cost more than the answers: so each is formatted straight
//! into its bytes, and a thread writes what has gathered every few milliseconds. A warning or an error is written at
//! once, with all that came before it.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use tokio::runtime::Handle;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Directive;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt as lines, registry};

use crate::platform::traces::{self, Traces};

/// How long a line waits for others, at most.
const GATHERING: Duration = Duration::from_millis(10);

/// As much is written at once without waiting for more.
const ENOUGH: usize = 64 * 1024;

/// Logs to standard error from here on, so that standard output is the command's own. What has gathered is written when
/// the first answer is dropped. With `collected_on`, traces are collected too, and sent on that runtime.
pub fn start(filter: EnvFilter, collected_on: Option<&Handle>) -> anyhow::Result<(Flush, Traces)> {
    let filter = without_spans(filter)?;
    let gathered = Gathered::default();
    let traces = if let Some((layer, traces)) = collected_on.map(traces::layer).transpose()?.flatten() {
        registry().with(layer).with(writing(&gathered).with_filter(filter)).init();
        tracing::info!("traces go to the collector at OTEL_EXPORTER_OTLP_ENDPOINT");
        traces
    } else {
        registry().with(writing(&gathered)).with(filter).init();
        Traces::default()
    };
    if collected_on.is_some() && !cfg!(feature = "otlp") {
        tracing::warn!("OTEL_EXPORTER_OTLP_ENDPOINT is set, but this Portero was built without the feature otlp");
    }
    if !io::stderr().is_terminal() {
        let gathered = gathered.clone();
        // Without the thread a line waits for the next warning, or for enough others.
        let _ = std::thread::Builder::new().name("log".to_owned()).spawn(move || gathered.write_forever());
    }
    Ok((Flush(gathered), traces))
}

/// Spans are for the collector; where there is none they are never made. The driver of Postgres logs the values of
/// parameters that it does not know, which may be secrets: `config` names them without. And what befalls the pool's connections
/// becomes an error of whoever wanted one, and is logged there.
fn without_spans(filter: EnvFilter) -> anyhow::Result<EnvFilter> {
    let no_spans: Directive = format!("{}=off", traces::TARGET).parse()?;
    let filter = filter.add_directive(no_spans).add_directive("sqlx_postgres::options=off".parse()?);
    Ok(filter.add_directive("sqlx_core::pool=off".parse()?))
}

fn writing<S>(gathered: &Gathered) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if io::stderr().is_terminal() {
        lines::layer().with_writer(io::stderr).boxed()
    } else {
        JsonLines(gathered.clone()).boxed()
    }
}

/// Writes what has gathered when it is dropped.
#[derive(Debug)]
pub struct Flush(Gathered);

impl Drop for Flush {
    fn drop(&mut self) {
        write_out(&mut self.0.lines());
    }
}

/// Lines that wait to be written.
#[derive(Clone, Debug, Default)]
pub struct Gathered(Arc<(Mutex<Vec<u8>>, Condvar)>);

impl Gathered {
    fn lines(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one line.
    fn take(&self, line: &[u8], urgent: bool) {
        let mut lines = self.lines();
        if lines.is_empty() {
            self.0.1.notify_one();
        }
        lines.extend_from_slice(line);
        if urgent || lines.len() >= ENOUGH {
            write_out(&mut lines);
        }
    }

    #[expect(clippy::disallowed_methods, reason = "on a thread of its own")]
    fn write_forever(&self) {
        loop {
            let lines = self.0.1.wait_while(self.lines(), |lines| lines.is_empty());
            drop(lines);
            std::thread::sleep(GATHERING);
            write_out(&mut self.lines());
        }
    }
}

/// Whoever logs meanwhile waits: a log that nobody reads fast enough slows us down rather than growing in memory.
fn write_out(lines: &mut Vec<u8>) {
    // Where it can't be written, there is nowhere to say so.
    let _ = io::stderr().write_all(lines);
    lines.clear();
}

thread_local! {
    static SECOND: RefCell<Second> = const { RefCell::new(Second { since_epoch: u64::MAX, text: String::new() }) };
    /// What the next line of this thread is written into.
    static LINE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A second as lines write it: most of them are of the same one as the line before.
struct Second {
    since_epoch: u64,
    text: String,
}

impl Second {
    /// As RFC 3339 has it, to the microsecond.
    #[expect(clippy::disallowed_methods, reason = "when a line is written is no rule's matter")]
    fn write_now(&mut self, line: &mut Vec<u8>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if now.as_secs() != self.since_epoch {
            self.since_epoch = now.as_secs();
            self.text.clear();
            let second = i64::try_from(self.since_epoch).map(OffsetDateTime::from_unix_timestamp);
            let second = second.ok().and_then(Result::ok).unwrap_or(OffsetDateTime::UNIX_EPOCH);
            let ((year, month, day), (hour, minute, second)) = (second.to_calendar_date(), second.to_hms());
            let month = u8::from(month);
            let _ = write!(self.text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.");
        }
        line.extend_from_slice(self.text.as_bytes());
        // The leading zeros of the microseconds stand behind a one.
        line.extend_from_slice(&itoa::Buffer::new().format(1_000_000 + now.subsec_micros()).as_bytes()[1..]);
        line.push(b'Z');
    }
}

/// Each event as a line, `{"timestamp":…,"level":…,<the event's fields>,"target":…}`, straight into its bytes.
#[derive(Debug)]
struct JsonLines(Gathered);

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let urgent = *event.metadata().level() <= Level::WARN;
        // Something that a line says may log itself, and finds no line then.
        let mut line = LINE.take();
        line.clear();
        write_line(&mut line, event);
        self.0.take(&line, urgent);
        LINE.set(line);
    }
}

fn write_line(line: &mut Vec<u8>, event: &Event<'_>) {
    line.extend_from_slice(b"{\"timestamp\":\"");
    SECOND.with_borrow_mut(|second| second.write_now(line));
    line.extend_from_slice(b"\",\"level\":\"");
    line.extend_from_slice(event.metadata().level().as_str().as_bytes());
    line.push(b'"');
    event.record(&mut Fields(line));
    line.extend_from_slice(b",\"target\":\"");
    line.extend_from_slice(event.metadata().target().as_bytes());
    line.extend_from_slice(b"\"}\n");
}

struct Fields<'a>(&'a mut Vec<u8>);

impl Fields<'_> {
    fn plain(&mut self, field: &Field, value: &str) {
        self.name(field);
        self.0.extend_from_slice(value.as_bytes());
    }

    fn name(&mut self, field: &Field) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(field.name().as_bytes());
        self.0.extend_from_slice(b"\":");
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.name(field);
        self.0.push(b'"');
        // Only a value that can't say what it is fails: the line says as much as it did.
        let _ = write!(Escaped(self.0), "{value:?}");
        self.0.push(b'"');
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field);
        self.0.push(b'"');
        Escaped(self.0).text(value);
        self.0.push(b'"');
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, if value { "true" } else { "false" });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, itoa::Buffer::new().format(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, itoa::Buffer::new().format(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let mut digits = zmij::Buffer::new();
        self.plain(field, if value.is_finite() { digits.format_finite(value) } else { "null" });
    }
}

/// The inside of a JSON string (RFC 8259, section 7).
struct Escaped<'a>(&'a mut Vec<u8>);

impl Escaped<'_> {
    fn text(&mut self, text: &str) {
        // Nearly all text is like this, and then no character needs a look of its own.
        if text.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\') {
            self.0.extend_from_slice(text.as_bytes());
            return;
        }
        let mut bytes = [0; 4];
        for c in text.chars() {
            match c {
                '"' => self.0.extend_from_slice(br#"\""#),
                '\\' => self.0.extend_from_slice(br"\\"),
                c if c.is_control() => {
                    let _ = io::Write::write_fmt(self.0, format_args!("\\u{:04x}", u32::from(c)));
                }
                c => self.0.extend_from_slice(c.encode_utf8(&mut bytes).as_bytes()),
            }
        }
    }
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn line(log: impl FnOnce()) -> Value {
        let gathered = Gathered::default();
        let subscriber = registry().with(JsonLines(gathered.clone()));
        tracing::subscriber::with_default(subscriber, log);
        let text = String::from_utf8(gathered.lines().clone()).expect("UTF-8");
        assert_eq!(text.matches('\n').count(), 1, "one line");
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn a_line_is_one_json_object_whatever_is_in_it() {
        let evil = "a \"quoted\" \\ path\nand a second line \u{1b}[31m \u{7f} é";
        let line = line(|| {
            tracing::info!(target: "portero::access", text = evil, shown = %evil, n = -3, ms = 0.25, odd = f64::NAN, ok = true,
                "said {evil}");
        });
        assert_eq!(line["text"], evil);
        assert_eq!(line["shown"], evil);
        assert_eq!(line["message"], format!("said {evil}"));
        assert_eq!((&line["n"], &line["ms"], &line["ok"]), (&(-3).into(), &0.25.into(), &true.into()));
        assert_eq!(line["odd"], Value::Null);
        assert_eq!((&line["level"], &line["target"]), (&"INFO".into(), &"portero::access".into()));
        let time = line["timestamp"].as_str().expect("a time");
        assert!(time.len() == "2026-11-30T07:53:22.000123Z".len() && time.ends_with('Z'), "{time}");
        OffsetDateTime::parse(time, &time::format_description::well_known::Rfc3339).expect("RFC 3339");
    }

    #[test]
    fn whatever_is_logged_no_span_is_made_without_a_collector() {
        for wanted in ["info", "trace", "portero::otlp=trace", "portero=trace"] {
            let filter = without_spans(EnvFilter::new(wanted)).expect("a filter");
            let logging = registry().with(writing(&Gathered::default())).with(filter);
            tracing::subscriber::with_default(logging, || {
                assert!(traces::step("step").is_disabled(), "{wanted}");
                assert!(traces::query("query").is_disabled(), "{wanted}");
            });
        }
    }

    /// Can't say what it is.
    struct Speechless;

    impl fmt::Debug for Speechless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("half \"")?;
            Err(fmt::Error)
        }
    }

    #[test]
    fn what_can_not_say_what_it_is_leaves_a_line_all_the_same() {
        let line = line(|| tracing::info!(what = ?Speechless, "said"));
        assert_eq!((&line["what"], &line["message"]), (&"half \"".into(), &"said".into()));
    }

    #[test]
    fn lines_gather_until_there_is_a_warning() {
        let gathered = Gathered::default();
        let subscriber = registry().with(JsonLines(gathered.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("one");
            tracing::info!("two");
            assert_eq!(String::from_utf8_lossy(&gathered.lines()).lines().count(), 2);
            tracing::warn!("three");
            assert!(gathered.lines().is_empty());
        });
    }
}
