//! The OpenAPI document: gathered from the handlers as they are routed, with what holds for all of them added here.
//!
//! Bodies are read and answers written by hand (`fields`, `json`), so the shapes are described by hand too, in types that
//! are never made. Tests hold every route, example and code of the document against the service; `tests/openapi/run`
//! lets schemathesis look for what it does not say.
pub mod answers;
#[expect(dead_code, reason = "described, never made")]
pub mod changes;
mod errors;
mod examples;
mod links;
#[expect(dead_code, reason = "described, never made")]
pub mod new_rules;
#[expect(dead_code, reason = "described, never made")]
pub mod reads;
#[expect(dead_code, reason = "described, never made")]
pub mod records;
#[expect(dead_code, reason = "described, never made")]
pub mod rules;
#[expect(dead_code, reason = "described, never made")]
pub mod scans;
pub mod streams;
#[expect(dead_code, reason = "described, never made")]
pub mod tenants;
pub mod ui;
pub mod values;

use crate::http::access::PREFIX;
use axum::body::Bytes;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, HeaderBuilder, InfoBuilder, OpenApi, Ref, RefOr, Required, Response, SecurityRequirement,
};

/// The document, put together when it is first asked for.
#[derive(Default)]
pub struct Document {
    described: OnceLock<OpenApi>,
    bytes: OnceLock<Bytes>,
}

impl Document {
    /// What the routes tell of themselves. Told once, when all of them are there.
    pub fn is(&self, described: OpenApi) {
        let first = self.described.set(described).is_ok();
        debug_assert!(first);
    }

    pub fn bytes(&self) -> Bytes {
        let made = self.bytes.get_or_init(|| {
            let described = self.described.get().cloned().unwrap_or_default();
            // Plain data into memory: it can't fail.
            let json = serde_json::to_vec(&finished(described));
            debug_assert!(json.is_ok());
            json.unwrap_or_default().into()
        });
        made.clone()
    }
}

const ABOUT: &str = "A ledger of loyalty points. Every JSON answer is `{\"code\": int, \"msg\": string, \"data\": object or \
null}`; `code` is 0 on success, otherwise it says exactly what the HTTP status says roughly. A body is one JSON object; \
unknown fields are ignored, a field that is null is the same as one left out. A change bears a number of the client's \
choice: the same number with the same content gets the first answer again, with the header `Idempotent-Replayed`, and \
changes nothing. Points are decimals with up to 4 places. Times are `YYYY-MM-DD HH:MM:SS` in the tenant's zone. \
`HEAD` works wherever `GET` does. A path that is none of these is 404 / 40400, another method 405 / 40500.";

/// What the routes tell of themselves, with what holds for all of them.
fn finished(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("eros-points")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .build();
    document.components = Some(components());
    document.security = Some(keys());
    for (path, item) in &mut document.paths.paths {
        let of_tenant = path.starts_with(PREFIX);
        let open = !of_tenant && path != "/metrics";
        if of_tenant {
            item.parameters = Some(vec![RefOr::T(tenant().build())]);
        }
        for operation in operations(item) {
            if open {
                operation.security = Some(Vec::new());
            }
            finish_operation(operation);
        }
    }
    let components = document.components.get_or_insert_default();
    let mut shared = BTreeMap::new();
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            shared.extend(shared_responses(operation));
        }
    }
    for codes in [[40400], [40500]] {
        let codes = codes.into_iter().collect();
        shared.insert(errors::name(&codes), errors::response(&codes));
    }
    for (name, mut response) in shared {
        finish_response(&mut response);
        examples::add_refusals(&mut response, &errors::codes_of(&name));
        components.responses.insert(name, response.into());
    }
    components.responses.insert(errors::HEAD_TOO_LARGE.to_owned(), errors::head_too_large().into());
    document
}

/// The operations of a path.
fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, .. } = item;
    [get, put, post, delete].into_iter().flatten()
}

fn tenant() -> ParameterBuilder {
    ParameterBuilder::new()
        .name("crm_id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The tenant."))
        .schema(Some(values::reference::<values::CrmId>()))
}

fn finish_operation(operation: &mut Operation) {
    let too_large = Ref::from_response_name(errors::HEAD_TOO_LARGE);
    operation.responses.responses.insert("431".to_owned(), too_large.into());
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            finish_response(response);
        }
    }
    examples::add(operation);
    links::add(operation);
}

/// Every answer has its request's id.
fn finish_response(response: &mut Response) {
    let id = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(128));
    let header = HeaderBuilder::new()
        .schema(Some(Schema::from(id)))
        .description(Some("The request's id: the client's, if it sent up to 128 printable ASCII characters."))
        .build();
    response.headers.insert("X-Request-Id".to_owned(), header.into());
}

/// The shared responses that an operation refers to.
fn shared_responses(operation: &Operation) -> Vec<(String, Response)> {
    let references = operation.responses.responses.values().filter_map(|response| match response {
        RefOr::Ref(reference) => Some(errors::codes_of(&reference.ref_location)),
        RefOr::T(_) => None,
    });
    let references = references.filter(|codes| !codes.is_empty());
    references.map(|codes| (errors::name(&codes), errors::response(&codes))).collect()
}

