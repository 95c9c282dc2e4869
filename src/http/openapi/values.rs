//! The values that fields have, each described once: what a name, a number, a time may be.
use crate::http::fields::{KEY_BYTES_MAX, TEXT_BYTES_MAX};
use crate::ledger::points::{Amount, Points};
use crate::limits::{MEMBER_BYTES_MAX, PAGE_MAX, PAGE_SIZE_MAX};
use utoipa::openapi::schema::{AnyOfBuilder, Object, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// Something without control characters, and without white space at either end.
const NAME: &str = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$";

/// `YYYY-MM-DD HH:MM:SS`, or RFC 3339 with an offset.
const TIME: &str = concat!(
    r"^(19|[2-9][0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])",
    r"( ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]",
    r"|[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9]))$"
);

/// Decimals in texts, above 0 or not; an exponent is taken too where the number is exact, which no pattern can say.
const POINTS: &str = r"^(0\.[0-9]{0,3}[1-9]0*|[1-9][0-9]{0,10}(\.[0-9]{1,4}0*)?)$";
const MONEY: &str = r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,6}0*)?$";
const MONEY_ABOVE: &str = r"^(0\.[0-9]{0,5}[1-9]0*|[1-9][0-9]{0,11}(\.[0-9]{1,6}0*)?)$";
const FACTOR: &str = r"^(0\.[0-9]{0,3}[1-9]0*|[1-9][0-9]{0,2}(\.[0-9]{1,4}0*)?)$";

/// Names a type for a value, and says what it looks like.
macro_rules! value {
    ($name:ident, $schema:expr) => {
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let schema: Schema = $schema.into();
                schema.into()
            }
        }

        impl ToSchema for $name {}
    };
}

fn of_type(kind: Type, description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind).description(Some(description))
}

fn text(description: &str, least: usize, most: usize) -> ObjectBuilder {
    of_type(Type::String, description).min_length(Some(least)).max_length(Some(most))
}

fn name(what: &str, bytes_max: usize) -> Object {
    let description = format!(
        "{what}: 1 to {bytes_max} bytes of UTF-8, no control character, no white space at either end."
    );
    text(&description, 1, bytes_max).pattern(Some(NAME)).build()
}

/// One of these texts and no other.
pub fn one_of<'a>(description: &str, names: impl IntoIterator<Item = &'a str>) -> Object {
    let names: Vec<&str> = names.into_iter().collect();
    of_type(Type::String, description).enum_values(Some(names)).build()
}

/// The same, and null.
pub fn or_null(mut texts: Object) -> Object {
    texts.schema_type = SchemaType::from_iter([Type::String, Type::Null]);
    texts.enum_values.get_or_insert_default().push(serde_json::Value::Null);
    texts
}

/// A whole number within bounds.
pub fn whole(description: &str, least: u64, most: u64) -> Object {
    of_type(Type::Integer, description).minimum(Some(least as f64)).maximum(Some(most as f64)).build()
}

/// A decimal as a number, or as a text that holds one.
fn decimal(description: &str, number: ObjectBuilder, pattern: &str) -> Schema {
    let number = number.schema_type(Type::Number).build();
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).max_length(Some(64));
    AnyOfBuilder::new().description(Some(description)).item(number).item(text.build()).build().into()
}

value!(
    CrmId,
    text("The tenant. Nothing of one tenant is visible from another.", 1, 32)
        .pattern(Some("^[A-Za-z0-9_-]{1,32}$"))
        .build()
);
value!(MemberNo, name("A member", MEMBER_BYTES_MAX));
value!(Key, name("A number that the client chooses", KEY_BYTES_MAX));
value!(
    Text,
    text("Free text, at most 4,096 bytes. Empty is not the same as left out.", 0, TEXT_BYTES_MAX).build()
);
value!(
    PointsGiven,
    decimal(
        "Points: a decimal above 0 with at most 4 decimal places (zeros at the end don't count), at most \
         100,000,000,000 and at most 64 characters. A JSON number, or a string that holds one; taken exactly as written.",
        ObjectBuilder::new()
            .exclusive_minimum(Some(0))
            .maximum(Some((Points::REQUEST_MAX.0 / Points::UNIT) as f64))
            .multiple_of(Some(0.0001)),
        POINTS,
    )
);
value!(
    MoneyGiven,
    decimal(
        "Money: a decimal from 0 to 1,000,000,000,000 with at most 6 decimal places. A JSON number, or a string that \
         holds one.",
        ObjectBuilder::new()
            .minimum(Some(0))
            .maximum(Some((Amount::MAX.0 / 10_i64.pow(Amount::PLACES)) as f64))
            .multiple_of(Some(0.000001)),
        MONEY,
    )
);
value!(
    TimeGiven,
    of_type(
        Type::String,
        "A time: `YYYY-MM-DD HH:MM:SS` in the tenant's zone (`Asia/Shanghai` unless set otherwise), or RFC 3339 with an \
         offset. Years 1900 to 9999.",
    )
    .pattern(Some(TIME))
    .build()
);
value!(
    PointsShown,
    of_type(Type::Number, "Points: a decimal with up to 4 places, without zeros at the end. Read it as a decimal, not as a binary float.")
        .build()
);
value!(Money, of_type(Type::Number, "Money: a decimal with up to 6 places.").minimum(Some(0)).build());
value!(
    TimeShown,
    of_type(Type::String, "A time: `YYYY-MM-DD HH:MM:SS` in the tenant's zone.")
        .pattern(Some("^[0-9]{4,6}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$"))
        .build()
);
value!(
    AutoId,
    whole(
        "A record's number: below 2^53, unique in the tenant, growing with each record of a member.",
        1,
        PAGE_MAX
    )
);
value!(Count, whole("How many.", 0, PAGE_MAX));
value!(Page, whole("Which page, from 1.", 1, PAGE_MAX));
value!(PageSize, whole("Entries on a page.", 1, PAGE_SIZE_MAX));
value!(AnyObject, ObjectBuilder::new().schema_type(Type::Object).build());

value!(SomeText, text("Text, 1 to 4,096 bytes.", 1, TEXT_BYTES_MAX).build());
value!(RuleId, whole("A rule's number.", 1, PAGE_MAX));
value!(
    MoneyAbove,
    decimal(
        "Money: a decimal above 0, at most 1,000,000,000,000, with at most 6 decimal places. A JSON number, or a string \
         that holds one.",
        ObjectBuilder::new()
            .exclusive_minimum(Some(0))
            .maximum(Some((Amount::MAX.0 / 10_i64.pow(Amount::PLACES)) as f64))
            .multiple_of(Some(0.000001)),
        MONEY_ABOVE,
    )
);
value!(
    FactorGiven,
    decimal(
        "A decimal above 0, at most 1,000, with at most 4 decimal places. A JSON number, or a string that holds one.",
        ObjectBuilder::new().exclusive_minimum(Some(0)).maximum(Some(1000)).multiple_of(Some(0.0001)),
        FACTOR,
    )
);
value!(PageFile, one_of("A part of the page.", ["docs.js", "swagger-ui.css", "swagger-ui-bundle.js"]));

/// A reference to a described value.
pub fn reference<T: ToSchema>() -> RefOr<Schema> {
    Ref::from_schema_name(T::name()).into()
}
