//! What the edge can ask of the service.
use crate::actors::answer::{
    Answer, Failure, HistoryQuery, Page, PageQuery, Preview, RecordView, Summary, TransferView,
};
use crate::actors::batch::{self, Operation};
use crate::actors::carrier::carry;
use crate::actors::core::{Admission, Answering, Core};
use crate::actors::member::Outcome;
use crate::actors::personal::Personal;
use crate::actors::profiles::{self, MemberView};
use crate::actors::readiness::{Recovered, Recovery, Standing};
use crate::actors::scans::Scan;
use crate::actors::streams::StreamPlace;
use crate::actors::tenant::{Message, RuleChange};
use crate::actors::tenants::View;
use crate::history::{History, HistoryError};
use crate::ledger::Known;
use crate::ledger::account::Outgoing;
use crate::ledger::by_rule;
use crate::ledger::command::{AcceptOffer, AccrueByRule, Command};
use crate::ledger::event::{Key, TransferStatus};
use crate::ledger::refusal::Refusal;
use crate::ledger::rule::Rule;
use crate::ledger::tenant::Settings;
use crate::limits::{FEEDS_MAX, INDEX_WAIT_MAX, REBUILDS_MAX, STREAMS_MAX};
use crate::telemetry::carried_on;
use chrono_tz::Tz;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use tokio::sync::{Semaphore, oneshot, watch};

/// The service as requests see it: not ready, ready, stopping. Cheap to share behind an `Arc`.
pub struct Service {
    core: OnceLock<Arc<Core>>,
    stopping: watch::Sender<bool>,
    recovery: Recovery,
    /// For answers of any length, which are not among the requests being worked on.
    streams: Arc<Semaphore>,
    feeds: Arc<Semaphore>,
    pub(super) rebuilds: Arc<Semaphore>,
    zone: Tz,
}

impl Service {
    /// One that is still recovering; `zone` is for reading requests until then.
    pub fn starting(zone: Tz) -> Service {
        let (stopping, _) = watch::channel(false);
        Service {
            core: OnceLock::new(),
            stopping,
            recovery: Recovery::begin(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            feeds: Arc::new(Semaphore::new(FEEDS_MAX)),
            rebuilds: Arc::new(Semaphore::new(REBUILDS_MAX)),
            zone,
        }
    }

    pub fn is_ready(&self) -> bool {
        self.core.get().is_some() && !*self.stopping.borrow()
    }

    /// From now on requests are carried out.
    pub fn ready(&self, core: Arc<Core>) {
        let _ = self.core.set(core);
        self.recovery.end();
    }

    /// How far the start has come, or how it went.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Where it stands, for those who ask from outside.
    pub fn standing(&self) -> Recovered {
        let last = self.recovery.last();
        let running = self.core.get().map(|core| core.journal.durable());
        let standing = match running {
            _ if *self.stopping.borrow() => Standing::Stopping,
            Some(_) => Standing::Ready,
            None => last.standing,
        };
        Recovered { standing, last_lsn: running.unwrap_or(last.last_lsn), ..last }
    }

    /// The service itself, ready or stopping, for those who only look; none while it recovers.
    pub fn seen(&self) -> Option<&Arc<Core>> {
        self.core.get()
    }

    /// From now on requests are turned away.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// A place for one more stream, which must end when the service stops.
    pub fn stream_place(&self) -> Result<StreamPlace, Failure> {
        let core = self.core()?;
        let place = StreamPlace::of(&self.streams, self.stopping());
        place.map_err(|_| core.shed(&core.vitals.shed.streams))
    }

    /// A place to send records of the change feed from: they are few, and who sends them is soon done.
    pub async fn feed_place(&self) -> Result<StreamPlace, Failure> {
        StreamPlace::wait_for(&self.feeds, self.stopping(), INDEX_WAIT_MAX).await
    }

    /// Begins a read of a whole tenant.
    pub async fn scan(&self, crm_id: &str) -> Result<Scan, Failure> {
        Scan::begin(self.core()?, crm_id, self.stopping()).await
    }

    /// Becomes true when the service stops.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    fn core(&self) -> Result<&Arc<Core>, Failure> {
        match self.core.get() {
            Some(core) if !*self.stopping.borrow() => Ok(core),
            _ => Err(Failure::NotReady),
        }
    }

    pub(super) fn admit(&self) -> Result<(Arc<Core>, Admission), Failure> {
        let core = self.core()?;
        Ok((core.clone(), core.admit()?))
    }

    /// The zone of a tenant's times.
    pub fn zone(&self, crm_id: &str) -> Tz {
        self.core.get().map_or(self.zone, |core| core.tenants.zone(crm_id))
    }

