//! A tenant's actor: owns what is the tenant's and no member's, and takes one message at a time. Like a member's it never
//! waits for the disk. A change takes effect when it is durable.
//!
//! Who has which mobile is claimed here, in memory: the members' profiles are what lasts. A claim comes before the
//! profile is written, its release after that is durable, so at no moment, and after no crash, do two durable profiles
//! bear one mobile; a start takes the claims from the profiles.
use crate::actors::answer::Failure;
use crate::actors::core::{Core, failure_of, partition_of};
use crate::actors::directory::MemberId;
use crate::actors::held::Held;
use crate::actors::tenants::{Cell, View};
use crate::format::entry::{Entry, TenantEntry};
use crate::ledger::Terms;
use crate::ledger::lsn::Lsn;
use crate::ledger::refusal::Refusal;
use crate::ledger::rule::{Definition, Rule};
use crate::ledger::tenant::{RuleSet, Settings, Tenant, TenantEvent};
use crate::limits::RULES_MAX;
use crate::store::journal::Class;
use ractor::{Actor, ActorProcessingErr, ActorRef, ActorRuntime};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A mobile as the tenant's actor knows it: a hash under a key of this process, so that memory holds no list of mobiles.
pub type MobileHash = [u8; 16];

pub enum Message {
    /// Replaces what the tenant has set; answers what is in force then.
    SetSettings(Settings, oneshot::Sender<Result<Arc<View>, Failure>>),
    /// Answers the rule as it is then, or was before it was removed.
    ChangeRule(Box<RuleChange>, oneshot::Sender<Result<Arc<Rule>, Failure>>),
    /// Claims a mobile for a member.
    Claim(MobileHash, MemberId, oneshot::Sender<Result<(), Failure>>),
    /// The same for many members at once, at a start.
    ClaimAll(Vec<(MobileHash, MemberId)>, oneshot::Sender<Result<(), Failure>>),
    /// The member no longer has, or never got, the mobile.
    Release(MobileHash, MemberId),
    /// Who has, or is about to have, a mobile.
    Find(MobileHash, oneshot::Sender<Option<MemberId>>),
    /// Looks at the tenant as it is, durable or not.
    Look(Box<dyn FnOnce(&Tenant) + Send>),
}

pub enum RuleChange {
    Add(Definition),
    /// Replaces the whole.
    Replace(u64, Definition),
    Remove(u64),
}

pub struct TenantActor {
    core: Arc<Core>,
    cell: Arc<Cell>,
    base: Arc<Terms>,
}

pub struct State {
    tenant: Tenant,
    mobiles: HashMap<MobileHash, MemberId>,
}

impl State {
    fn claim(&mut self, mobile: MobileHash, member: MemberId) -> Result<(), Failure> {
        let holder = self.mobiles.entry(mobile).or_insert(member);
        if *holder == member { Ok(()) } else { Err(Refusal::MobileTaken.into()) }
    }
}

impl TenantActor {
    pub fn spawn(core: &Arc<Core>, cell: Arc<Cell>, base: Arc<Terms>) -> ActorRef<Message> {
        let tenant = TenantActor { core: core.clone(), cell, base };
        // Without a name there is nothing that a spawn could collide with.
        match ActorRuntime::spawn_instant(None, tenant, ()) {
            Ok((actor, _)) => actor,
            Err(error) => unreachable!("an unnamed actor can be spawned: {error}"),
        }
    }
}

impl Actor for TenantActor {
    type Msg = Message;
    type State = State;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Message>, (): ()) -> Result<State, ActorProcessingErr> {
        // There was no actor before: all that is known of the tenant is in force.
        Ok(State { tenant: self.cell.view().tenant.clone(), mobiles: HashMap::new() })
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::SetSettings(settings, reply) => self.set_settings(state, settings, reply),
            Message::ChangeRule(change, reply) => self.change_rule(state, *change, reply),
            // Whoever asked may have gone away: then nobody misses the answer.
            Message::Claim(mobile, member, reply) => {
                let _ = reply.send(state.claim(mobile, member));
            }
            Message::ClaimAll(claims, reply) => {
                let mut claims = claims.into_iter();
                let _ = reply.send(claims.try_for_each(|(mobile, member)| state.claim(mobile, member)));
            }
            Message::Release(mobile, member) => {
                if state.mobiles.get(&mobile) == Some(&member) {
                    state.mobiles.remove(&mobile);
                }
            }
            Message::Find(mobile, reply) => {
                let _ = reply.send(state.mobiles.get(&mobile).copied());
            }
            Message::Look(look) => look(&state.tenant),
        }
        Ok(())
    }
}

