//! Bugs to be planted, each a patch that breaks one promise: `tests/planted/run` shows that each is found. Here only that all
//! of them can still be planted.
use std::path::Path;

/// So many promises at least have a bug that breaks them.
const LEAST: usize = 20;

/// Each hunk of a patch: the file, what stands there, and what would stand there.
fn hunks(patch: &str) -> Vec<(&str, String, String)> {
    let mut hunks: Vec<(&str, String, String)> = Vec::new();
    let mut file = "";
    for line in patch.lines() {
        if let Some(path) = line.strip_prefix("--- a/") {
            file = path;
        } else if line.starts_with("@@ ") {
            hunks.push((file, String::new(), String::new()));
        } else if let Some((_, old, new)) = hunks.last_mut() {
            let (mark, text) = line.split_at_checked(1).unwrap_or((" ", ""));
            match mark {
                "-" => *old += &format!("{text}\n"),
                "+" => *new += &format!("{text}\n"),
                _ => {
                    *old += &format!("{text}\n");
                    *new += &format!("{text}\n");
                }
            }
        }
    }
    hunks
}

#[test]
fn every_bug_can_still_be_planted_and_says_what_it_breaks_and_what_finds_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(root.join("tests/planted")).expect("the folder of patches");
    let paths = files.map(|file| file.expect("a file").path());
    let patches: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|ending| ending == "patch")).collect();
    assert!(patches.len() >= LEAST, "only {} bugs", patches.len());
    for path in patches {
        let patch = std::fs::read_to_string(&path).expect("a patch");
        let name = path.display();
        for header in ["Promise: ", "Found by: "] {
            let said = patch.lines().find_map(|line| line.strip_prefix(header));
            assert!(said.is_some_and(|said| !said.is_empty()), "{name} has no line \"{header}\"");
        }
        let hunks = hunks(&patch);
        assert!(!hunks.is_empty(), "{name} changes nothing");
        for (file, old, new) in hunks {
            let text = std::fs::read_to_string(root.join(file)).expect("a file that a patch names");
            assert_ne!(old, new, "{name} changes nothing");
            assert_eq!(text.matches(&old).count(), 1, "{name} does not fit {file} any more:\n{old}");
        }
    }
}