    /// The zones that the tenant's times were in before, the latest first.
    pub fn earlier_zones(&self, crm_id: &str) -> Vec<Tz> {
        self.core.get().map(|core| core.tenants.earlier_zones(crm_id)).unwrap_or_default()
    }

    /// Carries out a change of one member (or of the sender, for `Offer`, `SendDirect`); answers when it is durable.
    pub async fn change(&self, crm_id: &str, member_no: &str, command: Command) -> Result<Answer, Failure> {
        self.begin(crm_id, member_no.to_owned(), Box::new(command))?.answered(crm_id).await
    }

    /// Begins one, for callers who hold nothing of it while they wait.
    pub fn begin(
        &self,
        crm_id: &str,
        member_no: String,
        command: Box<Command>,
    ) -> Result<Changing<'_>, Failure> {
        let core = self.core()?;
        if matches!(*command, Command::SendDirect(_)) {
            let (core, admission) = self.admit()?;
            let crm_id = crm_id.to_owned();
            let sending = async move { send_direct(&core, &crm_id, &member_no, command).await };
            return Ok(Changing::Aside(Box::pin(to_the_end(admission, sending))));
        }
        let admission = core.admit_here()?;
        let outcome = core.begin(crm_id, &member_no, command)?;
        Ok(Changing::Here { core, _admission: admission, member_no, outcome })
    }

    /// Takes an offer made to `member_no`. `from` is needed only where two senders used one number.
    pub async fn accept(
        &self,
        crm_id: &str,
        member_no: &str,
        transfer_no: &str,
        from: Option<&str>,
    ) -> Result<Answer, Failure> {
        let (core, admission) = self.admit()?;
        let (crm_id, member_no, transfer_no) =
            (crm_id.to_owned(), member_no.to_owned(), transfer_no.to_owned());
        let from = from.map(str::to_owned);
        to_the_end(admission, async move {
            accept(&core, &crm_id, &member_no, &transfer_no, from.as_deref()).await
        })
        .await
    }

    /// The sender takes its offer back.
    pub async fn cancel(&self, crm_id: &str, member_no: &str, transfer_no: &str) -> Result<Answer, Failure> {
        let (core, _admission) = self.admit()?;
        cancel(&core, crm_id, member_no, transfer_no).await
    }

    /// Carries out many operations; an answer for each that is there, in the same places.
    pub async fn batch(
        &self,
        crm_id: &str,
        operations: Vec<Option<Operation>>,
    ) -> Result<Vec<Option<Result<Answer, Failure>>>, Failure> {
        let core = self.core()?.clone();
        let admission = core.admit_many(operations.len()).await?;
        let crm_id = crm_id.to_owned();
        to_the_end(admission, async move { Ok(batch::carry_out(&core, &crm_id, operations).await) }).await
    }

    /// What is in force for a tenant, and what of it the tenant has set.
    pub fn settings(&self, crm_id: &str) -> Result<Arc<View>, Failure> {
        let (core, _admission) = self.admit()?;
        Ok(core.tenants.view(crm_id))
    }

    /// Replaces what a tenant has set; answers what is in force then.
    pub async fn set_settings(&self, crm_id: &str, settings: Settings) -> Result<Arc<View>, Failure> {
        let (core, _admission) = self.admit()?;
        let (reply, answer) = oneshot::channel();
        core.tenants.tell(&core, crm_id, Message::SetSettings(settings, reply))?;
        answer.await.unwrap_or(Err(Failure::Unknown))
    }

    /// Changes a tenant's rules; answers the rule as it is then, or was before it was removed.
    pub async fn change_rule(&self, crm_id: &str, change: RuleChange) -> Result<Arc<Rule>, Failure> {
        let (core, _admission) = self.admit()?;
        let (reply, answer) = oneshot::channel();
        core.tenants.tell(&core, crm_id, Message::ChangeRule(Box::new(change), reply))?;
        answer.await.unwrap_or(Err(Failure::Unknown))
    }

    /// What an event would earn, and by which terms; changes nothing. Of a member never seen, what its first event would.
    pub async fn preview(
        &self,
        crm_id: &str,
        member_no: &str,
        command: &AccrueByRule,
    ) -> Result<Preview, Failure> {
        let (core, _admission) = self.admit()?;
        let now = core.clock.now();
        let terms = core.tenants.terms(crm_id);
        let (account, _) = core.account(crm_id, member_no, now).await?.unwrap_or_default();
        let now = now.max(account.clock);
        let outcome = by_rule::considered(&account, command, now, &terms);
        Ok(Preview { event_at: command.event_at.unwrap_or(now), terms, outcome })
    }

    /// A member as it is known beside its points; none of whom nothing was ever recorded.
    pub async fn member(&self, crm_id: &str, member_no: &str) -> Result<Option<MemberView>, Failure> {
        let (core, _admission) = self.admit()?;
        profiles::member(&core, crm_id, member_no).await
    }

    /// Replaces a member's profile.
    pub async fn put_member(
        &self,
        crm_id: &str,
        member_no: &str,
        tier: Option<String>,
        personal: Personal,
    ) -> Result<MemberView, Failure> {
        let (core, admission) = self.admit()?;
        let (crm_id, member_no) = (crm_id.to_owned(), member_no.to_owned());
        to_the_end(admission, async move { profiles::put(&core, &crm_id, &member_no, tier, personal).await })
            .await
    }

    /// Erases a member's personal data for good.
    pub async fn erase_personal_data(
        &self,
        crm_id: &str,
        member_no: &str,
    ) -> Result<Option<MemberView>, Failure> {
        let (core, admission) = self.admit()?;
        let (crm_id, member_no) = (crm_id.to_owned(), member_no.to_owned());
        to_the_end(admission, async move { profiles::erase(&core, &crm_id, &member_no).await }).await
    }

    /// The member that has a mobile.
    pub async fn member_with_mobile(&self, crm_id: &str, mobile: &str) -> Result<Option<String>, Failure> {
        let (core, _admission) = self.admit()?;
        profiles::with_mobile(&core, crm_id, mobile).await
    }

    pub async fn summary(&self, crm_id: &str, member_no: &str) -> Result<Summary, Failure> {
        self.summary_as_of(crm_id, member_no, None).await
    }

    pub async fn history(&self, crm_id: &str, query: HistoryQuery) -> Result<Page<RecordView>, Failure> {
        let (core, admission) = self.admit()?;
        let now = core.clock.now();
        let account = match &query.member_no {
            None => {
                core.indexed(core.journal.durable()).await?;
                None
            }
            Some(member_no) => match core.account(crm_id, member_no, now).await? {
                None => return Ok(Page { total: 0, total_is_lower_bound: false, items: Vec::new() }),
                Some((account, _)) => {
                    core.indexed(account.last).await?;
                    Some(account)
                }
            },
        };
        let crm_id = crm_id.to_owned();
        off_the_workers(admission, &core, move |history| {
            history.search(&crm_id, &query, account.as_ref(), now)
        })
        .await
    }

    pub async fn transfers(
        &self,
        crm_id: &str,
        member_no: &str,
        status: Option<TransferStatus>,
        page: PageQuery,
    ) -> Result<Page<TransferView>, Failure> {
        let (core, admission) = self.admit()?;
        let now = core.clock.now();
        core.indexed(core.journal.durable()).await?;
        let (crm_id, member_no) = (crm_id.to_owned(), member_no.to_owned());
        off_the_workers(admission, &core, move |history| {
            history.transfers(&crm_id, &member_no, status, now, page)
        })
        .await
    }
}

