//! Two indexes of the same records held against each other, table by table. All that is in them follows from the records.
use super::tables::Rows;
use super::{HistoryError, TreeHistory, keys};

impl TreeHistory {
    /// What differs from an index `made` of the same records, in words; at most so many.
    pub fn differences(&self, made: &TreeHistory, most: usize) -> Result<Vec<String>, HistoryError> {
        let mut found = Vec::new();
        let (mine, wanted) = (self.steps.snapshot(), made.steps.snapshot());
        // What lies in `meta` is as of a mark, and the rest as of now.
        let tables = self
            .tables()
            .into_iter()
            .zip(made.tables())
            .filter(|(table, _)| table.design != self.meta.design);
        for (table, other) in tables {
            compare(table.design.name, mine.iter(table), wanted.iter(other), most, &mut found)?;
        }
        if self.recent().counts != made.recent().counts {
            found.push("the history index counts other records of a tenant than the log has".to_owned());
        }
        Ok(found)
    }
}

fn compare(
    name: &str,
    mut rows: Rows,
    mut others: Rows,
    most: usize,
    found: &mut Vec<String>,
) -> Result<(), HistoryError> {
    let (mut mine, mut wanted) = (rows.next().transpose()?, others.next().transpose()?);
    while found.len() < most {
        let (what, key) = match (&mine, &wanted) {
            (None, None) => break,
            (Some(mine), Some(wanted)) if mine.0 == wanted.0 => {
                ((mine.1 != wanted.1).then_some("is not what the log gives"), mine.0.clone())
            }
            (Some(mine), other) if other.as_ref().is_none_or(|other| mine.0 < other.0) => {
                (Some("is nothing that the log gives"), mine.0.clone())
            }
            (_, Some(wanted)) => (Some("is missing"), wanted.0.clone()),
            (Some(_), None) => unreachable!("a row with none on the other side comes before it"),
        };
        if let Some(what) = what {
            found.push(format!("the history index, table {name}: {} {what}", place(name, &key)));
        }
        if mine.as_ref().is_some_and(|mine| mine.0 == key) {
            mine = rows.next().transpose()?;
        }
        if wanted.as_ref().is_some_and(|wanted| wanted.0 == key) {
            wanted = others.next().transpose()?;
        }
    }
    Ok(())
}

/// What a row is of, as far as its key says.
fn place(name: &str, key: &[u8]) -> String {
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    match name {
        "records" => {
            let first = keys::lsn_of(key).0.saturating_mul(8);
            format!("the row of records {first} to {}", first.saturating_add(7))
        }
        "members" | "sequels" | "transfers" | "frozen" | "orders" => {
            format!("the row {hex}, of record {},", keys::lsn_of(key))
        }
        _ => format!("the row {hex}"),
    }
}
