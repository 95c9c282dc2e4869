//! Members and points of each tenant, for `/metrics`: all accounts are looked at now and then, without haste.
//!
//! No cut is made for it: a figure here may miss, or have twice, what moved while it was added up.
use crate::actors::answer::Failure;
use crate::actors::core::Core;
use crate::actors::scans::shown_at;
use crate::actors::scans::walk::walk;
use crate::ledger::account::Account;
use crate::ledger::instant::Instant;
use crate::ledger::lsn::Lsn;
use crate::ledger::points::Total;
use crate::pace::Pace;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::runtime::Handle;

/// It pauses four times as long as it works: a fifth of one core's time.
const PAUSES: u32 = 4;
/// The next one not before so many times as long as this one took.
const APART: u32 = 20;

/// How often, and of how many tenants, points are added up.
#[derive(Clone, Copy, Debug)]
pub struct GaugePlan {
    /// None: never.
    pub every: Option<Duration>,
    /// Tenants shown, those with the most members.
    pub tenants_max: usize,
}

/// What the members of one tenant have together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub members: u64,
    pub active: Total,
    pub frozen: Total,
    pub expired: Total,
    pub used: Total,
    pub total: Total,
    pub debt: Total,
    pub offered: Total,
}

/// The last time that all were added up.
#[derive(Clone, Debug)]
pub struct Gauged {
    /// Those shown, with their names.
    pub tenants: Vec<(Arc<str>, Tally)>,
    /// How many more there are.
    pub left_out: usize,
    pub ended: std::time::Instant,
    pub took: Duration,
}

impl Tally {
    fn add(&mut self, account: &Account, now: Instant) {
        self.members += 1;
        self.active += account.active(now);
        self.frozen += account.lots.frozen(now);
        self.expired += account.expired;
        self.used += account.used;
        self.total += account.total;
        self.debt += account.debt();
        self.offered += account.offers.iter().map(|offer| offer.points).sum::<Total>();
    }
}

/// Adds up again and again, until the task is ended.
pub async fn run(core: Arc<Core>, plan: GaugePlan) {
    let Some(every) = plan.every else { return };
    let wanted = Arc::new(());
    loop {
        let still = Arc::downgrade(&wanted);
        let (walked, runtime) = (core.clone(), Handle::current());
        let task = tokio::task::spawn_blocking(move || add_up(&walked, &runtime, plan.tenants_max, &still));
        let pause = match task.await {
            Ok(Ok(gauged)) => {
                let pause = every.max(gauged.took * APART);
                core.vitals.set_gauged(gauged);
                pause
            }
            // The one before stays, and its age tells.
            Ok(Err(failure)) => {
                tracing::warn!("points could not be added up: {failure:?}");
                every
            }
            Err(error) => {
                tracing::error!("adding up points panicked: {error}");
                every
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// `wanted` is dropped when nobody waits for it any more.
fn add_up(core: &Core, runtime: &Handle, tenants_max: usize, wanted: &Weak<()>) -> Result<Gauged, Failure> {
    let began = crate::clock::monotonic();
    let mut tallies: HashMap<Arc<str>, Tally> = HashMap::new();
    let ended = |_| if wanted.strong_count() == 0 { Err(Failure::NotReady) } else { Ok(()) };
    walk(core, runtime, None, Pace::new(PAUSES), ended, |crm_id, _, account| {
        if account.last > Lsn::ZERO {
            let now = core.clock.now();
            let account = shown_at(account, now, || core.tenants.terms(crm_id));
            let now = now.max(account.clock);
            tallies.entry(crm_id.clone()).or_default().add(&account, now);
        }
        Ok::<(), Failure>(())
    })?;
    let mut tenants: Vec<_> = tallies.into_iter().collect();
    tenants.sort_unstable_by(|(a, x), (b, y)| y.members.cmp(&x.members).then_with(|| a.cmp(b)));
    let left_out = tenants.len().saturating_sub(tenants_max);
    tenants.truncate(tenants_max);
    Ok(Gauged { tenants, left_out, ended: crate::clock::monotonic(), took: began.elapsed() })
}
