//! Interrupted, and run again: nothing is lost, and nothing counts twice.
use super::*;
use crate::support::process::binary;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

const ROWS: u64 = 1_500;

/// Lots, spends, transfers and members, with expiry in between.
fn rows() -> Vec<Value> {
    let mut rows = Vec::new();
    for n in 0..ROWS {
        let moment = format!("2022-01-{:02} {:02}:{:02}:00", n / 60 / 24 + 1, n / 60 % 24, n % 60);
        let (member, other) = (format!("m{}", n % 40), format!("m{}", (n + 1) % 40));
        rows.push(match n % 4 {
            0 => json!({"kind": "lot", "member_no": member, "event_no": format!("l{n}"), "create_time": moment,
                        "points": 10, "remaining": 7, "expire_days": n % 50 + 1}),
            1 | 2 => json!({"kind": "event", "operation": "produce", "member_no": member, "event_no": format!("p{n}"),
                            "create_time": moment, "points": 5.5, "event_type": "event", "expire_days": 300}),
            _ => json!({"kind": "event", "operation": "transfer_direct", "from_user": other, "to_user": member,
                        "transfer_no": format!("t{n}"), "create_time": moment, "points": 0.25}),
        });
    }
    // Some have nothing to send yet.
    let first = rows.iter().position(|row| row["transfer_no"] == "t43").unwrap();
    let rows: Vec<Value> = rows
        .into_iter()
        .enumerate()
        .filter(|(n, row)| row["transfer_no"].is_null() || *n > first)
        .map(|(_, row)| row)
        .collect();
    let members = (0..40).map(|n| {
        json!({"kind": "member", "member_no": format!("m{n}"), "mobile": format!("1860000{n:04}"), "name": format!("N {n}")})
    });
    rows.into_iter().chain(members).collect()
}

fn write_file(folder: &std::path::Path, rows: &[Value]) -> PathBuf {
    let path = folder.join("rows.ndjson");
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_second_run_imports_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rows = rows();
    let first = import_into(folder.path(), &rows, |_| {});
    assert_eq!(first.refused, []);
    assert_eq!((first.there_already, first.profiles_set), (0, 40));
    let before = log_of(folder.path());
    let second = import_into(folder.path(), &rows, |_| {});
    assert_eq!((second.imported, second.there_already, second.records), (0, first.imported, 0));
    assert_eq!((second.profiles_set, second.profiles_kept), (0, 40));
    assert_eq!(log_of(folder.path()), before, "not a record more");
}

#[test]
fn an_import_that_is_killed_is_completed_by_running_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = write_file(folder.path(), &rows());
    let whole = folder.path().join("whole");
    let run = |data: &std::path::Path| -> Command {
        let mut command = binary();
        command.arg("import").arg(&file).args([
            "--tenant",
            TENANT,
            "--as-of",
            "2022-06-16 12:00:00",
            "--data-dir",
        ]);
        command.arg(data).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    assert!(run(&whole).status().unwrap().success());
    let wanted = log_of(&whole);
    let mut in_the_middle = 0;
    for round in 0..8_u64 {
        let data = folder.path().join(format!("killed-{round}"));
        let mut child = run(&data).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(100 * round));
        let _ = child.kill();
        let _ = child.wait();
        let there = if data.join("wal/LOG").exists() { log_of(&data) } else { Vec::new() };
        assert_eq!(there[..], wanted[..there.len()], "the beginning of it, whenever it was killed");
        in_the_middle += u32::from(!there.is_empty() && there.len() < wanted.len());
        assert!(run(&data).status().unwrap().success());
        assert_eq!(log_of(&data), wanted, "round {round}");
        assert!(verify(&data).status.success());
    }
    eprintln!("import: killed {in_the_middle} times between the first record and the last");
}

