//! The one table: what was measured, against what, and whether that is enough.

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};

use crate::stats::Rounds;

/// How a value reads.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    PerSecond,
    /// Given in microseconds.
    Time,
    Mebibytes,
    Pages,
    Share,
}

/// What a figure is to reach.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// Against its baseline.
    RatioAtLeast(f64),
    RatioAtMost(f64),
    /// No further from 1 than this.
    RatioWithin(f64),
    /// By itself.
    AtLeast(f64),
    AtMost(f64),
    /// It is shown, nothing is asked of it.
    None,
}

pub struct Row {
    pub figure: String,
    pub unit: Unit,
    pub value: Rounds,
    pub baseline: Option<(&'static str, Rounds)>,
    pub target: Target,
}

impl Row {
    pub fn alone(figure: impl Into<String>, unit: Unit, value: Rounds, target: Target) -> Self {
        Self { figure: figure.into(), unit, value, baseline: None, target }
    }

    pub fn against(
        baseline: (&'static str, &Rounds),
        figure: impl Into<String>,
        unit: Unit,
        value: Rounds,
        target: Target,
    ) -> Self {
        let baseline = Some((baseline.0, baseline.1.clone()));
        Self { figure: figure.into(), unit, value, baseline, target }
    }

    fn ratio(&self) -> Option<Rounds> {
        self.baseline.as_ref().map(|(_, baseline)| self.value.ratio_to(baseline))
    }

    /// What was to be reached, and whether it was.
    fn verdict(&self) -> (String, &'static str) {
        let ratio = self.ratio().map_or(f64::NAN, |ratio| ratio.median());
        let (text, met) = match self.target {
            Target::RatioAtLeast(least) => (format!(">= {least} x"), ratio >= least),
            Target::RatioAtMost(most) => (format!("<= {most} x"), ratio <= most),
            Target::RatioWithin(share) => (format!("1 x, within {:.0} %", share * 100.0), (ratio - 1.0).abs() <= share),
            Target::AtLeast(least) => (format!(">= {}", show(self.unit, least)), self.value.median() >= least),
            Target::AtMost(most) => (format!("<= {}", show(self.unit, most)), self.value.median() <= most),
            Target::None => return (String::new(), ""),
        };
        (text, if met { "yes" } else { "NO" })
    }
}

fn show(unit: Unit, value: f64) -> String {
    match unit {
        Unit::PerSecond => format!("{value:.0}/s"),
        Unit::Time if value < 1000.0 => format!("{value:.1} us"),
        Unit::Time if value < 1e6 => format!("{:.2} ms", value / 1e3),
        Unit::Time => format!("{:.2} s", value / 1e6),
        Unit::Mebibytes => format!("{value:.1} MiB"),
        Unit::Pages => format!("{value:.0}"),
        Unit::Share => format!("{:.1} %", value * 100.0),
    }
}

/// The median, and from what to what the rounds went.
fn spread(rounds: &Rounds, show: impl Fn(f64) -> String) -> String {
    let median = show(rounds.median());
    if rounds.0.len() < 2 { median } else { format!("{median} ({} .. {})", show(rounds.least()), show(rounds.most())) }
}

pub fn print(rows: &[Row]) {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header(["figure", "Portero", "baseline", "ratio", "to reach", "met"]);
    for column in 1..4 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for row in rows {
        let value = spread(&row.value, |value| show(row.unit, value));
        let baseline = row.baseline.as_ref();
        let baseline = baseline.map_or_else(String::new, |(what, rounds)| {
            format!("{what}: {}", spread(rounds, |value| show(row.unit, value)))
        });
        let ratio = row.ratio().map_or_else(String::new, |ratio| spread(&ratio, |ratio| format!("{ratio:.2}")));
        let (target, met) = row.verdict();
        table.add_row([row.figure.clone(), value, baseline, ratio, target, met.to_owned()]);
    }
    println!("{table}");
}
