//! What the tests look at: that the pages have their marks, that figures find their rows, that the picture is drawn. No bench
//! is run; each has a tiny run of its own.
use super::common::figures::Figure;
use super::{growth, list, pages, plot, root, rows};

pub fn run() {
    for (page, marks) in pages::MARKS {
        let text =
            std::fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        for mark in marks {
            let written =
                pages::replaced(&text, mark, "| a table |").unwrap_or_else(|| panic!("{page} lacks {mark}"));
            assert!(written.contains("\n| a table |\n"));
            assert_eq!(
                pages::replaced(&written, mark, "| a table |"),
                Some(written.clone()),
                "twice is once"
            );
        }
    }
    assert!(list::RUNS.iter().any(|run| run.is_chosen(&["http/zipf".into()])));
    assert_eq!(list::RUNS.iter().filter(|run| run.is_chosen(&["nothing".into()])).count(), 0);
    numbers();
    tables();
}

fn numbers() {
    let written =
        [(0.284, 2, "0.28"), (12.0, 1, "12.0"), (23_749.6, 0, "23,700"), (1_234_567.0, 0, "1,230,000")];
    for (value, decimals, text) in written {
        assert_eq!(rows::number(value, decimals), text);
    }
}

fn tables() {
    let figure = |bench: &str, name: &str, value| Figure {
        bench: bench.into(),
        figure: name.into(),
        value,
        unit: "ms".into(),
        command: format!("cargo bench --bench {bench}"),
    };
    let names =
        ["member_p50", "member_p99", "records"].map(|name| figure("http", &format!("history/{name}"), 2.5));
    let grown = [("members/1000", 20_000.0), ("members/100000", 18_000.0), ("events/1000000", 17_000.0)];
    let grown = grown.iter().flat_map(|(size, rate)| {
        [
            figure("http", &format!("grow/{size}/rate"), *rate),
            figure("http", &format!("grow/{size}/p99"), 9.0),
        ]
    });
    let mut figures: Vec<Figure> = names.into_iter().chain(grown).collect();
    figures.push(figure("another", "something new", 7.0));
    let (filled, others) = (rows::filled(&figures), rows::others(&figures));
    assert_eq!(
        (filled.len(), others.len()),
        (1, 1),
        "a row whose figures are all there, and a figure of no row"
    );
    let table = pages::what_users_ask(&filled);
    assert!(
        table.contains("p50 2.50 ms, p99 **2.5 ms**, over 2 records | `cargo bench --bench http` |"),
        "{table}"
    );
    let table = pages::what_users_ask(&others);
    assert!(table.contains("| another: something new | 7.0 ms | `cargo bench --bench another` |"), "{table}");
    assert_eq!(pages::targets(&filled).lines().count(), 3);
    let points = growth::points(&figures);
    assert_eq!(growth::table(&points).lines().count(), 2 + 3);
    let picture = plot::svg(&points);
    assert_eq!(picture.matches("<polyline").count(), 4, "two lines in two panels");
    assert!(!picture.contains("NaN"), "{picture}");
}
