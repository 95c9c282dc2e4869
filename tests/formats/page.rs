//! Reads the two format pages: constants, layouts and types out of their tables.
use std::collections::BTreeMap;

/// What a page says, or both pages together.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub constants: BTreeMap<String, String>,
    /// By heading: the fields of a header.
    pub layouts: BTreeMap<String, Layout>,
    pub types: BTreeMap<String, Shape>,
    /// The hex of the block marked `example`.
    pub example: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
pub struct Layout {
    fields: Vec<(String, usize, usize)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    U8,
    U32,
    U64,
    I64,
    I128,
    Bool,
    Text,
    Bytes,
    Bytes16,
    Bytes24,
    Option(Box<Type>),
    List(Box<Type>),
    Pair(Box<Type>, Box<Type>),
    Named(String),
}

pub type Field = (String, Type);

#[derive(Clone, Debug)]
pub enum Shape {
    /// A number with a unit.
    Unit(Type),
    Struct(Vec<Field>),
    Enum(Vec<Variant>),
}

#[derive(Clone, Debug)]
pub struct Variant {
    pub tag: u32,
    pub name: String,
    pub holds: Holds,
}

#[derive(Clone, Debug)]
pub enum Holds {
    Nothing,
    One(Type),
    Fields(Vec<Field>),
}

const LOG: &str = include_str!("../../wal/README.md");
const SNAPSHOTS: &str = include_str!("../../snapshots/README.md");

/// What both pages say: the second uses types of the first.
pub fn both() -> Page {
    let mut page = Page::default();
    page.read(LOG);
    page.read(SNAPSHOTS);
    page
}

impl Page {
    fn read(&mut self, text: &str) {
        let mut heading = "";
        let mut in_example = false;
        for line in text.lines() {
            if line.starts_with("```") {
                in_example = line == "```example";
            } else if in_example {
                let (hex, _) = line.split_once("  ").unwrap_or((line, ""));
                self.example.extend(super::fixtures::from_hex(&hex.replace(' ', "")));
            } else if let Some(title) = line.strip_prefix('#') {
                heading = title.trim_start_matches('#').trim();
            } else if line.starts_with('|') && !line.starts_with("| ---") {
                let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
                self.row(heading, &cells);
            }
        }
    }

    fn row(&mut self, heading: &str, cells: &[&str]) {
        let bare = |n: usize| cells[n].trim_matches('`').to_owned();
        let kind_and_name = heading.split_once(' ').map(|(kind, name)| (kind, name.trim_matches('`')));
        match (kind_and_name, cells[0]) {
            (_, "name" | "offset" | "type" | "field" | "tag") => {}
            (Some(("Struct", name)), _) => {
                let shape = self.types.entry(name.to_owned()).or_insert(Shape::Struct(Vec::new()));
                let Shape::Struct(fields) = shape else { panic!("{name} is defined twice") };
                fields.push((bare(0), Type::of(&bare(1))));
            }
            (Some(("Enum", name)), _) => {
                let variant =
                    Variant { tag: bare(0).parse().unwrap(), name: bare(1), holds: Holds::of(&bare(2)) };
                let shape = self.types.entry(name.to_owned()).or_insert(Shape::Enum(Vec::new()));
                let Shape::Enum(variants) = shape else { panic!("{name} is defined twice") };
                variants.push(variant);
            }
            (None, _) if heading == "Units" => {
                self.types.insert(bare(0), Shape::Unit(Type::of(&bare(1))));
            }
            (None, _) if heading == "Constants" => {
                let known = self.constants.insert(bare(0), bare(1));
                assert_eq!(known, None, "{} stands on both pages", cells[0]);
            }
            (_, offset) if [" header", " footer", " slot"].iter().any(|end| heading.ends_with(end)) => {
                let layout = self.layouts.entry(heading.to_owned()).or_default();
                layout.push(offset.parse().unwrap(), cells[1].parse().unwrap(), cells[2]);
            }
            _ => {}
        }
    }

    /// A constant that is a number.
    #[track_caller]
    pub fn number(&self, name: &str) -> u64 {
        self.text(name).parse().expect("a number")
    }

    /// A constant that is bytes.
    #[track_caller]
    pub fn magic(&self, name: &str) -> Vec<u8> {
        self.text(name).replace("\\n", "\n").into_bytes()
    }

    #[track_caller]
    fn text(&self, name: &str) -> &str {
        self.constants.get(name).unwrap_or_else(|| panic!("the pages name no {name}"))
    }

    pub fn size(&self, name: &str) -> usize {
        self.number(name) as usize
    }

    #[track_caller]
    pub fn layout(&self, heading: &str) -> &Layout {
        self.layouts.get(heading).unwrap_or_else(|| panic!("the pages have no table under {heading}"))
    }
}

impl Layout {
    fn push(&mut self, offset: usize, bytes: usize, name: &str) {
        let end = self.fields.last().map_or(0, |(_, offset, bytes)| offset + bytes);
        assert_eq!(offset, end, "{name} leaves a hole or overlaps");
        assert!(self.place(name).is_none(), "{name} stands there twice");
        self.fields.push((name.to_owned(), offset, bytes));
    }

    fn place(&self, name: &str) -> Option<(usize, usize)> {
        let found = self.fields.iter().find(|(field, ..)| field == name);
        found.map(|(_, offset, bytes)| (*offset, *bytes))
    }

    pub fn bytes(&self) -> usize {
        self.fields.iter().map(|(_, _, bytes)| bytes).sum()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, ..)| name.as_str())
    }

    /// The bytes of a field.
    #[track_caller]
    pub fn field<'a>(&self, name: &str, bytes: &'a [u8]) -> &'a [u8] {
        let (offset, length) = self.place(name).unwrap_or_else(|| panic!("the table has no {name}"));
        &bytes[offset..offset + length]
    }

    /// A field as a little-endian number.
    #[track_caller]
    pub fn number(&self, name: &str, bytes: &[u8]) -> u128 {
        let field = self.field(name, bytes);
        assert!(field.len() <= 16, "{name} is no number");
        field.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte))
    }

    /// All that lies before a field.
    pub fn before<'a>(&self, name: &str, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[..self.place(name).expect("a field").0]
    }
}

impl Type {
    fn of(text: &str) -> Type {
        let text = text.trim();
        if let Some((outer, inner)) = text.split_once('<') {
            let inner = inner.strip_suffix('>').expect("a closing bracket");
            return match outer {
                "Option" => Type::Option(Type::of(inner).into()),
                "List" => Type::List(Type::of(inner).into()),
                "Pair" => {
                    let (first, second) = inner.split_once(',').expect("two types");
                    Type::Pair(Type::of(first).into(), Type::of(second).into())
                }
                other => panic!("there is no type {other}"),
            };
        }
        match text {
            "u8" => Type::U8,
            "u32" => Type::U32,
            "u64" => Type::U64,
            "i64" => Type::I64,
            "i128" => Type::I128,
            "bool" => Type::Bool,
            "text" => Type::Text,
            "bytes" => Type::Bytes,
            "bytes16" => Type::Bytes16,
            "bytes24" => Type::Bytes24,
            name => Type::Named(name.to_owned()),
        }
    }
}

impl Holds {
    fn of(text: &str) -> Holds {
        if text == "nothing" {
            return Holds::Nothing;
        }
        if !text.contains(':') {
            return Holds::One(Type::of(text));
        }
        let field = |part: &str| {
            let (name, holds) = part.split_once(':').expect("a name and a type");
            (name.trim().to_owned(), Type::of(holds))
        };
        Holds::Fields(text.split(',').map(field).collect())
    }
}