/// A key where the service has keys; without keys it asks for none.
fn keys() -> Vec<SecurityRequirement> {
    let none: [&str; 0] = [];
    vec![
        SecurityRequirement::default(),
        SecurityRequirement::new("Bearer", none),
        SecurityRequirement::new("X-API-Key", none),
    ]
}

fn components() -> Components {
    let mut components = Components::new();
    let words = "A key of the tenant, or of all tenants. Services without keys ask for none.";
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(words)).build();
    let header = ApiKey::Header(ApiKeyValue::with_description("X-API-Key", words));
    components.add_security_scheme("Bearer", SecurityScheme::Http(bearer));
    components.add_security_scheme("X-API-Key", SecurityScheme::ApiKey(header));
    add_schemas(&mut Schemas(&mut components));
    components
}

fn add_schemas(add: &mut Schemas<'_>) {
    add.asked::<changes::ProduceDirect>();
    add.asked::<changes::ProduceByRule>();
    add.asked::<changes::PreviewRules>();
    add.asked::<changes::ConsumeDirect>();
    add.asked::<changes::ReverseProduce>();
    add.asked::<changes::ReverseConsume>();
    add.asked::<changes::Transfer>();
    add.asked::<changes::TransferDirect>();
    add.asked::<changes::TransferCancel>();
    add.asked::<changes::Accept>();
    add.asked::<changes::Order>();
    add.asked::<reads::History>();
    add.asked::<new_rules::NewRule>();
    add.asked::<tenants::NewMember>();
    add.asked::<tenants::NewSettings>();
    add.asked::<tenants::Operation>();
    add.asked::<values::AnyObject>();
    add.asked::<values::CrmId>();
    add.asked::<values::Page>();
    add.asked::<values::PageSize>();
    add.answered_but::<records::Record>(&["rule_version", "lots"]);
    add.answered_but::<records::Change>(&["rule_version", "lots"]);
    add.answered::<records::MovedLot>();
    add.answered::<records::Summary>();
    add.answered::<records::Lot>();
    add.answered::<records::Lots>();
    add.answered::<records::TransferView>();
    add.answered::<records::Transfers>();
    add.answered_but::<reads::Records>(&["total_is_lower_bound"]);
    add.answered::<scans::Expiring>();
    add.answered::<scans::Day>();
    add.answered_but::<scans::Liability>(&["others"]);
    add.answered::<scans::Owed>();
    add.answered::<scans::Standing>();
    add.answered::<scans::Others>();
    add.answered::<scans::Reminder>();
    add.answered::<scans::Balance>();
    add.answered::<tenants::Member>();
    add.answered::<tenants::Settings>();
    add.answered::<tenants::BatchItem>();
    add.answered::<tenants::Batch>();
    add.answered::<rules::Rule>();
    add.answered::<rules::Rules>();
    add.answered::<rules::Earn>();
    add.answered::<rules::PerAmount>();
    add.answered_but::<rules::Line>(&["sku", "category", "points", "per_amount", "exclude"]);
    add.answered::<rules::Rate>();
    add.answered_but::<rules::Multiplier>(&["tier", "weekdays", "from", "to"]);
    add.answered::<rules::Limits>();
    add.answered::<rules::PointsCaps>();
    add.answered::<rules::TimesCaps>();
    add.answered::<rules::ExpiryEndOf>();
    add.answered::<rules::ExpiryAt>();
    add.answered::<rules::Preview>();
    add.answered::<rules::WouldAnswer>();
    add.answered::<rules::Trace>();
    add.answered::<rules::LookedAt>();
    add.answered::<rules::Reckoning>();
    add.answered_but::<rules::Tried>(&["tier", "weekdays", "from", "to"]);
    add.answered_but::<rules::Cap>(&["used", "left"]);
}

struct Schemas<'a>(&'a mut Components);

impl Schemas<'_> {
    /// A body, and what it is made of.
    fn asked<T: ToSchema>(&mut self) {
        let mut parts = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut parts);
        for (name, schema) in parts {
            self.0.schemas.entry(name).or_insert(schema);
        }
    }

    /// What an answer holds: each field always there, and no other.
    fn answered<T: ToSchema>(&mut self) {
        self.answered_but::<T>(&[]);
    }

    /// The same, but these fields are there only sometimes.
    fn answered_but<T: ToSchema>(&mut self, sometimes: &[&str]) {
        self.asked::<T>();
        let mut schema = T::schema();
        if let RefOr::T(schema) = &mut schema {
            close(schema, sometimes);
        }
        self.0.schemas.insert(T::name().into_owned(), schema);
    }
}

fn close(schema: &mut Schema, sometimes: &[&str]) {
    match schema {
        Schema::Object(object) if !object.properties.is_empty() => {
            let always = object.properties.keys().filter(|name| !sometimes.contains(&name.as_str()));
            object.required = always.cloned().collect();
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
        Schema::OneOf(forms) => {
            let own = forms.items.iter_mut().filter_map(|form| match form {
                RefOr::T(form) => Some(form),
                RefOr::Ref(_) => None,
            });
            own.for_each(|form| close(form, sometimes));
        }
        _ => {}
    }
}
