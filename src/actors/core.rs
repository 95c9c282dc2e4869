//! What all parts of the running service share, and the few things that they all do with it.
use crate::actors::answer::Failure;
use crate::actors::directory::{Awakened, BrokenMember, Directory, Handed, Idle, MemberId};
use crate::actors::feeds::Feeds;
use crate::actors::fresh::Fresh;
use crate::actors::held::Held;
use crate::actors::issues::Issues;
use crate::actors::member::{Change, Member, Message, Outcome, SharedState};
use crate::actors::profiles::Profiles;
use crate::actors::projection::AccountView;
use crate::actors::recents::Recorded;
use crate::actors::scans::Cuts;
use crate::actors::shown::Shown;
use crate::actors::tenants::Tenants;
use crate::actors::timer::Timer;
use crate::actors::turn::{LOTS_IN_PLACE_MAX, QuietSince, Turn};
use crate::actors::vitals::Vitals;
use crate::clock::Clock;
use crate::format::entry::encode_member;
use crate::giving_way::{GivingWay, Work};
use crate::history::{History, HistoryError};
use crate::ledger::account::Account;
use crate::ledger::command::Command;
use crate::ledger::event::Event;
use crate::ledger::instant::Instant;
use crate::ledger::lot::LotId;
use crate::ledger::lsn::Lsn;
use crate::ledger::{Prior, apply};
use crate::limits::{INDEX_WAIT_MAX, MAILBOX_MAX, PARTITIONS};
use crate::store::journal::{AppendError, Class, Journal};
use ractor::ActorRef;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, oneshot, watch};

pub struct Core {
    pub directory: Directory,
    pub journal: Journal<Held>,
    pub history: Arc<dyn History>,
    /// The last LSN that the index shows.
    pub indexed: Arc<Shown>,
    /// The threads that keep the index.
    pub giving_way: Arc<GivingWay>,
    pub feeds: Arc<Feeds>,
    pub issues: Issues,
    pub fresh: Fresh,
    pub clock: Arc<dyn Clock>,
    pub timer: Timer,
    /// Members with an actor, for the sweeper: least recently awakened or looked at first.
    pub awake: Mutex<VecDeque<MemberId>>,
    pub tenants: Tenants,
    pub profiles: Profiles,
    pub bounds: Bounds,
    /// Requests being worked on.
    pub in_flight: AtomicUsize,
    pub vitals: Vitals,
    /// What reads of whole tenants need kept while members change.
    pub cuts: Cuts,
    /// Places for such reads.
    pub scans: Arc<Semaphore>,
    /// Set once, when the process must end because memory and log can't be trusted to agree.
    pub broken: watch::Sender<Option<String>>,
}

/// What a change came to, on its way: durable when it comes.
pub type Answering = oneshot::Receiver<Result<Outcome, Failure>>;

/// How much the service takes on at once.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Members with an actor, above which idle ones go to rest at once.
    pub live_actors_max: usize,
    /// Requests being worked on; above it they are shed.
    pub in_flight_max: usize,
    /// Records that the index may lag behind the log; above it changes are shed.
    pub index_lag_max: u64,
    /// What members at rest may take of memory; past it they move out to disk. 0: as much as they like.
    pub resting_bytes_max: u64,
}

impl Bounds {
    /// Records that the index may be behind before what can wait does: at the bound requests are shed, and some wait for the
    /// index long before.
    pub fn index_lag_wanted(&self) -> u64 {
        self.index_lag_max / 32
    }
}

/// A look-up in the index, good for an actor that remembers everything after `stamp`.
#[derive(Debug, Default)]
pub struct StampedPrior {
    pub prior: Prior,
    pub stamp: Lsn,
}

/// The partition that a member's records belong to: fixed for ever, since the log says it.
pub fn partition_of(crm_id: &str, member_no: &str) -> u16 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(crm_id.as_bytes());
    hasher.update(&[0]);
    hasher.update(member_no.as_bytes());
    (hasher.finalize() % u32::from(PARTITIONS)) as u16
}

