//! Memory that is free goes back to the system.

/// The allocator keeps what is freed, in pieces between what is not: it is told to return whole pages of it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back_now() {
    #[expect(unsafe_code, reason = "it has no safe name")]
    // SAFETY: it takes no pointer, touches nothing that is in use, and may be called on any thread at any time.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}

/// Other allocators do it by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back_now() {}