#[test]
fn wherever_the_log_was_cut_off_the_next_run_goes_on_there() {
    let lot = |number: &str, moment: &str, rest: Value| {
        let mut row =
            json!({"kind": "lot", "member_no": "a", "event_no": number, "create_time": moment, "points": 10});
        row.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        row
    };
    let event = |operation: &str, moment: &str, rest: Value| {
        let mut row = json!({"kind": "event", "operation": operation, "create_time": moment});
        row.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        row
    };
    let transfer =
        |number: &str| json!({"transfer_no": number, "from_user": "a", "to_user": "b", "points": 2});
    let rows = [
        lot("l1", "2022-01-01 00:00:00", json!({"remaining": 5, "reversed": 2})),
        lot("l2", "2022-01-01 00:00:00", json!({"remaining": 6, "unfreeze_time": "2022-01-03 00:00:00"})),
        lot("l3", "2022-01-01 01:00:00", json!({"remaining": 0, "expired": 4, "expire_days": 3})),
        event("transfer_direct", "2022-01-02 00:00:00", transfer("t1")),
        event("transfer", "2022-01-02 01:00:00", transfer("t2")),
        event(
            "accept",
            "2022-01-02 02:00:00",
            json!({"transfer_no": "t2", "from_user": "a", "member_no": "b"}),
        ),
        event("transfer", "2022-01-02 03:00:00", transfer("t3")),
        event("transfer", "2022-01-04 12:00:00", transfer("t4")),
        event("transfer_cancel", "2022-01-04 13:00:00", json!({"transfer_no": "t4", "member_no": "a"})),
        event("consume", "2022-01-03 12:00:00", json!({"member_no": "b", "event_no": "c", "points": 1.5})),
        event(
            "reverse_consume",
            "2022-01-06 00:00:00",
            json!({"member_no": "b", "event_no": "g", "origin_event_no": "c"}),
        ),
        event(
            "reverse_produce",
            "2022-01-07 00:00:00",
            json!({"member_no": "a", "event_no": "r", "origin_event_no": "l1", "allow_negative": true}),
        ),
        json!({"kind": "member", "member_no": "a", "tier": "gold"}),
        json!({"kind": "member", "member_no": "b"}),
    ];
    let whole = tempfile::tempdir().unwrap();
    assert_eq!(import_into(whole.path(), &rows, |_| {}).refused, []);
    let wanted = log_of(whole.path());
    let kept = records_of(whole.path());
    for through in 0..kept.len() {
        let folder = tempfile::tempdir().unwrap();
        write_log(folder.path(), &kept[..through]);
        let report = import_into(folder.path(), &rows, |_| {});
        assert_eq!(report.refused, [], "after record {through}");
        assert_eq!(log_of(folder.path()), wanted, "after record {through}");
    }
}

type Records = Vec<(u16, Vec<u8>)>;

fn records_of(data: &std::path::Path) -> Records {
    use eros_points::ledger::lsn::Lsn;
    use eros_points::store::folder::Folder;
    use eros_points::store::recovery::{Mode, replay};
    let folder = Folder::at(data);
    let log_id = folder.log_id(&RealDisk).unwrap().unwrap();
    let mut records = Vec::new();
    let visit = |record: eros_points::format::scan::LogRecord<'_>| {
        records.push((record.partition, record.payload.to_vec()));
        Ok(())
    };
    replay(&RealDisk, &folder, log_id, Lsn::ZERO, Mode::LookOnly, visit, |_| {}).unwrap();
    records
}

/// A log of these records, as a process that was killed after the last of them leaves it.
fn write_log(data: &std::path::Path, records: &[(u16, Vec<u8>)]) {
    use eros_points::format::frame::{FrameKind, frame_header, push_record};
    use eros_points::format::segment::{Chain, SegmentHeader};
    const LOG_ID: u128 = 77;
    if records.is_empty() {
        return;
    }
    let mut chain = Chain::default();
    let mut bytes = SegmentHeader { log_id: LOG_ID, ordinal: 1, chain: chain.clone() }.encode();
    for (partition, record) in records {
        let sequence = &mut chain.sequences[usize::from(*partition)];
        *sequence += 1;
        let mut payload = Vec::new();
        push_record(&mut payload, *partition, *sequence, record);
        bytes.extend(frame_header(LOG_ID, &mut chain, FrameKind::Batch, 1, &payload));
        bytes.extend(payload);
    }
    std::fs::create_dir_all(data.join("wal")).unwrap();
    std::fs::write(data.join("wal/00000000000000000001.seg"), bytes).unwrap();
}
