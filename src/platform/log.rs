//! Log lines: for people on a terminal, otherwise one JSON object each, written many at a time.
//!
//! At tens of thousands of requests a second the lines would cost more than the answers: so each is formatted straight
//! into its bytes, and a thread writes what has gathered every few milliseconds. A warning or an error is written at
//! once, with all that came before it.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use tokio::runtime::Handle;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::Directive;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
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
        lines::layer().event_format(JsonLines).with_writer(gathered.clone()).boxed()
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

impl<'a> MakeWriter<'a> for Gathered {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { gathered: self, urgent: true }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line<'a> {
        Line { gathered: self, urgent: *event.level() <= Level::WARN }
    }
}

/// Takes one line.
#[derive(Debug)]
pub struct Line<'a> {
    gathered: &'a Gathered,
    urgent: bool,
}

impl io::Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut lines = self.gathered.lines();
        if lines.is_empty() {
            self.gathered.0.1.notify_one();
        }
        lines.extend_from_slice(line);
        if self.urgent || lines.len() >= ENOUGH {
            write_out(&mut lines);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

thread_local! {
    static SECOND: RefCell<Second> = const { RefCell::new(Second { since_epoch: u64::MAX, text: String::new() }) };
}

/// A second as lines write it: most of them are of the same one as the line before.
struct Second {
    since_epoch: u64,
    text: String,
}

impl Second {
    /// As RFC 3339 has it, to the microsecond.
    #[expect(clippy::disallowed_methods, reason = "when a line is written is no rule's matter")]
    fn write_now(&mut self, line: &mut Writer<'_>) -> fmt::Result {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if now.as_secs() != self.since_epoch {
            self.since_epoch = now.as_secs();
            self.text.clear();
            let second = i64::try_from(self.since_epoch).map(OffsetDateTime::from_unix_timestamp);
            let second = second.ok().and_then(Result::ok).unwrap_or(OffsetDateTime::UNIX_EPOCH);
            let ((year, month, day), (hour, minute, second)) = (second.to_calendar_date(), second.to_hms());
            let month = u8::from(month);
            write!(self.text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.")?;
        }
        line.write_str(&self.text)?;
        // The leading zeros of the microseconds stand behind a one.
        line.write_str(&itoa::Buffer::new().format(1_000_000 + now.subsec_micros())[1..])?;
        line.write_char('Z')
    }
}

/// `{"timestamp":…,"level":…,<the event's fields>,"target":…}`.
#[derive(Debug)]
struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut line: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        line.write_str("{\"timestamp\":\"")?;
        SECOND.with_borrow_mut(|second| second.write_now(&mut line))?;
        line.write_str("\",\"level\":\"")?;
        line.write_str(event.metadata().level().as_str())?;
        line.write_char('"')?;
        let mut fields = Fields { line: &mut line, written: Ok(()) };
        event.record(&mut fields);
        fields.written?;
        line.write_str(",\"target\":\"")?;
        line.write_str(event.metadata().target())?;
        line.write_str("\"}\n")
    }
}

struct Fields<'a, 'w> {
    line: &'a mut Writer<'w>,
    written: fmt::Result,
}

impl Fields<'_, '_> {
    fn plain(&mut self, field: &Field, value: &str) {
        self.written = self.written.and_then(|()| {
            self.name(field)?;
            self.line.write_str(value)
        });
    }

    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Escaped<'_, '_>) -> fmt::Result) {
        self.written = self.written.and_then(|()| {
            self.name(field)?;
            self.line.write_char('"')?;
            write(&mut Escaped(self.line))?;
            self.line.write_char('"')
        });
    }

    fn name(&mut self, field: &Field) -> fmt::Result {
        self.line.write_str(",\"")?;
        self.line.write_str(field.name())?;
        self.line.write_str("\":")
    }
}

impl Visit for Fields<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, |text| write!(text, "{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, |text| text.write_str(value));
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
struct Escaped<'a, 'w>(&'a mut Writer<'w>);

impl fmt::Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nearly all text is like this, and then no character needs a look of its own.
        if text.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\') {
            return self.0.write_str(text);
        }
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c == '"' || c == '\\' || c.is_control()) {
            let (plain, special) = rest.split_at(at);
            self.0.write_str(plain)?;
            let mut chars = special.chars();
            match chars.next() {
                Some(c @ ('"' | '\\')) => write!(self.0, "\\{c}")?,
                Some(c) => write!(self.0, "\\u{:04x}", u32::from(c))?,
                None => {}
            }
            rest = chars.as_str();
        }
        self.0.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn line(log: impl FnOnce()) -> Value {
        let gathered = Gathered::default();
        let subscriber = lines::fmt().event_format(JsonLines).with_writer(gathered.clone()).finish();
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

    #[test]
    fn lines_gather_until_there_is_a_warning() {
        let gathered = Gathered::default();
        let subscriber = lines::fmt().event_format(JsonLines).with_writer(gathered.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("one");
            tracing::info!("two");
            assert_eq!(String::from_utf8_lossy(&gathered.lines()).lines().count(), 2);
            tracing::warn!("three");
            assert!(gathered.lines().is_empty());
        });
    }
}
