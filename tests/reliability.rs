//! `docs/RELIABILITY.md` names a test for each failure: all of them are there.
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The cells of each row of the page's tables of failures: what fails, what happens, what shows it.
fn failures(page: &str) -> Vec<[&str; 3]> {
    let from = page.find("\n## Failures").expect("a chapter on failures");
    let chapter = &page[from + 4..];
    let chapter = chapter.find("\n## ").map_or(chapter, |end| &chapter[..end]);
    let rows = chapter.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = rows.map(|row| row.split(" | ").collect::<Vec<_>>());
    cells
        .map(|cells| cells.try_into().expect("three cells"))
        .filter(|[failure, ..]: &[&str; 3]| *failure != "failure" && *failure != "---")
        .collect()
}

/// The names between backquotes.
fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Whether a module of the suite, or of the program itself, has the function; or, for a command, whether the file is there.
fn is_there(name: &str) -> bool {
    let Some((module, function)) = name.rsplit_once("::") else { return root().join(name).exists() };
    let path = module.trim_end_matches("::tests").replace("::", "/");
    let inside = module.replace("::", "/");
    let files = [
        format!("tests/{path}.rs"),
        format!("tests/{path}/mod.rs"),
        format!("src/{path}.rs"),
        format!("src/{inside}.rs"),
    ];
    files.iter().any(|file| has(&root().join(file), function))
}

fn has(file: &Path, function: &str) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("fn {function}(")))
}

#[test]
fn every_failure_on_the_page_has_tests_that_exist() {
    let page = std::fs::read_to_string(root().join("docs/RELIABILITY.md")).expect("the page");
    let failures = failures(&page);
    assert!(failures.len() >= 40, "{} failures", failures.len());
    for [failure, happens, shown] in failures {
        assert!(!happens.is_empty(), "{failure}");
        let names = names(shown);
        assert!(!names.is_empty(), "nothing shows: {failure}");
        for name in names {
            assert!(is_there(name), "{failure}: there is no {name}");
        }
    }
}
