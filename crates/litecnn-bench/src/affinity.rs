/// Keeps this thread, and programs it starts from now on, to as many processors as an operation may use threads: the
/// first of those this process may use. Processors of a shared machine are not equally fast at every moment; two
/// programs timed in turn must take turns on the same ones. Does nothing where the system has no such thing.
#[cfg(target_os = "linux")]
pub fn share_processors(threads: usize) {
    use std::sync::OnceLock;

    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    static ALL: OnceLock<Option<CpuSet>> = OnceLock::new();
    let Some(all) = ALL.get_or_init(|| sched_getaffinity(None).ok()) else { return };
    let mut some = CpuSet::new();
    for processor in (0..CpuSet::MAX_CPU).filter(|&n| all.is_set(n)).take(threads.max(1)) {
        some.set(processor);
    }
    // Without it times are only less even.
    let _ = sched_setaffinity(None, &some);
}

/// As on Linux, but there is nothing to be done.
#[cfg(not(target_os = "linux"))]
pub fn share_processors(_threads: usize) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn programs_started_have_as_many_processors_as_threads() {
        // The mask is a thread's, and a test has its own.
        let offered = || {
            let output = std::process::Command::new("nproc").env_remove("OMP_NUM_THREADS").output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().parse::<usize>().unwrap()
        };
        let all = offered();
        for threads in [1, all, 1] {
            share_processors(threads);
            assert_eq!(offered(), threads);
        }
    }
}