/// A change on its way. While its record is made durable, no more of it is held than the answer needs.
pub enum Changing<'a> {
    Here {
        core: &'a Arc<Core>,
        _admission: Admission<&'a Core>,
        member_no: String,
        outcome: Answering,
    },
    /// In a task of its own.
    Aside(Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send + 'a>>),
}

impl Changing<'_> {
    /// The answer, once it is durable. `crm_id` is the tenant that it was begun for.
    #[expect(clippy::manual_async_fn, reason = "an async fn would hold its arguments twice")]
    pub fn answered(self, crm_id: &str) -> impl Future<Output = Result<Answer, Failure>> + Send {
        async move {
            match self {
                Changing::Here { core, _admission, member_no, outcome } => {
                    let outcome = outcome.await.unwrap_or(Err(Failure::Unknown))?;
                    answer(core, crm_id, &member_no, outcome).await
                }
                Changing::Aside(answered) => answered.await,
            }
        }
    }
}

/// Runs what must not stop half way when the client goes away.
async fn to_the_end<T: Send + 'static>(
    admission: Admission,
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    // Boxed: a task is made through several hands.
    let work = Box::pin(work);
    let task = tokio::spawn(carried_on(async move {
        let done = work.await;
        drop(admission);
        done
    }));
    task.await.unwrap_or_else(|error| Err(Failure::Fault(error.to_string())))
}

