//! Memory that is free, or only the start has used, goes back to the system.

/// The allocator keeps what is freed, in pieces between what is not: it is told to return whole pages of it. Lets go of instructions, too.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back_now() {
    #[expect(unsafe_code, reason = "it has no safe name")]
    // SAFETY: it takes no pointer, touches nothing that is in use, and may be called on any thread at any time.
    unsafe {
        nix::libc::malloc_trim(0);
    }
    let_go_of_instructions();
}

/// Each instruction that ever ran keeps at least 64 KiB of the program mapped: all of that is let go, and what runs again comes back from the
/// system's cache. That takes less than a millisecond, and one or two more for those who run meanwhile.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn let_go_of_instructions() {
    let mapped = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for (begin, end) in instructions(&mapped) {
        #[expect(unsafe_code, reason = "it has no safe name")]
        // SAFETY: the range is a whole mapping of the program's file that nobody can write. What is let go is the same when it is read again.
        unsafe {
            nix::libc::madvise(std::ptr::with_exposed_provenance_mut(begin), end - begin, nix::libc::MADV_DONTNEED);
        }
    }
}

/// Other allocators do it by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back_now() {}

/// Other systems do it when memory is short.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn let_go_of_instructions() {}

/// Where a program's instructions are mapped, and nothing that was ever written: of all that the system says it has mapped (proc(5)), the program
/// itself comes first.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn instructions(mapped: &str) -> impl Iterator<Item = (usize, usize)> {
    let lines = mapped.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let program = lines.clone().find_map(|columns| columns.get(5).map(|path| (*path).to_owned()));
    lines.filter_map(move |columns| {
        let [range, "r-xp", _, _, _, path, ..] = columns.as_slice() else { return None };
        let (begin, end) = range.split_once('-').filter(|_| program.as_deref() == Some(*path))?;
        Some((usize::from_str_radix(begin, 16).ok()?, usize::from_str_radix(end, 16).ok()?))
    })
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_what_can_run_and_never_was_written() {
        let mapped = "\
            55e0c8400000-55e0c9300000 r--p 00000000 fe:00 1 /opt/portero (deleted)\n\
            55e0c9300000-55e0cb4c3000 r-xp 00f00000 fe:00 1 /opt/portero (deleted)\n\
            55e0cb4c3000-55e0cb5b0000 r--p 030c3000 fe:00 1 /opt/portero (deleted)\n\
            55e0cb5b0000-55e0cb5c0000 rwxp 031b0000 fe:00 1 /opt/portero (deleted)\n\
            55e0cc000000-55e0cd000000 rw-p 00000000 00:00 0 [heap]\n\
            7f0000000000-7f0000200000 r-xp 00000000 00:00 0\n\
            7f1000000000-7f1000200000 r-xp 00000000 fe:00 2 /lib/libc.so.6\n";
        assert_eq!(instructions(mapped).collect::<Vec<_>>(), [(0x55e0_c930_0000, 0x55e0_cb4c_3000)]);
        assert_eq!(instructions("").count(), 0);
    }

    /// How much of this program's instructions is mapped, in KiB.
    fn mapped() -> usize {
        let all = std::fs::read_to_string("/proc/self/smaps").expect("Linux says it");
        let program = all.split_ascii_whitespace().find(|word| word.starts_with('/')).expect("a path").to_owned();
        let mine = all.lines().skip_while(|line| !(line.contains(" r-xp ") && line.ends_with(&program)));
        let mut mine = mine.filter_map(|line| line.strip_prefix("Rss:"));
        mine.next().and_then(|rss| rss.trim().trim_end_matches(" kB").parse().ok()).expect("KiB")
    }

    #[test]
    fn what_ran_is_let_go_and_runs_again() {
        // Whatever other tests run meanwhile comes back: of a few tries one finds less.
        let gave_back = (0..20).any(|_| {
            let before = mapped();
            let_go_of_instructions();
            mapped() < before
        });
        assert!(gave_back);
    }
}
