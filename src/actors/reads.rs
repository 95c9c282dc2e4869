//! What the edge can ask of the past: accounts as they were and will be, a tenant's records as they come, and all of
//! them at once.
use crate::actors::answer::{Failure, HistoryQuery, LotState, LotView, Page, PageQuery, RecordView, Summary};
use crate::actors::core::{Admission, Core};
use crate::actors::projection::{AccountView, AsOf};
use crate::actors::service::{Service, off_the_workers};
use crate::history::view::{Feed, Scan};
use crate::ledger::account::Account;
use crate::ledger::instant::Instant;
use crate::ledger::lot::LotId;
use crate::ledger::lsn::Lsn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// Records of the feed that are read in one go: few, since one may have moved many lots.
const FEED_STEP: usize = 16;

impl Service {
    /// The five sums now, or as of a moment: past, or to come if nothing else happens.
    pub async fn summary_as_of(
        &self,
        crm_id: &str,
        member_no: &str,
        as_of: Option<Instant>,
    ) -> Result<Summary, Failure> {
        let (core, admission) = self.admit()?;
        let (seen, _admission) = self.account_as_of(&core, admission, crm_id, member_no, as_of).await?;
        let Some(AccountView { account, moment, .. }) = seen.filter(|seen| seen.account.records > 0) else {
            return Ok(Summary::default());
        };
        Ok(Summary::of(&account, moment))
    }

    /// The lots now, or as of a moment.
    pub async fn lots_as_of(
        &self,
        crm_id: &str,
        member_no: &str,
        as_of: Option<Instant>,
        page: PageQuery,
    ) -> Result<Page<LotView>, Failure> {
        let (core, admission) = self.admit()?;
        let (seen, admission) = self.account_as_of(&core, admission, crm_id, member_no, as_of).await?;
        let Some(AccountView { account, expired, moment }) = seen else {
            return Ok(Page { total: 0, total_is_lower_bound: false, items: Vec::new() });
        };
        core.indexed(account.last).await?;
        let (crm_id, member_no) = (crm_id.to_owned(), member_no.to_owned());
        off_the_workers(admission, &core, move |history| {
            let mut lots = history.lots(&crm_id, &member_no, &account, moment, page)?;
            for lot in lots.items.iter_mut().filter(|lot| expired.contains(&lot.id)) {
                lot.state = LotState::Expired;
            }
            Ok(lots)
        })
        .await
    }

    /// The account as of a moment (none given: now); none where there was nothing of it.
    async fn account_as_of(
        &self,
        core: &Arc<Core>,
        admission: Admission,
        crm_id: &str,
        member_no: &str,
        as_of: Option<Instant>,
    ) -> Result<(Option<AccountView>, Admission), Failure> {
        let now = core.clock.now();
        let Some(moment) = as_of else {
            let seen = core.account(crm_id, member_no, now).await?;
            let view = |(account, expired): (Account, Vec<LotId>)| {
                let moment = now.max(account.clock);
                AccountView { account, expired, moment }
            };
            return Ok((seen.map(view), admission));
        };
        let Some(recorded) = core.recorded(crm_id, member_no).await? else { return Ok((None, admission)) };
        let terms = core.tenants.terms(crm_id);
        let (crm_id, member_no) = (crm_id.to_owned(), member_no.to_owned());
        let wanted = AsOf { crm_id, member_no, recorded, moment, now, terms };
        // Long pasts take long: they shall not take all the threads there are.
        let place = if wanted.is_past() {
            core.indexed(wanted.recorded.last).await?;
            Some(self.rebuilds.clone().acquire_owned().await.map_err(|_| Failure::NotReady)?)
        } else {
            None
        };
        let (seen, admission) = off_the_workers(place, core, move |history| {
            let seen = wanted.seen(history)?;
            Ok((seen, admission))
        })
        .await?;
        Ok((Some(seen).filter(|seen| seen.account.last > Lsn::ZERO), admission))
    }

    /// The tenant's records after `after`. Where there are none, waits for one at most as long as said.
    pub async fn feed(
        &self,
        crm_id: &str,
        after: Lsn,
        most: usize,
        wait: Duration,
        lots: bool,
    ) -> Result<FeedReader, Failure> {
        let (core, admission) = self.admit()?;
        core.indexed(core.journal.durable()).await?;
        drop(admission);
        let mut feed = read_feed(&core, crm_id, after, most).await?;
        if feed.numbers.is_empty() && !wait.is_zero() {
            let follower = core.feeds.follow(crm_id)?;
            let mut end = pin!(tokio::time::sleep(wait));
            let mut stopping = self.stopping();
            let mut is_over = false;
            while feed.numbers.is_empty() && !is_over {
                let mut news = pin!(follower.news.notified());
                // Before the look: whatever is indexed after it is told.
                news.as_mut().enable();
                feed = read_feed(&core, crm_id, feed.through, most).await?;
                if feed.numbers.is_empty() {
                    is_over = tokio::select! {
                        () = news => false,
                        () = &mut end => true,
                        _ = stopping.wait_for(|stopping| *stopping) => true,
                    };
                }
            }
        }
        Ok(FeedReader { core, crm_id: crm_id.to_owned(), feed, lots })
    }

    /// All records that fit, as of this moment.
    pub async fn export(&self, crm_id: &str, query: HistoryQuery) -> Result<Export, Failure> {
        let (core, _admission) = self.admit()?;
        let now = core.clock.now();
        let through = match &query.member_no {
            None => core.journal.durable(),
            Some(member_no) => {
                core.account(crm_id, member_no, now).await?.map_or(Lsn::ZERO, |(account, _)| account.last)
            }
        };
        core.indexed(through).await?;
        Ok(Export { core, crm_id: crm_id.to_owned(), query, scan: Scan::new(now, through) })
    }
}

async fn read_feed(core: &Arc<Core>, crm_id: &str, after: Lsn, most: usize) -> Result<Feed, Failure> {
    let crm_id = crm_id.to_owned();
    off_the_workers(core.admit()?, core, move |history| history.feed(&crm_id, after, most)).await
}

/// Records of the feed, to be read on a thread that may wait.
pub struct FeedReader {
    core: Arc<Core>,
    crm_id: String,
    feed: Feed,
    lots: bool,
}

impl FeedReader {
    pub fn is_empty(&self) -> bool {
        self.feed.numbers.is_empty()
    }

    /// Where to go on after these.
    pub fn through(&self) -> Lsn {
        self.feed.through
    }

    pub fn each<E: From<Failure>>(self, mut show: impl FnMut(&RecordView) -> Result<(), E>) -> Result<(), E> {
        for numbers in self.feed.numbers.chunks(FEED_STEP) {
            let records = self.core.history.records(&self.crm_id, numbers, self.lots);
            records.map_err(Failure::from)?.iter().try_for_each(&mut show)?;
        }
        Ok(())
    }
}

/// A search through all that fits, to be read on a thread that may wait.
pub struct Export {
    core: Arc<Core>,
    crm_id: String,
    query: HistoryQuery,
    scan: Scan,
}

impl Export {
    pub fn each<E: From<Failure>>(
        mut self,
        mut show: impl FnMut(&RecordView) -> Result<(), E>,
    ) -> Result<(), E> {
        while !self.scan.ended {
            let records = self.core.history.older(&self.crm_id, &self.query, &mut self.scan);
            records.map_err(Failure::from)?.iter().try_for_each(&mut show)?;
        }
        Ok(())
    }
}
