//! Examples: requests with the answers that the service gave. A test sends them again and holds the answers against it.
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder};
use utoipa::openapi::{Content, RefOr, Response};

/// A request and its answer.
#[derive(Deserialize)]
struct Example {
    operation: String,
    summary: String,
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
    body: Option<Value>,
    status: u16,
    answer: Value,
}

static EXAMPLES: LazyLock<Vec<Example>> = LazyLock::new(|| {
    let read = serde_json::from_str(include_str!("examples.json"));
    debug_assert!(read.is_ok(), "{:?}", read.as_ref().err());
    read.unwrap_or_default()
});

/// What was asked of an operation and answered with a success.
pub fn add(operation: &mut Operation) {
    let id = operation.operation_id.clone().unwrap_or_default();
    for example in EXAMPLES.iter().filter(|example| example.operation == id && example.status == 200) {
        for parameter in operation.parameters.iter_mut().flatten() {
            if let RefOr::T(parameter) = parameter {
                add_parameter(parameter, example);
            }
        }
        if let (Some(RefOr::T(body)), Some(value)) = (&mut operation.request_body, &example.body) {
            body.content.values_mut().for_each(|content| add_to(content, &example.summary, value));
        }
        if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") {
            response
                .content
                .values_mut()
                .for_each(|content| add_to(content, &example.summary, &example.answer));
        }
    }
}

/// The refusals with these codes.
pub fn add_refusals(response: &mut Response, codes: &BTreeSet<u32>) {
    for code in codes {
        let of_code = |example: &&Example| example.answer["code"] == *code;
        if let Some(example) = EXAMPLES.iter().find(of_code) {
            response
                .content
                .values_mut()
                .for_each(|content| add_to(content, &example.summary, &example.answer));
        }
    }
}

fn add_to(content: &mut RefOr<Content>, summary: &str, value: &Value) {
    if let RefOr::T(content) = content {
        let name = summary.to_lowercase().replace(|character: char| !character.is_ascii_alphanumeric(), "-");
        let example = ExampleBuilder::new().summary(summary).value(Some(value.clone()));
        content.examples.insert(name, example.into());
    }
}

fn add_parameter(parameter: &mut Parameter, example: &Example) {
    if let Some(value) = example.parameters.get(&parameter.name) {
        *parameter = ParameterBuilder::from(parameter.clone()).example(Some(value.clone())).build();
    }
}