impl TenantActor {
    fn set_settings(
        &self,
        state: &mut State,
        settings: Settings,
        reply: oneshot::Sender<Result<Arc<View>, Failure>>,
    ) {
        let view = if settings == state.tenant.settings {
            Ok(Arc::new(View::new(state.tenant.clone(), &self.base)))
        } else {
            self.record(&mut state.tenant, TenantEvent::SettingsSet(settings))
        };
        self.when_durable(state.tenant.last, view, move |view| {
            // Whoever asked may have gone away: then nobody misses the answer.
            let _ = reply.send(view);
        });
    }

    fn change_rule(
        &self,
        state: &mut State,
        change: RuleChange,
        reply: oneshot::Sender<Result<Arc<Rule>, Failure>>,
    ) {
        let before = match &change {
            RuleChange::Add(_) => None,
            RuleChange::Replace(rule_id, _) | RuleChange::Remove(rule_id) => {
                state.tenant.rule(*rule_id).cloned()
            }
        };
        let (rule_id, view) = match event_of(&state.tenant, before.as_deref(), change) {
            Ok(Some((rule_id, event))) => (rule_id, self.record(&mut state.tenant, event)),
            // It is so already.
            Ok(None) => (0, Ok(Arc::new(View::new(state.tenant.clone(), &self.base)))),
            Err(refusal) => (0, Err(refusal.into())),
        };
        self.when_durable(state.tenant.last, view, move |view| {
            let missing = || Failure::Fault("a rule just written is not there".into());
            let rule =
                view.and_then(|view| view.tenant.rule(rule_id).cloned().or(before).ok_or_else(missing));
            let _ = reply.send(rule);
        });
    }

    /// Appends `event` to the log and makes it part of the tenant. What is in force then; not before it is durable.
    fn record(&self, tenant: &mut Tenant, event: TenantEvent) -> Result<Arc<View>, Failure> {
        let at = self.core.clock.now();
        let crm_id = &self.cell.crm_id;
        let entry = TenantEntry { crm_id: crm_id.to_string(), at, event: event.clone() };
        let payload = Entry::Tenant(entry).encode();
        let partition = partition_of(crm_id, "");
        let append = || self.core.journal.append(Class::Refusable, partition, &payload).map_err(failure_of);
        let lsn = match &event {
            TenantEvent::SettingsSet(settings) if settings.time_zone != tenant.settings.time_zone => {
                self.cell.set_zone(&settings.time_zone, append)?
            }
            _ => append()?,
        };
        tenant.apply(lsn, at, &event);
        Ok(Arc::new(View::new(tenant.clone(), &self.base)))
    }

    /// Answers, and puts in force what is answered, when `lsn` is durable.
    fn when_durable(
        &self,
        lsn: Lsn,
        view: Result<Arc<View>, Failure>,
        reply: impl FnOnce(Result<Arc<View>, Failure>) + Send + 'static,
    ) {
        let cell = self.cell.clone();
        let then = move |fate: Result<(), Failure>| {
            let answer = fate.and(view);
            if let Ok(view) = &answer {
                cell.publish(view.clone());
            }
            reply(answer);
        };
        self.core.release_when_durable(lsn, Held::Other(Box::new(then)));
    }
}

/// What a change of rules comes to, and of which rule; none where it is so already.
fn event_of(
    tenant: &Tenant,
    before: Option<&Rule>,
    change: RuleChange,
) -> Result<Option<(u64, TenantEvent)>, Refusal> {
    let (rule_id, version, definition) = match change {
        RuleChange::Add(_) if tenant.rules.len() >= RULES_MAX => {
            let should = format!("must be at most {RULES_MAX}; remove one first");
            return Err(Refusal::Invalid { field: "rules".into(), should });
        }
        RuleChange::Add(definition) => (tenant.last_rule_id + 1, 1, definition),
        RuleChange::Replace(rule_id, definition) => {
            let before = before.ok_or(Refusal::NoSuchRule)?;
            if before.definition == definition {
                return Ok(None);
            }
            (rule_id, before.version.saturating_add(1), definition)
        }
        RuleChange::Remove(rule_id) => {
            before.ok_or(Refusal::NoSuchRule)?;
            return Ok(Some((rule_id, TenantEvent::RuleRemoved { rule_id })));
        }
    };
    Ok(Some((rule_id, TenantEvent::RuleSet(Box::new(RuleSet { rule_id, version, definition })))))
}
