//! The command as its users run it: what it prints, and how it exits.
use super::*;
use crate::support::process::binary;
use std::process::Output;
use tempfile::TempDir;

const CSV: &str = include_str!("golden.csv");

struct Place {
    folder: TempDir,
}

impl Place {
    fn with(text: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rows.csv"), text).unwrap();
        Place { folder }
    }

    fn import(&self, more: &[&str]) -> Output {
        let mut command = binary();
        command.arg("import").arg(self.folder.path().join("rows.csv"));
        command.args(["--tenant", TENANT, "--as-of", "2022-06-16 12:00:00"]).args(more);
        command.arg("--data-dir").arg(self.folder.path().join("data")).output().unwrap()
    }
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

#[track_caller]
fn says(output: &Output, success: bool, words: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.success(), success, "{said}");
    words.iter().for_each(|word| assert!(said.contains(word), "{word:?} is not said: {said}"));
}

#[test]
fn tells_what_it_read_imported_wrote_and_compared() {
    let place = Place::with(CSV);
    let dry = place.import(&["--dry-run"]);
    says(
        &dry,
        true,
        &["rows: 11, of them 2 members, 4 lots, 5 events; 0 refused", "2 members agree", "dry run"],
    );
    assert!(!place.folder.path().join("data/wal/LOG").exists());
    let words = [
        "imported: 9 lots and events, 0 were there",
        "profiles: 2 set",
        "17 written, through record 17",
        "0 differences",
    ];
    says(&place.import(&[]), true, &words);
    says(
        &place.import(&[]),
        true,
        &["imported: 0 lots and events, 9 were there already", "records: 0 written"],
    );
    assert!(verify(&place.folder.path().join("data")).status.success());
}

#[test]
fn a_refused_row_is_told_with_its_line_and_ends_it_unless_it_is_to_be_skipped() {
    let place = Place::with(&CSV.replace("c-1,,12.5", "c-1,,1200.5"));
    let words = [
        "refused: line 9: not enough active points: 1200.5 asked",
        "2 rows are refused: nothing was imported",
        "--skip-refused",
    ];
    says(&place.import(&[]), false, &words);
    assert!(!place.folder.path().join("data/wal/LOG").exists());
    says(
        &place.import(&["--skip-refused"]),
        true,
        &["refused: line 10:", "imported: 7 lots and events (the rest"],
    );
}

#[test]
fn a_difference_is_listed_and_is_an_error() {
    let place = Place::with(&CSV.replace("160.5,85.25", "160.5,85.2501"));
    let words = [
        "DIFFERENCE: line 2, member ann of 10080: active_points was 85.2501, and is 85.25 here",
        "1 members agree, 1 differences",
    ];
    says(&place.import(&[]), false, &words);
}

#[test]
fn a_wrong_option_is_named() {
    let place = Place::with(CSV);
    says(&place.import(&["--format", "xls"]), false, &["--format", "csv", "ndjson"]);
    let as_of = |time: &str| {
        let mut command = binary();
        command.arg("import").arg(place.folder.path().join("rows.csv")).args(["--as-of", time]);
        command.arg("--data-dir").arg(place.folder.path().join("data")).output().unwrap()
    };
    says(&as_of("yesterday"), false, &["--as-of: must be a time"]);
    says(&as_of("2999-01-01 00:00:00"), false, &["--as-of: must not lie in the future"]);
    says(&as_of("2022-06-16 12:00:00"), false, &["crm_id: is required"]);
    let absent = binary()
        .args(["import", "absent.csv", "--tenant", TENANT, "--data-dir"])
        .arg(place.folder.path().join("data"))
        .output();
    says(&absent.unwrap(), false, &["opening absent.csv"]);
}