impl Core {
    /// What the index knows of the keys that `command` names.
    pub fn look_up(&self, crm_id: &str, member_no: &str, command: &Command) -> Result<StampedPrior, Failure> {
        let stamp = self.history.applied();
        let mut prior = Prior::default();
        if let Some(key) = command.key()
            && !matches!(command, Command::ClearOutbox { .. })
        {
            prior.known = self.history.find(crm_id, member_no, key)?;
        }
        if let Some(origin) = command.origin_key() {
            prior.origin = self.history.find(crm_id, member_no, origin)?;
        }
        Ok(StampedPrior { prior, stamp })
    }

    /// Appends `event` to the log and makes it part of the account. Nothing may be told of it before it is durable.
    pub fn record(
        &self,
        crm_id: &str,
        member_no: &str,
        account: &mut Account,
        at: Instant,
        event: &Event,
        class: Class,
    ) -> Result<Recorded, Failure> {
        let payload = encode_member(crm_id, member_no, at, event);
        let lsn =
            self.journal.append(class, partition_of(crm_id, member_no), &payload).map_err(failure_of)?;
        self.cuts.keep(crm_id, member_no, account, lsn, || self.directory.shard_of(crm_id, member_no));
        let applied = catch_unwind(AssertUnwindSafe(|| apply(account, lsn, at, event)));
        if applied.is_err() {
            self.stop_broken(format!("record {lsn} of member {member_no} of {crm_id} could not be applied"));
            return Err(Failure::Unknown);
        }
        Ok(Recorded { lsn, at, payload })
    }

    /// Records what time alone has made true by `now`, and tells `recorded` of each record.
    pub fn settle(
        &self,
        crm_id: &str,
        member_no: &str,
        account: &mut Account,
        now: Instant,
        mut recorded: impl FnMut(Recorded, &Event),
    ) -> Result<(), Failure> {
        if account.next_due().is_none_or(|due| due > now.max(account.clock)) {
            return Ok(());
        }
        let terms = self.tenants.terms(crm_id);
        while let Some(event) = crate::ledger::due(account, now, &terms) {
            let at = now.max(account.clock);
            recorded(self.record(crm_id, member_no, account, at, &event, Class::Mandatory)?, &event);
        }
        Ok(())
    }

    /// Lets `held` out when `lsn` is durable.
    pub fn release_when_durable(&self, lsn: Lsn, held: Held) {
        if let Some(held) = self.journal.after(lsn, held) {
            held.release();
        }
    }

    /// Waits until `lsn` is durable.
    pub async fn durable(&self, lsn: Lsn) -> Result<(), Failure> {
        if self.journal.durable() >= lsn {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        self.release_when_durable(lsn, Held::Record(reply));
        answer.await.unwrap_or(Err(Failure::Unknown))
    }

    /// Waits until the index shows `lsn`.
    pub async fn indexed(&self, lsn: Lsn) -> Result<(), Failure> {
        if self.history.applied() >= lsn {
            return Ok(());
        }
        let _waiting = self.indexed.wait();
        self.giving_way.hurry(Work::Index);
        match tokio::time::timeout(INDEX_WAIT_MAX, self.indexed.reaches(lsn)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::NotReady),
            Err(_) => Err(self.shed(&self.vitals.shed.index_wait)),
        }
    }

    /// Carries out a command of one member, without admission; answers when what it tells is durable.
    pub async fn change(
        self: &Arc<Self>,
        crm_id: &str,
        member_no: &str,
        command: impl Into<Box<Command>>,
    ) -> Result<Outcome, Failure> {
        self.begin(crm_id, member_no, command.into())?.await.unwrap_or(Err(Failure::Unknown))
    }