/// Searches can take a while: they must not keep a worker from other requests.
pub(super) async fn off_the_workers<T: Send + 'static>(
    admission: impl Send + 'static,
    core: &Arc<Core>,
    search: impl FnOnce(&dyn History) -> Result<T, HistoryError> + Send + 'static,
) -> Result<T, Failure> {
    let history = core.history.clone();
    let task = tokio::task::spawn_blocking(move || {
        let found = search(&*history);
        drop(admission);
        found
    });
    Ok(task.await.map_err(|error| Failure::Fault(error.to_string()))??)
}

/// The receiver takes an offer: the sender's account says whether it can, then the points are carried.
pub(super) async fn accept(
    core: &Arc<Core>,
    crm_id: &str,
    to: &str,
    transfer_no: &str,
    from: Option<&str>,
) -> Result<Answer, Failure> {
    // An offer answered before this request was sent is durable, and must be found.
    core.indexed(core.journal.durable()).await?;
    let from = sender(&*core.history, crm_id, to, transfer_no, from)?;
    let command =
        Command::AcceptOffer(AcceptOffer { transfer_no: transfer_no.to_owned(), to: to.to_owned() });
    let Outcome::Done { replayed, outgoing: Some(outgoing), .. } =
        core.change(crm_id, &from, command).await?
    else {
        return Err(Failure::Fault("an accepted offer has nothing to carry".into()));
    };
    let received = carry(core, crm_id, &from, *outgoing).await?;
    let mut answer = answer(core, crm_id, to, received).await?;
    answer.replayed = replayed;
    Ok(answer)
}

pub(super) async fn cancel(
    core: &Arc<Core>,
    crm_id: &str,
    member_no: &str,
    transfer_no: &str,
) -> Result<Answer, Failure> {
    let command = Command::CancelOffer { transfer_no: transfer_no.to_owned() };
    let outcome = core.change(crm_id, member_no, command).await?;
    let Outcome::Done { record, replayed: true, .. } = &outcome else {
        return answer(core, crm_id, member_no, outcome).await;
    };
    // What is known of it is the offer; the answer is the return.
    core.indexed(core.journal.durable()).await?;
    let returned = core.history.find(crm_id, member_no, Key::Return(transfer_no))?;
    let missing = || Failure::Fault(format!("offer {} is cancelled and has no return", record.lsn));
    let record = returned.ok_or_else(missing)?;
    answer(core, crm_id, member_no, Outcome::Done { record, replayed: true, outgoing: None }).await
}

/// Both halves of a direct transfer; a replay too answers when both are durable.
pub(super) async fn send_direct(
    core: &Arc<Core>,
    crm_id: &str,
    from: &str,
    command: Box<Command>,
) -> Result<Answer, Failure> {
    let outcome = core.change(crm_id, from, command).await?;
    if let Outcome::Done { outgoing: Some(outgoing), .. } = &outcome {
        carry(core, crm_id, from, Outgoing::clone(outgoing)).await?;
    }
    answer(core, crm_id, from, outcome).await
}

/// Who made the offer that `member_no` wants to take.
fn sender(
    history: &dyn History,
    crm_id: &str,
    member_no: &str,
    transfer_no: &str,
    from: Option<&str>,
) -> Result<String, Failure> {
    let offers = history.transfers_to(crm_id, member_no, transfer_no)?;
    let mut senders: Vec<String> = offers.into_iter().map(|(_, sender)| sender).collect();
    senders.retain(|sender| from.is_none_or(|from| from == sender));
    senders.sort();
    senders.dedup();
    match &mut senders[..] {
        [] => Err(Refusal::NoSuchTransfer.into()),
        [one] => Ok(std::mem::take(one)),
        _ => {
            let should =
                "must name the sender: more than one offered you a transfer of this number".to_owned();
            Err(Refusal::Invalid { field: "from_user".into(), should }.into())
        }
    }
}

pub(super) async fn answer(
    core: &Core,
    crm_id: &str,
    member_no: &str,
    outcome: Outcome,
) -> Result<Answer, Failure> {
    let Outcome::Done { record: Known { lsn, at, event, .. }, replayed, .. } = outcome else {
        return Err(Failure::Fault("a client's change came to nothing".into()));
    };
    let zone = core.tenants.zone_at(crm_id, lsn);
    // The change is made: whatever fails now, "nothing was done" would be untrue.
    let lots = core.lots_moved(lsn, &event).await.map_err(|failure| {
        tracing::error!("record {lsn} is made, and its lots can't be told: {failure:?}");
        Failure::Unknown
    })?;
    let record = RecordView {
        lsn,
        crm_id: crm_id.into(),
        member_no: member_no.into(),
        at,
        event,
        standing: Default::default(),
        origin_event_no: None,
        lots,
    };
    Ok(Answer { record, replayed, zone })
}
