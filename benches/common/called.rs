//! Who calls: `cargo bench` measures, `cargo test` makes a tiny run, so that a load program does not rot.

/// How a load program was called.
pub enum Called {
    /// `cargo bench`, which says so, or the program itself with arguments that are its own.
    ToMeasure,
    /// `cargo test`: a run of seconds, whose figures mean nothing.
    ToTest,
    /// `cargo test`, for a list of tests or with a filter that leaves this one out.
    ForNothing,
}

/// `cargo bench` gives `--bench`. `cargo test` gives what is meant for the tests' own harness: a filter, and flags such as
/// `--nocapture`, which a tiny run knows nothing of.
pub fn called(name: &str) -> Called {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--bench") {
        return Called::ToMeasure;
    }
    let test = format!("{name}_tiny");
    if arguments.iter().any(|argument| argument == "--list") {
        println!("{test}: test");
        return Called::ForNothing;
    }
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let is_left_out = !filters.is_empty() && !filters.iter().any(|filter| test.contains(filter.as_str()));
    if is_left_out { Called::ForNothing } else { Called::ToTest }
}
