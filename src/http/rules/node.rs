//! An object inside a body, whose fields are named by their whole path: `earn.per_item[2].points`.
use crate::http::error::WireError;
use crate::http::fields::{Fields, TEXT_BYTES_MAX, invalid};
use crate::ledger::refusal::Refusal;
use serde_json::value::RawValue;

type Field = &'static str;

pub struct Node<'a> {
    /// Empty, or what stands before each name: with the `.` at its end.
    prefix: String,
    fields: Fields<'a>,
}

impl<'a> Node<'a> {
    pub fn root(body: &'a [u8]) -> Result<Node<'a>, WireError> {
        Ok(Node { prefix: String::new(), fields: Fields::parse(body)? })
    }

    fn inner(path: String, raw: &'a RawValue) -> Result<Node<'a>, Refusal> {
        match Fields::parse(raw.get().as_bytes()) {
            Ok(fields) => Ok(Node { prefix: format!("{path}."), fields }),
            Err(_) if raw.get().starts_with('{') => Err(invalid(path, "must have no field twice")),
            Err(_) => Err(invalid(path, "must be an object")),
        }
    }

    pub fn path(&self, field: &str) -> String {
        format!("{}{field}", self.prefix)
    }

    /// One of [`Fields`]' readers, its complaints under the whole path.
    pub fn get<T>(
        &self,
        field: Field,
        read: impl FnOnce(&Fields<'a>, Field) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        read(&self.fields, field).map_err(|refusal| self.under(refusal))
    }

    /// A complaint under the whole path.
    fn under(&self, refusal: Refusal) -> Refusal {
        match refusal {
            Refusal::Invalid { field, should } => invalid(self.path(&field), should),
            other => other,
        }
    }

    fn raw(&self, field: Field) -> Result<Option<&RawValue>, Refusal> {
        self.fields.raw(field).map_err(|refusal| self.under(refusal))
    }

    pub fn required<T>(
        &self,
        field: Field,
        read: impl FnOnce(&Fields<'a>, Field) -> Result<Option<T>, Refusal>,
    ) -> Result<T, Refusal> {
        self.get(field, read)?.ok_or_else(|| self.wrong(field, "is required"))
    }

    pub fn wrong(&self, field: Field, should: impl Into<String>) -> Refusal {
        invalid(self.path(field), should)
    }

    /// Refuses what is none of `known`: a slip of the pen would change what the rule does without a word.
    pub fn only(&self, known: &[Field]) -> Result<(), Refusal> {
        match self.fields.names().find(|name| !known.contains(name)) {
            Some(name) => {
                // As long as it likes, but not in our answer.
                let name: String = name.chars().take(64).collect();
                Err(invalid(self.path(&name), format!("is unknown; known are {}", known.join(", "))))
            }
            None => Ok(()),
        }
    }

    /// Which of `names` are there.
    pub fn given(&self, names: &[Field]) -> Result<Vec<Field>, Refusal> {
        let mut given = Vec::new();
        for name in names {
            if self.raw(name)?.is_some() {
                given.push(*name);
            }
        }
        Ok(given)
    }

    pub fn node(&self, field: Field) -> Result<Option<Node<'_>>, Refusal> {
        self.raw(field)?.map(|raw| Node::inner(self.path(field), raw)).transpose()
    }

    fn elements(&self, field: Field) -> Result<Option<Vec<&RawValue>>, Refusal> {
        let Some(raw) = self.raw(field)? else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|_| self.wrong(field, "must be an array"))
    }

    /// An array of objects.
    pub fn nodes(&self, field: Field) -> Result<Option<Vec<Node<'_>>>, Refusal> {
        let Some(elements) = self.elements(field)? else { return Ok(None) };
        let nodes = elements.into_iter().enumerate();
        nodes
            .map(|(n, raw)| Node::inner(format!("{}[{n}]", self.path(field)), raw))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// An array of texts, none of them empty.
    pub fn texts(&self, field: Field) -> Result<Option<Vec<String>>, Refusal> {
        let Some(elements) = self.elements(field)? else { return Ok(None) };
        let text = |(n, raw): (usize, &RawValue)| match serde_json::from_str::<String>(raw.get()) {
            Ok(text) if (1..=TEXT_BYTES_MAX).contains(&text.len()) => Ok(text),
            _ => {
                let should = format!("must be a string of 1 to {TEXT_BYTES_MAX} bytes");
                Err(invalid(format!("{}[{n}]", self.path(field)), should))
            }
        };
        elements.into_iter().enumerate().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// An array of different whole numbers within bounds.
    pub fn integers(&self, field: Field, least: u32, most: u32) -> Result<Option<Vec<u32>>, Refusal> {
        let Some(elements) = self.elements(field)? else { return Ok(None) };
        let mut numbers = Vec::with_capacity(elements.len());
        for (n, raw) in elements.into_iter().enumerate() {
            let number = crate::http::decimal::parse(raw.get(), 0, i64::from(most)).ok();
            let number =
                number.and_then(|number| u32::try_from(number).ok()).filter(|number| *number >= least);
            let path = || format!("{}[{n}]", self.path(field));
            let number = number
                .ok_or_else(|| invalid(path(), format!("must be a whole number from {least} to {most}")))?;
            if numbers.contains(&number) {
                return Err(invalid(path(), "must not be there twice"));
            }
            numbers.push(number);
        }
        Ok(Some(numbers))
    }
}
