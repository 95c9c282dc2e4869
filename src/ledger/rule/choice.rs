//! A tenant's rules, and which of them an event falls under.
use crate::ledger::command::SourceType;
use crate::ledger::event::RuleRef;
use crate::ledger::instant::Instant;
use crate::ledger::rule::definition::Definition;
use bincode::{Decode, Encode};
use serde::Serialize;
use std::sync::Arc;

/// A rule as it stands: each change of its definition is a version of its own, from 1 on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Rule {
    pub rule_id: u64,
    pub version: u32,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub definition: Definition,
}

impl Rule {
    pub fn reference(&self) -> RuleRef {
        RuleRef { rule_id: self.rule_id, version: self.version }
    }
}

/// All rules of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rulebook {
    /// In the order in which they are looked at: highest priority, then lowest id.
    rules: Vec<Arc<Rule>>,
}

/// Why a rule is not for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum Unfit {
    Disabled,
    Scene,
    Type,
    Store,
    NotYet,
    NoLonger,
}

impl Unfit {
    /// What follows "the rule": for people.
    pub fn words(self) -> &'static str {
        match self {
            Unfit::Disabled => "is not enabled",
            Unfit::Scene => "is for another action_scene",
            Unfit::Type => "is for another event_type",
            Unfit::Store => "is not for this store_code",
            Unfit::NotYet => "does not hold yet at event_at",
            Unfit::NoLonger => "holds no longer at event_at",
        }
    }
}

/// What of an event decides which rules it falls under.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    pub action_scene: &'a str,
    pub source_type: SourceType,
    pub store_code: &'a str,
    pub event_at: Instant,
}

impl Definition {
    pub fn unfit(&self, scene: &Scene<'_>) -> Option<Unfit> {
        let stores = &self.store_codes;
        if !self.enabled {
            Some(Unfit::Disabled)
        } else if self.action_scene != scene.action_scene {
            Some(Unfit::Scene)
        } else if self.source_type != scene.source_type {
            Some(Unfit::Type)
        } else if !stores.is_empty() && !stores.iter().any(|store| store == scene.store_code) {
            Some(Unfit::Store)
        } else if self.valid_from.is_some_and(|from| scene.event_at < from) {
            Some(Unfit::NotYet)
        } else if self.valid_to.is_some_and(|to| to <= scene.event_at) {
            Some(Unfit::NoLonger)
        } else {
            None
        }
    }
}

impl Rulebook {
    pub fn new(rules: impl IntoIterator<Item = Arc<Rule>>) -> Rulebook {
        let mut rules: Vec<Arc<Rule>> = rules.into_iter().collect();
        rules.sort_by_key(|rule| (std::cmp::Reverse(rule.definition.priority), rule.rule_id));
        Rulebook { rules }
    }

    /// In the order in which they are looked at.
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    pub fn rule(&self, rule_id: u64) -> Option<&Arc<Rule>> {
        self.rules.iter().find(|rule| rule.rule_id == rule_id)
    }

    /// Each rule that is looked at, in order, with what speaks against it: that of the id, or where none is named all.
    pub fn looked_at<'a, 'b>(
        &'a self,
        rule_id: Option<u64>,
        scene: &'b Scene<'b>,
    ) -> impl Iterator<Item = (&'a Arc<Rule>, Option<Unfit>)> + use<'a, 'b> {
        let asked = move |rule: &&Arc<Rule>| rule_id.is_none_or(|id| rule.rule_id == id);
        self.rules.iter().filter(asked).map(|rule| (rule, rule.definition.unfit(scene)))
    }
}
