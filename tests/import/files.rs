//! The file itself: two formats that say the same, and what can't be read at all.
use super::*;

const CSV: &str = include_str!("golden.csv");
const NDJSON: &str = include_str!("golden.ndjson");

fn import(name: &str, text: &str, format: Option<Format>) -> (tempfile::TempDir, anyhow::Result<Report>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, text).unwrap();
    let mut job = job(&folder.path().join("data"), &file);
    job.format = format;
    let done = run(&job, &mut |_, _, _| {});
    (folder, done)
}

#[test]
fn the_golden_file_is_the_same_log_in_either_format() {
    let (csv, report) = import("golden.csv", CSV, None);
    let report = report.unwrap();
    assert_eq!((report.refused.len(), report.reconciled.differences.len()), (0, 0), "{report:?}");
    assert_eq!(
        (report.counts.rows, report.counts.members, report.counts.lots, report.counts.events),
        (11, 2, 4, 5)
    );
    let log = log_of(&csv.path().join("data"));
    let (ndjson, report) = import("golden.ndjson", NDJSON, None);
    assert_eq!(report.unwrap().refused, []);
    assert_eq!(log_of(&ndjson.path().join("data")), log);
    let told: Vec<String> = log.iter().map(line).collect();
    let golden: Vec<&str> = include_str!("golden.txt").lines().collect();
    assert_eq!(told, golden);
}

/// A record in a line: when, whose, what, under which number, how many.
fn line(record: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let content = &record["content"];
    format!(
        "{} {} {} {} {}",
        text(&record["at"]),
        text(&record["member_no"]),
        text(&record["event"]),
        text(&record["key"]),
        text(&content["points"])
    )
}

#[test]
fn a_byte_order_mark_carriage_returns_and_empty_lines_do_no_harm() {
    let text = CSV.replace("two\nlines", "one line");
    let (plain, _) = import("a.csv", &text, None);
    let other = format!("\u{feff}{}", text.replace('\n', "\r\n").replacen("\r\n", "\r\n\r\n", 3));
    let (windows, report) = import("a.csv", &other, None);
    assert_eq!(report.unwrap().refused, []);
    assert_eq!(log_of(&windows.path().join("data")), log_of(&plain.path().join("data")));
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    let text = "kind,member_no,event_no,create_time,points,event_desc\n\n\
                lot,m,a,2022-01-01 00:00:00,1,\"two\nlines\"\n\
                lot,m,b,2022-01-01 00:00:00,-1,\n";
    let (_, report) = import("a.csv", text, None);
    let refused = report.unwrap().refused;
    assert_eq!((refused.len(), refused[0].line), (1, 5), "{refused:?}");
    assert!(refused[0].why.contains("points: must be above 0"), "{refused:?}");
}

#[test]
fn the_format_is_told_by_the_ending_or_by_a_flag() {
    let (_, refused) = import("rows.txt", CSV, None);
    assert!(refused.unwrap_err().to_string().contains("--format"));
    let (_, taken) = import("rows.txt", CSV, Some(Format::Csv));
    assert!(taken.unwrap().written);
    let (_, taken) = import("rows.JSONL", NDJSON, None);
    assert!(taken.unwrap().written);
}

#[test]
fn what_can_t_be_read_as_rows_is_refused_whole_with_its_line() {
    for (text, words) in [
        ("", "line 1"),
        ("kind,pionts\n", "line 1: there is no column \"pionts\""),
        ("kind,points,kind\n", "line 1: the column \"kind\" is there twice"),
        ("kind,points\nlot,\"1\n", "line 2: a quote"),
    ] {
        let (folder, refused) = import("a.csv", text, None);
        let refused = format!("{:#}", refused.expect_err(words));
        assert!(refused.contains(words), "{refused}");
        assert!(!folder.path().join("data/wal/LOG").exists(), "nothing was begun");
    }
}
