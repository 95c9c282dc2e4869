//! Rows of a CSV file as JSON objects. An empty cell is a field that is not given.
use super::columns::COLUMNS;
use crate::http::decimal::Parts;
use serde_json::Value;

/// Columns that hold JSON numbers, booleans and objects; all others hold texts, points among them.
const NUMBERS: [&str; 2] = ["expire_days", "freeze_hours"];
const BOOLEANS: [&str; 1] = ["allow_negative"];
const OBJECTS: [&str; 3] = ["attributes", "order_info", "refund_info"];

/// The header's columns.
pub fn columns(header: &[u8]) -> Result<Vec<String>, String> {
    let columns: Vec<String> = cells(header)?.into_iter().map(|name| name.trim().to_owned()).collect();
    for (n, name) in columns.iter().enumerate() {
        if !COLUMNS.contains(&name.as_str()) {
            return Err(format!("there is no column {name:?}; there are {}", COLUMNS.join(", ")));
        }
        if columns[..n].contains(name) {
            return Err(format!("the column {name:?} is there twice"));
        }
    }
    Ok(columns)
}

pub fn to_json(columns: &[String], row: &[u8]) -> Result<Vec<u8>, String> {
    let cells = cells(row)?;
    if cells.len() != columns.len() {
        return Err(format!("the row has {} cells, the header {}", cells.len(), columns.len()));
    }
    let mut json = String::from("{");
    for (name, cell) in columns.iter().zip(&cells).filter(|(_, cell)| !cell.is_empty()) {
        if json.len() > 1 {
            json.push(',');
        }
        let text = || Value::String(cell.clone()).to_string();
        let name = name.as_str();
        let is_raw = NUMBERS.contains(&name) && Parts::of(cell).is_some()
            || BOOLEANS.contains(&name) && matches!(cell.as_str(), "true" | "false")
            || OBJECTS.contains(&name) && is_json(cell);
        // What is of another type than it should be stays a text, and is refused as one.
        let value = if is_raw { cell.clone() } else { text() };
        json.push_str(&format!("\"{name}\":{value}"));
    }
    json.push('}');
    Ok(json.into_bytes())
}

fn is_json(cell: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(cell).is_ok()
}

fn cells(row: &[u8]) -> Result<Vec<String>, String> {
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(row.len().max(64))
        .from_reader(row);
    let mut record = ::csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(_) => Ok(record.iter().map(str::to_owned).collect()),
        Err(_) => Err("the row is not UTF-8".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(header: &str, row: &str) -> Result<String, String> {
        let columns = columns(header.as_bytes())?;
        to_json(&columns, row.as_bytes()).map(|json| String::from_utf8(json).unwrap())
    }

    #[test]
    fn keeps_texts_as_texts_and_the_rest_by_its_column() {
        let header = "kind,member_no,points,expire_days,allow_negative,order_info,event_desc";
        let row = r#"lot,0012,10.50,30,true,"{""a"": 1}","say ""hi"", twice
on two lines""#;
        let wanted = r#"{"kind":"lot","member_no":"0012","points":"10.50","expire_days":30,"allow_negative":true,"order_info":{"a": 1},"event_desc":"say \"hi\", twice\non two lines"}"#;
        assert_eq!(json(header, row).unwrap(), wanted);
        let wanted = r#"{"kind":"lot","expire_days":"soon","allow_negative":"yes","order_info":"{"}"#;
        assert_eq!(json(header, "lot,,,soon,yes,{,").unwrap(), wanted, "left to be refused by name");
    }

    #[test]
    fn names_what_is_wrong_with_the_header_and_with_a_row() {
        assert!(json("kind,pionts", "").unwrap_err().contains("\"pionts\""));
        assert!(json("kind,points,kind", "").unwrap_err().contains("twice"));
        assert!(json("kind,points", "lot").unwrap_err().contains("1 cells, the header 2"));
        assert!(json("kind,points", "lot,1,2").unwrap_err().contains("3 cells"));
    }
}
