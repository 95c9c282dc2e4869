//! What each operation may answer: the shape of its `data`, and the codes of its refusals.
use crate::http::openapi::errors::{self, ANY, BODY, BUSY, LOG, OPEN};
use crate::http::openapi::reads::Records;
use crate::http::openapi::records::{Change, Lots, Summary, Transfers};
use crate::http::openapi::rules::{Preview, Rule, Rules};
use crate::http::openapi::scans::{Expiring, Liability, Standing};
use crate::http::openapi::tenants::{Batch, Member, Settings};
use crate::http::openapi::values::reference;
use std::collections::BTreeMap;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Content, Header, HeaderBuilder, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// Names an operation's answers: `data`, whether it may be a replay, the groups of codes.
macro_rules! answers {
    ($($name:ident: $data:expr, $replays:expr, $codes:expr;)*) => {$(
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                let mut responses = errors::references($codes);
                responses.insert("200".to_owned(), success($data, $replays).into());
                responses
            }
        }
    )*};
}

answers! {
    Produced: of::<Change>(), true, &[ANY, BODY, BUSY, LOG, &[40405, 40901, 42207]];
    ProducedByRule: of::<Change>(), true, &[ANY, BODY, BUSY, LOG, &[40401, 40405, 40901, 42205, 42206, 42207]];
    Consumed: of::<Change>(), true, &[ANY, BODY, BUSY, LOG, &[40901, 42201]];
    ProduceReversed: of::<Change>(), true, &[ANY, BODY, BUSY, LOG, &[40402, 40901, 42202, 42203]];
    ConsumeReversed: of::<Change>(), true, &[ANY, BODY, BUSY, LOG, &[40402, 40901, 42203]];
    Transferred: of::<Change>(), true, &[ANY, BODY, BUSY, LOG, &[40901, 42201]];
    Accepted: of::<Change>(), true, &[ANY, BODY, BUSY, LOG, &[40403, 42204]];
    Cancelled: of::<Change>(), true, &[ANY, BODY, BUSY, LOG, &[40403, 42204]];
    Batched: of::<Batch>(), true, &[ANY, BODY, BUSY];
    HistoryRead: of::<Records>(), false, &[ANY, BODY, BUSY, &[40404]];
    SummaryRead: of::<Summary>(), false, &[ANY, BUSY, &[40404]];
    LotsRead: of::<Lots>(), false, &[ANY, BUSY];
    TransfersRead: of::<Transfers>(), false, &[ANY, BUSY];
    MemberRead: of::<Member>(), false, &[ANY, BUSY, &[40405]];
    MemberPut: of::<Member>(), false, &[ANY, BODY, BUSY, LOG, &[40902]];
    MemberErased: of::<Member>(), false, &[ANY, BUSY, LOG, &[40405]];
    ExpiringRead: of::<Expiring>(), false, &[ANY, BUSY];
    LiabilityRead: of::<Liability>(), false, &[ANY, BUSY];
    SettingsRead: of::<Settings>(), false, &[ANY];
    SettingsPut: of::<Settings>(), false, &[ANY, BODY, BUSY, LOG];
    RulesRead: of::<Rules>(), false, &[ANY];
    RuleRead: of::<Rule>(), false, &[ANY, &[40401]];
    RuleAdded: of::<Rule>(), false, &[ANY, BODY, BUSY, LOG];
    RuleReplaced: of::<Rule>(), false, &[ANY, BODY, BUSY, LOG, &[40401]];
    RuleRemoved: of::<Rule>(), false, &[ANY, BUSY, LOG, &[40401]];
    Previewed: of::<Preview>(), false, &[ANY, BODY, BUSY, &[40405, 42207]];
    Alive: nothing(), false, &[OPEN];
}

/// Ready, or how far the recovery is.
pub struct Readiness;

impl IntoResponses for Readiness {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = errors::references(&[OPEN]);
        responses.insert("200".to_owned(), success(nothing(), false).into());
        responses.insert("503".to_owned(), errors::response_with(50301, of::<Standing>()).into());
        responses
    }
}

/// What a scrape may hear.
pub struct MetricsRefusals;

impl IntoResponses for MetricsRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        errors::references(&[OPEN, BUSY, &[40100, 40300]])
    }
}

/// What any open route may hear.
pub struct OpenRefusals;

impl IntoResponses for OpenRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        errors::references(&[OPEN])
    }
}

/// A part of the page that there is not.
pub struct NoSuchPart;

impl IntoResponses for NoSuchPart {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        errors::references(&[OPEN, &[40400]])
    }
}

fn of<T: ToSchema>() -> RefOr<Schema> {
    reference::<T>()
}

fn nothing() -> RefOr<Schema> {
    Schema::from(ObjectBuilder::new().schema_type(Type::Null)).into()
}

fn success(data: RefOr<Schema>, replays: bool) -> Response {
    let code = ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([0]));
    let msg = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["OK"]));
    let envelope = ObjectBuilder::new()
        .property("code", code)
        .property("msg", msg)
        .property("data", data)
        .required("code")
        .required("msg")
        .required("data")
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    let content = Content::new(Some(Schema::from(envelope)));
    let response = ResponseBuilder::new().description("Done").content("application/json", content);
    if replays { response.header("Idempotent-Replayed", replayed()).build() } else { response.build() }
}

fn replayed() -> Header {
    let value = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["true"]));
    HeaderBuilder::new()
        .schema(Some(Schema::from(value)))
        .description(Some(
            "There where the same request was answered before: this is that answer, byte for byte.",
        ))
        .build()
}
