//! Every kind of record: its bytes today are those of the version that brought it in, and the page says what they mean.
use super::page::{Holds, Shape, both};
use super::{bytes, fixtures, rule_samples, samples};
use eros_points::format::entry::{Entry, encode_member};
use std::fmt::Write;

/// The samples of each version's kinds, with the file that pins them.
fn pinned() -> [(&'static str, Vec<(&'static str, Entry)>); 3] {
    [
        ("v1/payloads.txt", samples::of_version_1()),
        ("v2/payloads.txt", samples::of_version_2()),
        ("v2/rules.txt", rule_samples::all()),
    ]
}

#[test]
fn every_kind_of_record_is_written_as_its_version_wrote_it() {
    for (file, samples) in pinned() {
        fixtures::same(file, written(samples).as_bytes());
    }
}

fn written(samples: Vec<(&'static str, Entry)>) -> String {
    let mut text =
        "One payload a line: what it is, and its bytes in hex. See tests/formats/samples.rs.\n".to_owned();
    for (name, entry) in samples {
        let _ = writeln!(text, "{name}: {}", fixtures::to_hex(&entry.encode()));
        if let Entry::Member(entry) = &entry {
            let parts = encode_member(&entry.crm_id, &entry.member_no, entry.at, &entry.event);
            assert_eq!(parts, Entry::Member(entry.clone()).encode(), "{name}, from its parts");
        }
    }
    text
}

#[test]
fn every_pinned_payload_is_read_as_what_it_was() {
    for (file, samples) in pinned() {
        let text = String::from_utf8(fixtures::read(file)).unwrap();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines.len(), samples.len());
        for (line, (name, entry)) in lines.iter().zip(samples) {
            let (pinned, hex) = line.rsplit_once(": ").expect("a name and hex");
            assert_eq!(pinned, name);
            assert_eq!(Entry::decode(&fixtures::from_hex(hex)).expect(name), entry, "{name}");
        }
    }
}

#[test]
fn the_page_alone_reads_every_kind_of_record() {
    let page = both();
    for (name, entry) in samples::all() {
        let shown = bytes::entry_shown(&page, &entry.encode());
        assert_eq!(shown.as_deref(), Ok(format!("{entry:?}").as_str()), "{name}");
    }
}

#[test]
fn the_pages_example_is_what_the_service_writes() {
    let samples = samples::all();
    let (_, example) =
        samples.iter().find(|(name, _)| *name == "the page's example").expect("it is a sample");
    assert_eq!(fixtures::to_hex(&both().example), fixtures::to_hex(&example.encode()));
}

/// What the samples leave out nobody has pinned: all variants, and every optional field both ways.
#[test]
fn the_samples_hold_all_that_the_page_defines() {
    let page = both();
    let shown: String = samples::all().iter().map(|(_, entry)| format!("{entry:?}\n")).collect();
    let log_types = [
        "Entry",
        "ServiceEntry",
        "TenantEvent",
        "Event",
        "SourceType",
        "Restore",
        "ReturnReason",
        "Earn",
        "Worth",
        "Rounding",
        "Expiry",
        "Stretch",
        "Unfit",
        "Source",
        "Cap",
        "Period",
    ];
    let mut variants = 0;
    for name in log_types {
        let Some(Shape::Enum(all)) = page.types.get(name) else { panic!("{name} is no enum of the page") };
        for variant in all {
            let end = match &variant.holds {
                Holds::Nothing => "",
                Holds::One(_) => "(",
                Holds::Fields(_) => " {",
            };
            assert!(
                shown.contains(&format!("{}{end}", variant.name)),
                "{name}::{} is in no sample",
                variant.name
            );
            variants += 1;
        }
    }
    assert_eq!(variants, 66, "3 + 1 + 3 + 16 + 2 + 6 + 2, and of rules 3 + 3 + 3 + 3 + 4 + 6 + 4 + 3 + 4");
    for field in [
        "expire_at",
        "unfreeze_at",
        "amount",
        "order_items",
        "rule",
        "action_scene",
        "store_code",
        "cost_center",
        "campaign_code",
        "operator",
        "event_desc",
        "refunded",
        "refund_info",
        "tier",
        "sealed",
        "accrual_opens_members",
        "time_zone",
        "default_expire_days",
        "expire_at_day_end",
        "refund_grace_days",
        "offer_window_hours",
        "future_tolerance_hours",
        "valid_from",
        "valid_to",
        "weekdays",
        "from",
        "to",
        "per_event",
        "points",
        "times",
        "expiry",
        "freeze_hours",
        "counted",
        "reckoning",
    ] {
        for way in ["None", "Some("] {
            assert!(shown.contains(&format!("{field}: {way}")), "{field}: {way} is in no sample");
        }
    }
    for field in [
        "paid",
        "taken",
        "own",
        "elsewhere",
        "steps",
        "lots",
        "store_codes",
        "sku",
        "category",
        "multipliers",
        "passed_over",
        "caps",
    ] {
        let start = format!("{field}: [");
        let after = |(place, start): (usize, &str)| shown[place + start.len()..].starts_with(']');
        let empty: Vec<bool> = shown.match_indices(&start).map(after).collect();
        assert!(empty.contains(&true) && empty.contains(&false), "{field} is not both empty and filled");
    }
}
