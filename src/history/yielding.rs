//! The store's own threads, which flush and merge tables, give way to those that somebody waits for.
//!
//! A merge takes a core for half a second every few seconds. On a machine that has none to spare, requests would come late
//! for as long.
use rustix::process::{Pid, setpriority_process};
use std::io;
use std::path::Path;
use std::time::Duration;

/// About a tenth of what another thread gets where both want the same core; all of one that is idle. With less, merges would fall
/// behind under full load, and the index would have to wait for them.
const NICE: i32 = 10;
/// The store gives its threads this name.
const NAME: &str = "fjall:worker";
/// A thread takes its name when it first runs: looked for so often, so long apart.
const LOOKS: usize = 100;
const APART: Duration = Duration::from_millis(1);

/// Has the store's `threads` give way. Where that can't be, merges take what they take, as a line in the log says.
pub fn give_way(threads: usize) {
    for _ in 0..LOOKS {
        match give_way_now() {
            Ok(found) if found >= threads => return,
            Ok(_) => std::thread::sleep(APART),
            Err(error) => {
                tracing::warn!(
                    "the history index merges at the priority of requests: {error}; hint: allow setpriority"
                );
                return;
            }
        }
    }
}

/// How many there are.
fn give_way_now() -> io::Result<usize> {
    // Only Linux has threads with priorities of their own, and this folder.
    let folder = Path::new("/proc/self/task");
    let mut found = 0;
    for thread in folder.read_dir()? {
        let thread = thread?;
        // A thread may have ended meanwhile.
        let name = std::fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
        let number = thread.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        if name.trim_end() == NAME {
            match setpriority_process(number, NICE) {
                Err(rustix::io::Errno::SRCH) => continue,
                done => done?,
            }
            found += 1;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::getpriority_process;
    use std::sync::mpsc;

    #[test]
    fn threads_of_that_name_give_way_and_no_others() {
        let own = rustix::thread::gettid();
        let before = getpriority_process(Some(own)).unwrap();
        let (send, number) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name(NAME.into()).spawn(move || {
            send.send(rustix::thread::gettid()).unwrap();
            let _ = ends.recv();
        });
        let number = number.recv().unwrap();
        give_way(1);
        assert_eq!(getpriority_process(Some(number)).unwrap(), NICE);
        assert_eq!(getpriority_process(Some(own)).unwrap(), before);
        drop(end);
        thread.unwrap().join().unwrap();
    }
}
