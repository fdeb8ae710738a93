//! How much memory this machine can still give, and giving it back.

/// Bytes that could be taken without pushing others out; `None` where the system does not say.
///
/// What the kernel thinks it can give without swapping, or what is left of this control group's limit, if that is less.
pub fn available() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| of_meminfo(&text));
    match (machine, of_group()) {
        (Some(machine), Some(group)) => Some(machine.min(group)),
        (machine, group) => machine.or(group),
    }
}

/// Gives what was freed back to the system, which the allocator would keep for a while: before and after work that takes much
/// memory for long, like a model. It would lie in pages that were in use for something else, and take all of each.
#[allow(unsafe_code)]
pub fn give_back() {
    // SAFETY: it is handed nothing, and any thread may call it at any time.
    unsafe { libmimalloc_sys::mi_collect(true) };
}

fn of_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

fn of_group() -> Option<u64> {
    let read = |name: &str| -> Option<u64> {
        std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse().ok()
    };
    // "max" is no number: no limit.
    let (limit, used) = (read("memory.max")?, read("memory.current")?);
    // Files in the cache are counted as used, and given up when asked for.
    let stat = std::fs::read_to_string("/sys/fs/cgroup/memory.stat").ok()?;
    let cached =
        stat.lines().find_map(|line| line.strip_prefix("file ")?.trim().parse::<u64>().ok()).unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(cached)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        let text = "MemTotal:       24670000 kB\nMemFree:         100 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(of_meminfo(text), Some(2048 * 1024));
        assert_eq!(of_meminfo("MemTotal: 1 kB\n"), None);
    }
}
