//! What can be asked next, with values out of the request and its answer: for readers, and for tools that follow them.
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::path::Operation;

/// Adds the links of an operation's success.
pub fn add(operation: &mut Operation) {
    let id = operation.operation_id.clone().unwrap_or_default();
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") {
        for (target, link) in links(&id) {
            response.links.insert(target.to_owned(), link.into());
        }
    }
}

fn links(operation: &str) -> Vec<(&'static str, Link)> {
    let member = json!({"member_no": "$request.body#/member_no"});
    let rule = json!({"rule_id": "$response.body#/data/rule_id"});
    match operation {
        "produce_direct" | "produce_by_rule" => vec![
            read("summary", "How the member stands then", member.clone()),
            read("lots", "The lot that was made", member),
            change(
                "consume_direct",
                "Spends them",
                json!({
                    "event_no": "S-{$request.body#/event_no}", "member_no": "$request.body#/member_no",
                    "points": "$response.body#/data/points",
                }),
            ),
            change(
                "reverse_produce",
                "Takes them back",
                json!({
                    "event_no": "R-{$request.body#/event_no}", "member_no": "$request.body#/member_no",
                    "origin_event_no": "$request.body#/event_no", "allow_negative": true,
                }),
            ),
        ],
        "consume_direct" => vec![change(
            "reverse_consume",
            "Gives them back",
            json!({
                "event_no": "G-{$request.body#/event_no}", "member_no": "$request.body#/member_no",
                "origin_event_no": "$request.body#/event_no",
            }),
        )],
        "transfer" => vec![
            change(
                "accept",
                "The receiver takes it",
                json!({
                    "transfer_no": "$request.body#/transfer_no", "member_no": "$request.body#/to_user",
                    "from_user": "$request.body#/from_user",
                }),
            ),
            change(
                "cancel",
                "The sender takes it back",
                json!({
                    "transfer_no": "$request.body#/transfer_no", "member_no": "$request.body#/from_user",
                }),
            ),
        ],
        "put_member" => {
            let path = json!({"member_no": "$request.path.member_no"});
            let erase = read("erase_personal_data", "Erases what is personal in it", path.clone());
            vec![read("member", "The profile", path), erase]
        }
        "add_rule" => vec![read("rule", "The rule", rule.clone()), read("remove_rule", "Removes it", rule)],
        _ => Vec::new(),
    }
}

fn read(target: &'static str, words: &str, parameters: Value) -> (&'static str, Link) {
    let link = parameters
        .as_object()
        .into_iter()
        .flatten()
        .fold(of_tenant(target, words), |link, (name, value)| link.parameter(name, value.clone()));
    (target, link.build())
}

fn change(target: &'static str, words: &str, body: Value) -> (&'static str, Link) {
    (target, of_tenant(target, words).request_body(Some(body)).build())
}

fn of_tenant(target: &str, words: &str) -> LinkBuilder {
    LinkBuilder::new().operation_id(target).description(words).parameter("crm_id", "$request.path.crm_id")
}
