//! The README's tour, pasted as a newcomer would: every command, and what it prints.
use crate::support::process::Process;
use std::process::Command;

const README: &str = include_str!("../README.md");

/// Commands, and what the README says they print; none where they print nothing.
struct Paste {
    commands: String,
    printed: String,
}

/// The blocks of the tour: `sh` is pasted, the `text` after it is what comes of it.
fn pastes() -> Vec<Paste> {
    let (_, tour) = README.split_once("## Five minutes with curl\n").expect("the README has a tour");
    let tour = tour.split("\n## ").next().expect("a section");
    let mut pastes: Vec<Paste> = Vec::new();
    for block in tour.split("\n```").skip(1) {
        match block.split_once('\n') {
            Some(("sh", commands)) => {
                pastes.push(Paste { commands: commands.to_owned(), printed: String::new() });
            }
            Some(("text", printed)) => {
                pastes.last_mut().expect("a command before").printed = printed.to_owned()
            }
            _ => {}
        }
    }
    pastes
}

/// Times and record numbers are the moment's: they stand for themselves.
fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let time = rest.get(..19).filter(|time| is_time(time));
        let number = rest.strip_prefix("\"auto_id\":");
        if time.is_some() {
            out.push_str("TIME");
            rest = &rest[19..];
        } else if let Some(after) = number {
            out.push_str("\"auto_id\":N");
            rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        } else {
            out.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    out.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn is_time(text: &str) -> bool {
    let form = "dddd-dd-dd dd:dd:dd";
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            mark => byte == mark,
        })
}

#[test]
fn the_tour_prints_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.txt");
    let ready = Process::spawn(&folder.path().join("data"), &log, &[("LOG", "warn")]).ready().unwrap();
    // One shell for all of it, as in a terminal; what each block prints is told apart by a mark.
    const MARK: &str = "---- next ----";
    let pastes = pastes();
    assert!(pastes.len() >= 8, "the tour is where it is looked for");
    let script: String =
        pastes.iter().map(|paste| format!("{}\necho; echo '{MARK}'\n", paste.commands)).collect();
    let script = script.replace("127.0.0.1:21100", &ready.address.to_string());
    let output = Command::new("bash").args(["-c", &script]).output().expect("bash runs, and curl with it");
    let printed = String::from_utf8(output.stdout).unwrap();
    let printed: Vec<&str> = printed.split(MARK).collect();
    assert_eq!(printed.len(), pastes.len() + 1, "{}", String::from_utf8_lossy(&output.stderr));
    for (paste, printed) in pastes.iter().zip(printed) {
        assert_eq!(masked(printed), masked(&paste.printed), "printed by:\n{}", paste.commands);
    }
}
