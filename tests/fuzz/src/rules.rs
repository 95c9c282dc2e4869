//! Definitions of rules. One that is taken is shown as JSON, which is taken again and is the same.
use chrono_tz::Asia::Shanghai;
use eros_points::http::rules::read::definition;
use eros_points::http::rules::write::rule_bytes;
use eros_points::ledger::instant::Instant;
use eros_points::ledger::rule::Rule;

pub fn run(data: &[u8]) {
    let Ok(taken) = definition(data, Shanghai) else { return };
    let rule = |definition| Rule {
        rule_id: 1,
        version: 1,
        created_at: Instant(0),
        updated_at: Instant(0),
        definition,
    };
    let shown = rule_bytes(&rule(taken), Shanghai);
    let again = definition(&shown, Shanghai)
        .unwrap_or_else(|error| panic!("{} is not taken again: {error:?}", String::from_utf8_lossy(&shown)));
    assert_eq!(rule_bytes(&rule(again), Shanghai), shown);
}
