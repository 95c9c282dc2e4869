//! What is a tenant's own and no member's. Changed by `apply` alone, as accounts are.
use crate::ledger::Terms;
use crate::ledger::instant::{Instant, Span};
use crate::ledger::lsn::Lsn;
use crate::ledger::rule::{Definition, Rule, Rulebook};
use bincode::{Decode, Encode};
use chrono_tz::Tz;
use serde::Serialize;
use std::sync::Arc;

#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Tenant {
    /// The last record applied; replay skips what is not newer.
    pub last: Lsn,
    pub settings: Settings,
    /// When the settings were changed last.
    pub settings_at: Option<Instant>,
    /// The zones that it set, each with the record that it holds from; none: the service's. A replay writes times as the
    /// first answer did.
    pub zones: Vec<(Lsn, Option<String>)>,
    /// By id.
    pub rules: Vec<Arc<Rule>>,
    /// The last id that a rule was given; none is given again.
    pub last_rule_id: u64,
}

/// What happened to a tenant. The order of variants is the format on disk.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum TenantEvent {
    /// The whole of what the tenant has set from now on.
    SettingsSet(Settings),
    /// A rule's new version, or the first of a new rule.
    RuleSet(Box<RuleSet>),
    RuleRemoved {
        rule_id: u64,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct RuleSet {
    pub rule_id: u64,
    pub version: u32,
    pub definition: Definition,
}

/// What a tenant has set; none: the service's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Settings {
    pub accrual_opens_members: Option<bool>,
    /// An IANA name.
    pub time_zone: Option<String>,
    /// 0: points never expire unless their accrual says so.
    pub default_expire_days: Option<u32>,
    pub expire_at_day_end: Option<bool>,
    /// 0: no grace.
    pub refund_grace_days: Option<u32>,
    pub offer_window_hours: Option<u32>,
    pub future_tolerance_hours: Option<u32>,
}

impl Settings {
    /// The terms in force where the service's own are `base`.
    pub fn terms(&self, base: &Terms) -> Terms {
        let days = |days: u32| (days > 0).then_some(Span::days(i64::from(days)));
        let hours = |hours: u32| Span::hours(i64::from(hours));
        Terms {
            zone: self.zone().unwrap_or(base.zone),
            accrual_opens_members: self.accrual_opens_members.unwrap_or(base.accrual_opens_members),
            default_expire: self.default_expire_days.map_or(base.default_expire, days),
            expire_at_day_end: self.expire_at_day_end.unwrap_or(base.expire_at_day_end),
            refund_grace: self.refund_grace_days.map_or(base.refund_grace, days),
            offer_window: self.offer_window_hours.map_or(base.offer_window, hours),
            future_tolerance: self.future_tolerance_hours.map_or(base.future_tolerance, hours),
            open_lots_max: base.open_lots_max,
            rulebook: base.rulebook.clone(),
        }
    }

    /// The zone that it names. A name that this build's zones lack counts as not set.
    pub fn zone(&self) -> Option<Tz> {
        self.time_zone.as_ref()?.parse().ok()
    }
}

impl Tenant {
    /// The terms in force where the service's own are `base`.
    pub fn terms(&self, base: &Terms) -> Terms {
        let rulebook = Arc::new(Rulebook::new(self.rules.iter().cloned()));
        Terms { rulebook, ..self.settings.terms(base) }
    }

    pub fn rule(&self, rule_id: u64) -> Option<&Arc<Rule>> {
        let place = self.rules.binary_search_by_key(&rule_id, |rule| rule.rule_id);
        place.ok().map(|place| &self.rules[place])
    }

    fn set_rule(&mut self, at: Instant, set: &RuleSet) {
        let RuleSet { rule_id, version, definition } = set.clone();
        let rule = |created_at| Arc::new(Rule { rule_id, version, created_at, updated_at: at, definition });
        match self.rules.binary_search_by_key(&rule_id, |rule| rule.rule_id) {
            Ok(place) => self.rules[place] = rule(self.rules[place].created_at),
            Err(place) => self.rules.insert(place, rule(at)),
        }
        self.last_rule_id = self.last_rule_id.max(rule_id);
    }

    /// Makes `event`, recorded at `at` under `lsn`, part of the tenant. One that it already holds is skipped.
    pub fn apply(&mut self, lsn: Lsn, at: Instant, event: &TenantEvent) {
        if lsn <= self.last {
            return;
        }
        self.last = lsn;
        match event {
            TenantEvent::SettingsSet(settings) => {
                if settings.time_zone != self.settings.time_zone {
                    self.zones.push((lsn, settings.time_zone.clone()));
                }
                self.settings = settings.clone();
                self.settings_at = Some(at);
            }
            TenantEvent::RuleSet(set) => self.set_rule(at, set),
            TenantEvent::RuleRemoved { rule_id } => self.rules.retain(|rule| rule.rule_id != *rule_id),
        }
    }
}
