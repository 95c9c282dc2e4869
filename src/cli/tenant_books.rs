//! For `verify`: tenants as the log makes them, held against those of snapshots, and the rules that records name.
use crate::format::entry::{MemberEntry, TenantEntry};
use crate::ledger::lsn::Lsn;
use crate::ledger::tenant::{Tenant, TenantEvent};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A snapshot's tenants.
pub type TenantImages = HashMap<String, Tenant>;

#[derive(Default)]
pub struct TenantBooks {
    tenants: HashMap<String, Tenant>,
    /// The newest version that each rule ever had; a removed one's too.
    versions: HashMap<(String, u64), u32>,
    images: Vec<(PathBuf, TenantImages)>,
}

impl TenantBooks {
    /// To be held against the log when that has come as far.
    pub fn expect(&mut self, path: &Path, images: TenantImages) {
        self.images.push((path.to_owned(), images));
    }

    /// One more of a tenant's records; says what does not hold.
    pub fn take(&mut self, lsn: Lsn, entry: &TenantEntry) -> Vec<String> {
        let crm_id = &entry.crm_id;
        let mut wrong = Vec::new();
        if let TenantEvent::RuleSet(set) = &entry.event {
            let newest = self.versions.entry((crm_id.clone(), set.rule_id)).or_insert(0);
            if set.version != *newest + 1 {
                wrong.push(format!(
                    "record {lsn}, tenant {crm_id}: rule {} goes from version {newest} to {}",
                    set.rule_id, set.version
                ));
            }
            *newest = set.version;
        }
        let tenant = self.tenants.entry(crm_id.clone()).or_default();
        tenant.apply(lsn, entry.at, &entry.event);
        for (path, images) in &mut self.images {
            if images.get(crm_id).is_some_and(|image| image.last == lsn)
                && images.remove(crm_id).as_ref() != Some(tenant)
            {
                wrong.push(format!("{}: tenant {crm_id} is not what the log makes of it", path.display()));
            }
        }
        wrong
    }

    /// A rule that a member's record names must have had that version by then.
    pub fn check_rule(&self, lsn: Lsn, entry: &MemberEntry) -> Option<String> {
        let rule = entry.event.grant().and(entry.event.accrual())?.rule?;
        let newest = self.versions.get(&(entry.crm_id.clone(), rule.rule_id)).copied().unwrap_or(0);
        (rule.version == 0 || rule.version > newest).then(|| {
            let (member_no, crm_id) = (&entry.member_no, &entry.crm_id);
            format!(
                "record {lsn}, member {member_no} of {crm_id}: rule {} has no version {} yet",
                rule.rule_id, rule.version
            )
        })
    }

    /// What of the snapshots the log never came to.
    pub fn left(&self) -> Vec<String> {
        let of = |(path, images): &(PathBuf, TenantImages)| -> Vec<String> {
            // One that nothing was recorded of has no record to be held against.
            let recorded = images.iter().filter(|(_, tenant)| tenant.last > Lsn::ZERO);
            recorded
                .map(|(crm_id, tenant)| {
                    let last = tenant.last;
                    format!(
                        "{}: tenant {crm_id} goes to record {last}, which the log does not have for it",
                        path.display()
                    )
                })
                .collect()
        };
        self.images.iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::rules::read::definition;
    use crate::ledger::command::SourceType;
    use crate::ledger::event::{Accrued, AccruedByRule, Event, RuleRef};
    use crate::ledger::instant::Instant;
    use crate::ledger::points::{Points, Total};
    use crate::ledger::rule::trace::Source;
    use crate::ledger::rule::{Grant, Trace};
    use crate::ledger::tenant::RuleSet;

    fn set(version: u32) -> TenantEntry {
        let body = br#"{"name":"r","action_scene":"s","event_type":"event","earn":{"fixed":1}}"#;
        let definition = definition(body, chrono_tz::Tz::UTC).expect("a rule");
        let event = TenantEvent::RuleSet(Box::new(RuleSet { rule_id: 7, version, definition }));
        TenantEntry { crm_id: "t".into(), at: Instant(0), event }
    }

    fn granted(version: u32) -> MemberEntry {
        let trace = Trace {
            passed_over: Vec::new(),
            reckoning: None,
            expiry: Source::Nobody,
            freeze: Source::Nobody,
        };
        let accrued = Accrued {
            event_no: "e".into(),
            fingerprint: [0; 16],
            source_type: SourceType::Event,
            points: Points(1),
            event_at: Instant(0),
            expire_at: None,
            unfreeze_at: None,
            amount: None,
            details: Default::default(),
            order_items: None,
            rule: Some(RuleRef { rule_id: 7, version }),
            paid: Vec::new(),
            active_after: Total::ZERO,
        };
        let grant = Box::new(Grant { counted: None, trace });
        let event = Event::AccruedByRule(AccruedByRule { accrued, grant });
        MemberEntry { crm_id: "t".into(), member_no: "m".into(), at: Instant(0), event }
    }

    #[test]
    fn a_grant_by_a_version_that_is_not_there_yet_is_found() {
        let mut books = TenantBooks::default();
        assert!(books.check_rule(Lsn(1), &granted(1)).is_some());
        assert!(books.take(Lsn(2), &set(1)).is_empty());
        assert!(books.check_rule(Lsn(3), &granted(1)).is_none());
        assert!(books.check_rule(Lsn(4), &granted(2)).is_some());
        assert!(books.take(Lsn(5), &set(2)).is_empty());
        // A grant may be decided before a change of its rule and recorded after it.
        assert!(books.check_rule(Lsn(6), &granted(1)).is_none());
    }

    #[test]
    fn a_version_that_skips_one_or_comes_twice_is_found() {
        let mut books = TenantBooks::default();
        books.take(Lsn(1), &set(1));
        assert_eq!(books.take(Lsn(2), &set(1)).len(), 1);
        assert_eq!(books.take(Lsn(3), &set(3)).len(), 1);
    }

    #[test]
    fn a_snapshots_tenant_must_be_what_the_log_makes_of_it() {
        let mut tenant = Tenant::default();
        tenant.apply(Lsn(1), Instant(0), &set(1).event);
        let mut other = tenant.clone();
        other.last_rule_id = 9;
        for (image, wrong) in [(tenant.clone(), 0), (other, 1)] {
            let mut books = TenantBooks::default();
            books.expect(Path::new("s"), [("t".to_owned(), image)].into());
            assert_eq!(books.take(Lsn(1), &set(1)).len(), wrong);
            assert!(books.left().is_empty());
        }
        let mut books = TenantBooks::default();
        books.expect(Path::new("s"), [("t".to_owned(), tenant)].into());
        assert_eq!(books.left().len(), 1, "the log never came so far");
    }
}
