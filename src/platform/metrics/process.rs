//! The process, under the names that Prometheus knows from every other program.

use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeValLike;
use prometheus::{Counter, Gauge, IntGauge, IntGaugeVec, Opts, Registry};

use super::{gauge, register};

#[derive(Debug)]
pub(super) struct Process {
    cpu: Counter,
    resident: IntGauge,
    virtual_: IntGauge,
    open_fds: IntGauge,
}

impl Process {
    #[expect(clippy::disallowed_methods, reason = "Prometheus compares it with the machine's clock")]
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let build = Opts::new("portero_build_info", "Which Portero this is; the value is always 1.");
        let build = register(registry, IntGaugeVec::new(build, &["version"]))?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);

        let start = "When the process began to measure, in Unix seconds.";
        let start = register(registry, Gauge::new("process_start_time_seconds", start))?;
        start.set(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());

        let max_fds = gauge(registry, "process_max_fds", "How many files and sockets may be open.")?;
        max_fds.set(getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft.try_into().unwrap_or(i64::MAX)));

        let cpu = "Time that the processors spent on this process.";
        Ok(Self {
            cpu: register(registry, Counter::new("process_cpu_seconds_total", cpu))?,
            resident: gauge(registry, "process_resident_memory_bytes", "Memory in use.")?,
            virtual_: gauge(registry, "process_virtual_memory_bytes", "Address space in use.")?,
            open_fds: gauge(registry, "process_open_fds", "Files and sockets open now.")?,
        })
    }

    /// Looks at the process. What the system does not tell (`/proc` is Linux's) stays as it was.
    pub(super) fn look(&self) {
        if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
            let spent = (usage.user_time() + usage.system_time()).num_microseconds();
            #[expect(clippy::cast_precision_loss, reason = "microseconds stay exact for centuries of processor time")]
            let spent = spent as f64 / 1e6;
            self.cpu.inc_by((spent - self.cpu.get()).max(0.0));
        }
        if let Some((size, resident)) = std::fs::read_to_string("/proc/self/statm").ok().and_then(|pages| bytes(&pages))
        {
            self.virtual_.set(size);
            self.resident.set(resident);
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            // One of them is that directory.
            self.open_fds.set(i64::try_from(open.count().saturating_sub(1)).unwrap_or(i64::MAX));
        }
    }
}

/// The first two numbers of `statm`, which counts pages (proc_pid_statm(5)).
fn bytes(pages: &str) -> Option<(i64, i64)> {
    let page = i64::try_from(rustix::param::page_size()).ok()?;
    let mut fields = pages.split_whitespace().map(|field| field.parse::<i64>().ok()?.checked_mul(page));
    Some((fields.next()??, fields.next()??))
}

#[cfg(test)]
mod tests {
    use crate::platform::metrics::Metrics;

    #[test]
    fn the_process_is_seen() {
        let metrics = Metrics::on().expect("metrics");
        let text = metrics.text();
        for name in
            ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds"]
        {
            let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).expect(name);
            let value: f64 = line.split(' ').nth(1).and_then(|value| value.parse().ok()).expect("a number");
            assert!(value > 0.0, "{line}");
        }
    }
}
