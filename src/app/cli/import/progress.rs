use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error, on a terminal only. Without a `length` it shows that something moves.
pub(super) fn bar(what: &'static str, length: Option<u64>, template: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new).with_message(what);
    let template = if length.is_some() { template } else { "{msg} {spinner} {elapsed}" };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// For work whose bytes are counted.
pub(super) const BYTES: &str = "{msg} {wide_bar} {bytes}/{total_bytes} {eta}";

/// For work whose items are counted.
pub(super) const ITEMS: &str = "{msg} {wide_bar} {pos}/{len} {eta}";
