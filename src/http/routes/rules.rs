//! `/rules`: a tenant's earning rules, and what they would make of an event.
use crate::actors::service::Service;
use crate::actors::tenant::RuleChange;
use crate::http::access::PREFIX;
use crate::http::envelope;
use crate::http::error::WireError;
use crate::http::extract::{JsonBody, QueryFields, RuleOfPath, Tenant};
use crate::http::fields::Fields;
use crate::http::openapi::values::RuleId;
use crate::http::openapi::{answers, changes, new_rules as bodies, reads as asked};
use crate::http::requests;
use crate::http::routes::reads::{page, write_list};
use crate::http::rules::preview::write_preview;
use crate::http::rules::read::definition;
use crate::http::rules::write::write_rule;
use crate::ledger::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;

type Answered = Result<Response, WireError>;
type Shared = State<Arc<Service>>;

/// All rules, in the order of their ids
#[utoipa::path(
    get,
    context_path = PREFIX,
    path = "/rules",
    operation_id = "rules",
    tag = "Rules",
    params(asked::Pages),
    responses(answers::RulesRead)
)]
pub async fn list(State(service): Shared, Tenant(crm_id): Tenant, query: QueryFields) -> Answered {
    let page = page(&query)?;
    let view = service.settings(&crm_id)?;
    let rules = &view.tenant.rules;
    let start = usize::try_from(page.page_size.saturating_mul(page.page - 1)).unwrap_or(usize::MAX);
    let size = usize::try_from(page.page_size).unwrap_or(usize::MAX);
    let items: Vec<_> = rules.iter().skip(start).take(size).collect();
    let zone = view.terms.zone;
    Ok(envelope::ok(|json| {
        write_list(json, rules.len() as u64, &items, |json, rule| write_rule(json, rule, zone));
    }))
}

/// A rule
#[utoipa::path(get, context_path = PREFIX, path = "/rules/{rule_id}", tag = "Rules", params(("rule_id" = RuleId, Path)), responses(answers::RuleRead))]
pub async fn rule(
    State(service): Shared,
    Tenant(crm_id): Tenant,
    RuleOfPath(rule_id): RuleOfPath,
) -> Answered {
    let view = service.settings(&crm_id)?;
    let rule = view.tenant.rule(rule_id).ok_or(Refusal::NoSuchRule)?;
    Ok(envelope::ok(|json| write_rule(json, rule, view.terms.zone)))
}

/// A new rule
///
/// It has no key: sent twice, it makes two.
#[utoipa::path(post, context_path = PREFIX, path = "/rules", operation_id = "add_rule", tag = "Rules", request_body = bodies::NewRule, responses(answers::RuleAdded))]
pub async fn add(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    let definition = definition(&body.0, service.zone(&crm_id))?;
    change(&service, &crm_id, RuleChange::Add(definition)).await
}

/// Replaces a rule as a whole
///
/// What is left out has its default again. `version` grows by one; the same rule again is no change. It holds for what
/// is asked from then on.
#[utoipa::path(put, context_path = PREFIX, path = "/rules/{rule_id}", operation_id = "replace_rule", tag = "Rules", params(("rule_id" = RuleId, Path)), request_body = bodies::NewRule, responses(answers::RuleReplaced))]
pub async fn replace(
    State(service): Shared,
    Tenant(crm_id): Tenant,
    RuleOfPath(rule_id): RuleOfPath,
    body: JsonBody,
) -> Answered {
    let definition = definition(&body.0, service.zone(&crm_id))?;
    change(&service, &crm_id, RuleChange::Replace(rule_id, definition)).await
}

/// Removes a rule
///
/// Answers the rule as it was. Its id is never given again.
#[utoipa::path(delete, context_path = PREFIX, path = "/rules/{rule_id}", operation_id = "remove_rule", tag = "Rules", params(("rule_id" = RuleId, Path)), responses(answers::RuleRemoved))]
pub async fn remove(
    State(service): Shared,
    Tenant(crm_id): Tenant,
    RuleOfPath(rule_id): RuleOfPath,
) -> Answered {
    change(&service, &crm_id, RuleChange::Remove(rule_id)).await
}

async fn change(service: &Service, crm_id: &str, change: RuleChange) -> Answered {
    let rule = service.change_rule(crm_id, change).await?;
    Ok(envelope::ok(|json| write_rule(json, &rule, service.zone(crm_id))))
}

/// What an event would earn, and why
///
/// Takes the body of `produce/by_rule`; `event_no` may be left out. Changes nothing, opens no account.
#[utoipa::path(post, context_path = PREFIX, path = "/rules/preview", operation_id = "preview_rules", tag = "Rules", request_body = changes::PreviewRules, responses(answers::Previewed))]
pub async fn preview(State(service): Shared, Tenant(crm_id): Tenant, body: JsonBody) -> Answered {
    let (member_no, command) = requests::by_rule(&Fields::parse(&body.0)?, service.zone(&crm_id))?;
    let preview = service.preview(&crm_id, &member_no, &command).await?;
    if let Err(refusal) = &preview.outcome
        && !matches!(refusal, Refusal::NoRuleFits { .. })
    {
        return Err(refusal.clone().into());
    }
    Ok(envelope::ok(|json| write_preview(json, &command, &preview)))
}
