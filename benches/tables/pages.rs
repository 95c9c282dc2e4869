//! Writes what was measured between the marks of the pages, and nothing else of them.
use super::common::figures::Figure;
use super::growth;
use super::plot;
use super::rows::{self, Filled};
use std::path::Path;

/// The pages, and the marks in each.
pub const MARKS: [(&str, &[&str]); 2] =
    [("README.md", &["figures"]), ("docs/PERFORMANCE.md", &["targets", "growth", "others"])];

pub fn write(root: &Path, figures: &[Figure]) {
    let filled = rows::filled(figures);
    let machine = std::fs::read_to_string(root.join("benches/machine.txt")).unwrap_or_default();
    let table = format!("Measured on {}.\n\n{}", machine.trim(), what_users_ask(&filled));
    between(&root.join("README.md"), "figures", &table);
    let page = root.join("docs/PERFORMANCE.md");
    between(&page, "targets", &targets(&filled));
    between(&page, "others", &what_users_ask(&rows::others(figures)));
    let points = growth::points(figures);
    if !points.is_empty() {
        std::fs::write(root.join("docs/growth.svg"), plot::svg(&points)).expect("the plot is written");
        between(&page, "growth", &format!("![How the cost grows](growth.svg)\n\n{}", growth::table(&points)));
    }
}

/// What was measured, as the README has it.
pub fn what_users_ask(rows: &[Filled]) -> String {
    let lines = rows.iter().map(|row| format!("| {} | {} | `{}` |\n", row.what, row.measured, row.command));
    "| what | measured | command |\n| --- | --- | --- |\n".to_owned() + &lines.collect::<String>()
}

/// Held against what was wanted.
pub fn targets(rows: &[Filled]) -> String {
    let lines = rows.iter().filter(|row| !row.must.is_empty()).map(|row| {
        format!("| {} | {} | {} | {} | `{}` |\n", row.what, row.must, row.aim, row.measured, row.command)
    });
    "| what | must | aim | measured | command |\n| --- | --- | --- | --- | --- |\n".to_owned()
        + &lines.collect::<String>()
}

fn between(page: &Path, mark: &str, text: &str) {
    let old = std::fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let new = replaced(&old, mark, text);
    let new = new.unwrap_or_else(|| panic!("{} has no <!-- {mark}:begin --> and :end", page.display()));
    std::fs::write(page, new).expect("the page is written");
}

/// The page with this text between its marks; none if they are not there.
pub fn replaced(page: &str, mark: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {mark}:begin -->\n"), format!("<!-- {mark}:end -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{}\n\n{end}{after}", text.trim_end()))
}
