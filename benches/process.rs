//! What Linux tells of a process.

use std::fs;
use std::path::Path;

use anyhow::Context;

/// Ticks in which /proc counts CPU time: 100 a second, whatever the kernel's own clock.
const TICKS: f64 = 100.0;

/// User and system time of a process and of its living children.
pub fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let own = stat(pid).with_context(|| format!("process {pid} is gone"))?.ticks;
    let ticks = own + children(pid)?.filter_map(stat).map(|child| child.ticks).sum::<u64>();
    #[expect(clippy::cast_precision_loss, reason = "few enough")]
    let ticks = ticks as f64;
    Ok(ticks / TICKS)
}

fn children(pid: u32) -> anyhow::Result<impl Iterator<Item = u32>> {
    let processes = fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(processes.filter(move |child| stat(*child).is_some_and(|child| child.parent == pid)))
}

struct Stat {
    parent: u32,
    ticks: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat { parent: fields.get(1)?.parse().ok()?, ticks: number(11)? + number(12)? })
}

/// Resident memory of a process and of its living children in MiB.
pub fn resident(pid: u32) -> anyhow::Result<f64> {
    let own = resident_kib(pid).with_context(|| format!("process {pid} is gone"))?;
    let kib = own + children(pid)?.filter_map(resident_kib).sum::<f64>();
    Ok(kib / 1024.0)
}

fn resident_kib(pid: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().trim_end_matches(" kB").parse().ok()
}

/// The postmaster of a private Postgres.
pub fn postmaster(directory: &Path) -> anyhow::Result<u32> {
    let file = fs::read_to_string(directory.join("postgres/postmaster.pid"))?;
    Ok(file.lines().next().context("an empty postmaster.pid")?.trim().parse()?)
}