    /// The first half of a change, which waits for nothing: whoever waits then need not hold the command.
    pub fn begin(
        self: &Arc<Self>,
        crm_id: &str,
        member_no: &str,
        command: Box<Command>,
    ) -> Result<Answering, Failure> {
        let mut prior = self.look_up(crm_id, member_no, &command)?;
        let pending_max = if command.refusable() { MAILBOX_MAX } else { u32::MAX };
        let id = self.trusted(self.directory.find_or_new(crm_id, member_no))?;
        let is_own = command.is_own();
        let mut asked = Some(command);
        if is_own {
            let turn = |turn: &mut Turn<'_>| {
                asked.take().map(|command| turn.carry_out(*command, std::mem::take(&mut prior.prior)))
            };
            let quiet_since = QuietSince::at(self.clock.now());
            if let Some((Some(outcome), last)) = self.turns_in_place(id, prior.stamp, quiet_since, turn) {
                let (reply, answer) = oneshot::channel();
                self.release_when_durable(last, Held::Outcome(reply, outcome));
                return Ok(answer);
            }
        }
        let taken = || Failure::Fault(format!("a turn of member {member_no} was taken and came to nothing"));
        let posted = self.post(id, asked.ok_or_else(taken)?, prior, pending_max)?;
        posted.ok_or_else(|| self.shed(&self.vitals.shed.mailbox))
    }

    /// Hands a command to the member's actor; `None` where too many wait for it.
    pub fn post(
        self: &Arc<Self>,
        id: MemberId,
        command: Box<Command>,
        prior: StampedPrior,
        pending_max: u32,
    ) -> Result<Option<Answering>, Failure> {
        let (reply, answer) = oneshot::channel();
        let message = Message::Change(Change { command, prior, reply });
        let handed = self.directory.hand_over(id, message, pending_max, |awakened| self.awaken(awakened));
        Ok(match self.trusted(handed)? {
            Handed::Delivered => Some(answer),
            Handed::Crowded => None,
        })
    }

    fn awaken(self: &Arc<Self>, awakened: Awakened) -> (ActorRef<Message>, SharedState) {
        self.sweep_later(awakened.id);
        Member::spawn(self, awakened)
    }

    /// Has the sweeper look at a live member in its turn.
    pub fn sweep_later(&self, id: MemberId) {
        self.awake.lock().unwrap_or_else(PoisonError::into_inner).push_back(id);
    }

    /// Looks at a member's account, busy or at rest; `None` where there is none. What is seen may not be durable yet.
    pub async fn look<R: Send + 'static>(
        &self,
        crm_id: &str,
        member_no: &str,
        look: impl Fn(&Account) -> R + Clone + Send + 'static,
    ) -> Result<Option<R>, Failure> {
        let Some(id) = self.trusted(self.directory.find(crm_id, member_no))? else { return Ok(None) };
        self.look_at(id, look).await.map(Some)
    }

    pub async fn look_at<R: Send + 'static>(
        &self,
        id: MemberId,
        look: impl Fn(&Account) -> R + Clone + Send + 'static,
    ) -> Result<R, Failure> {
        // Messages to a member may come and go, and it may go to rest or wake, between the two questions: ask until one is answered.
        loop {
            let seen = self.directory.with_idle(id, |idle| {
                let account = match idle {
                    Idle::Awake(state) if state.account().lots.len() > LOTS_IN_PLACE_MAX => {
                        return (false, None);
                    }
                    Idle::Awake(state) => state.account(),
                    Idle::Resting(_, _, account) => account,
                };
                (false, Some(look(account)))
            });
            if let Some(seen) = self.trusted(seen)?.flatten() {
                return Ok(seen);
            }
            let (reply, answer) = oneshot::channel();
            let look = look.clone();
            let message = Message::Look(Box::new(move |account| {
                let _ = reply.send(look(account));
            }));
            if self.trusted(self.directory.tell_live(id, message))? {
                return answer.await.map_err(|_| Failure::Unknown);
            }
        }
    }

    /// The account as it is now by the clock, once what that rests on is durable, and the lots of which something has
    /// expired by the clock and not yet on record. `last` and `records` are as recorded. `None`: no record of it.
    pub async fn account(
        &self,
        crm_id: &str,
        member_no: &str,
        now: Instant,
    ) -> Result<Option<(Account, Vec<LotId>)>, Failure> {
        let terms = self.tenants.terms(crm_id);
        let look = move |recorded: &Account| AccountView::of(recorded, now, now, &terms);
        match self.look(crm_id, member_no, look).await? {
            Some(seen) if seen.account.last > Lsn::ZERO => {
                self.durable(seen.account.last).await?;
                Ok(Some((seen.account, seen.expired)))
            }
            _ => Ok(None),
        }
    }

    /// The account as it is recorded, once that is durable. `None`: no record of it.
    pub async fn recorded(&self, crm_id: &str, member_no: &str) -> Result<Option<Account>, Failure> {
        match self.look(crm_id, member_no, Account::clone).await? {
            Some(account) if account.last > Lsn::ZERO => {
                self.durable(account.last).await?;
                Ok(Some(account))
            }
            _ => Ok(None),
        }
    }

    /// Takes as many places as a batch has operations. A batch waits a while for the index to come closer: it is how much
    /// is loaded, and one that is turned away comes at once again.
    pub async fn admit_many(self: &Arc<Self>, places: usize) -> Result<Admission, Failure> {
        let nearest = self.journal.durable().0.saturating_sub(self.bounds.index_lag_max);
        self.indexed(Lsn(nearest)).await?;
        let before = self.in_flight.fetch_add(places, Ordering::AcqRel);
        let admission = Admission { core: self.clone(), places };
        // One batch alone is never too much.
        if before > 0 && before + places > self.bounds.in_flight_max {
            return Err(self.shed(&self.vitals.shed.in_flight));
        }
        Ok(admission)
    }

    /// Takes a place among the requests being worked on.
    pub fn admit(self: &Arc<Self>) -> Result<Admission, Failure> {
        Core::admitted(self.clone())
    }

    /// The same for what does not outlive `self`.
    pub fn admit_here(&self) -> Result<Admission<&Core>, Failure> {
        Core::admitted(self)
    }

    fn admitted<C: AsRef<Core>>(core: C) -> Result<Admission<C>, Failure> {
        let before = core.as_ref().in_flight.fetch_add(1, Ordering::AcqRel);
        let admission = Admission { core, places: 1 };
        let this = admission.core.as_ref();
        let lag = this.journal.durable().0.saturating_sub(this.history.applied().0);
        if before >= this.bounds.in_flight_max {
            return Err(this.shed(&this.vitals.shed.in_flight));
        }
        if lag > this.bounds.index_lag_max {
            return Err(this.shed(&this.vitals.shed.index_lag));
        }
        Ok(admission)
    }

    /// Turns a request away, and counts why.
    pub fn shed(&self, why: &AtomicU64) -> Failure {
        why.fetch_add(1, Ordering::Relaxed);
        Failure::Overloaded
    }

    /// What the directory gave; where it holds a member that can't be served any more, the process must end.
    pub fn trusted<T>(&self, given: Result<T, BrokenMember>) -> Result<T, Failure> {
        given.map_err(|broken| {
            self.stop_broken(broken.to_string());
            Failure::Fault(broken.to_string())
        })
    }

    /// Memory and log may disagree: nothing is answered any more, and the process ends.
    pub fn stop_broken(&self, why: String) {
        let request_id = crate::telemetry::request_id();
        tracing::error!(request_id, "{why}; the service stops, and recovers from its log at the next start");
        self.broken.send_if_modified(|broken| {
            let first = broken.is_none();
            broken.get_or_insert(why);
            first
        });
    }
}

/// Somebody waits for the index, until this is dropped.
/// Places among the requests being worked on, given back when dropped. What ends with the request borrows the service.
pub struct Admission<C: AsRef<Core> = Arc<Core>> {
    core: C,
    places: usize,
}

impl AsRef<Core> for Core {
    fn as_ref(&self) -> &Core {
        self
    }
}

impl<C: AsRef<Core>> Drop for Admission<C> {
    fn drop(&mut self) {
        self.core.as_ref().in_flight.fetch_sub(self.places, Ordering::AcqRel);
    }
}

pub(super) fn failure_of(error: AppendError) -> Failure {
    match error {
        AppendError::Full => Failure::Full,
        AppendError::Closed => Failure::NotReady,
        AppendError::TooLarge => Failure::Fault(error.to_string()),
    }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Failure {
        match error {
            // Its disk had no room; it comes back by itself.
            HistoryError::Unavailable => Failure::Full,
            other => Failure::Fault(other.to_string()),
        }
    }
}
