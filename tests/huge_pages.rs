//! Memory comes in huge pages while the service starts, and in ordinary ones once it answers.
use crate::support::process::Process;
use std::path::Path;

#[test]
fn a_start_asks_for_huge_pages_and_requests_never_wait_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let ready =
        Process::spawn(&folder.path().join("data"), &folder.path().join("log.txt"), &[]).ready().unwrap();
    let of_process = |file: &str| {
        std::fs::read_to_string(format!("/proc/{}/{file}", ready.process.id())).expect("what the system says")
    };
    let status = of_process("status");
    let allowed = status.lines().find_map(|line| line.strip_prefix("THP_enabled:")).expect("a line for it");
    assert_eq!(allowed.trim(), "0", "it gets ordinary pages from now on");
    // A system without huge pages knows of no wish for them either.
    if Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
        let maps = of_process("smaps");
        let mut flags = maps.lines().filter_map(|line| line.strip_prefix("VmFlags:"));
        assert!(
            flags.any(|flags| flags.split_whitespace().any(|flag| flag == "hg")),
            "the heap wished for them"
        );
    }
}
