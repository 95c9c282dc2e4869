//! The history index as a list of records: what a simulation puts in the place of the one on disk. It knows what it would
//! have after a power failure. Pages and feeds are nobody's business here.
use eros_points::actors::answer::{HistoryQuery, LotView, Page, PageQuery, RecordView, TransferView};
use eros_points::format::entry::{Entry, MemberEntry};
use eros_points::history::view::{Feed, Issue, Scan, Source};
use eros_points::history::{History, HistoryError, Row, Visit};
use eros_points::ledger::Known;
use eros_points::ledger::account::Account;
use eros_points::ledger::event::{Key, Sequel, Standing, TransferStatus};
use eros_points::ledger::instant::Instant;
use eros_points::ledger::lsn::Lsn;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Default)]
pub struct Shelf(Mutex<Books>);

#[derive(Default)]
struct Books {
    records: BTreeMap<Lsn, Arc<MemberEntry>>,
    keys: HashMap<String, Lsn>,
    sequels: HashMap<Lsn, Vec<(Lsn, Sequel)>>,
    applied: Lsn,
    synced: Lsn,
}

impl Books {
    fn take(&mut self, lsn: Lsn, entry: Arc<MemberEntry>) {
        if let Some(key) = entry.event.key() {
            self.keys.insert(named(&entry.crm_id, &entry.member_no, key), lsn);
        }
        if let Some((origin, sequel)) = entry.event.sequel(entry.at) {
            self.sequels.entry(origin).or_default().push((lsn, sequel));
        }
        self.records.insert(lsn, entry);
    }
}

fn named(crm_id: &str, member_no: &str, key: Key<'_>) -> String {
    format!("{crm_id} {member_no} {key:?}")
}

impl Shelf {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().expect("the shelf")
    }

    /// What there is after the process died, and as the case may be the machine: all, or what was synced, or nothing.
    pub fn next_life(&self, through: impl FnOnce(Lsn, Lsn) -> Lsn) -> Arc<Shelf> {
        let old = self.books();
        let through = through(old.synced, old.applied);
        let mut books = Books { applied: through, synced: through, ..Books::default() };
        for (lsn, entry) in old.records.range(..=through) {
            books.take(*lsn, entry.clone());
        }
        Arc::new(Shelf(Mutex::new(books)))
    }
}

impl History for Shelf {
    fn applied(&self) -> Lsn {
        self.books().applied
    }

    fn apply(&self, rows: &[Row<'_>], through: Lsn) -> Result<(), HistoryError> {
        let mut books = self.books();
        let before = books.applied;
        for row in rows.iter().filter(|row| row.lsn > before) {
            let Ok(Entry::Member(entry)) = Entry::decode(row.payload) else { panic!("no member's: {row:?}") };
            books.take(row.lsn, Arc::new(entry));
        }
        books.applied = books.applied.max(through);
        Ok(())
    }

    fn sync(&self) -> Result<Lsn, HistoryError> {
        let mut books = self.books();
        books.synced = books.applied;
        Ok(books.synced)
    }

    fn durable(&self) -> Lsn {
        self.books().synced
    }

    fn find(&self, crm_id: &str, member_no: &str, key: Key<'_>) -> Result<Option<Known>, HistoryError> {
        let books = self.books();
        let Some(lsn) = books.keys.get(&named(crm_id, member_no, key)) else { return Ok(None) };
        let entry = &books.records[lsn];
        let mut standing = Standing::default();
        for (later, sequel) in books.sequels.get(lsn).into_iter().flatten() {
            standing.follow(*later, sequel);
        }
        Ok(Some(Known { lsn: *lsn, at: entry.at, event: Arc::new(entry.event.clone()), standing }))
    }

    fn transfers_to(
        &self,
        crm_id: &str,
        member_no: &str,
        transfer_no: &str,
    ) -> Result<Vec<(Lsn, String)>, HistoryError> {
        let books = self.books();
        let fits = |entry: &MemberEntry| {
            entry.crm_id == crm_id
                && entry.event.sent_to() == Some(member_no)
                && entry.event.key().is_some_and(|key| key.number() == transfer_no)
        };
        let found = books.records.iter().filter(|(_, entry)| fits(entry));
        Ok(found.map(|(lsn, entry)| (*lsn, entry.member_no.clone())).collect())
    }

    fn issues(&self, sources: &[Lsn]) -> Result<Vec<Option<Issue>>, HistoryError> {
        let books = self.books();
        let issue = |source: &Lsn| {
            let accrued = books.records.get(source)?.event.accrual()?;
            Some(Issue { event_no: accrued.event_no.as_str().into(), expire_at: accrued.expire_at })
        };
        Ok(sources.iter().map(issue).collect())
    }

    fn sources(&self, _: &[Lsn]) -> Result<Vec<Source>, HistoryError> {
        Err(HistoryError::Unavailable)
    }

    fn search(
        &self,
        _: &str,
        _: &HistoryQuery,
        _: Option<&Account>,
        _: Instant,
    ) -> Result<Page<RecordView>, HistoryError> {
        Err(HistoryError::Unavailable)
    }

    fn lots(
        &self,
        _: &str,
        _: &str,
        _: &Account,
        _: Instant,
        _: PageQuery,
    ) -> Result<Page<LotView>, HistoryError> {
        Err(HistoryError::Unavailable)
    }

    fn transfers(
        &self,
        _: &str,
        _: &str,
        _: Option<TransferStatus>,
        _: Instant,
        _: PageQuery,
    ) -> Result<Page<TransferView>, HistoryError> {
        Err(HistoryError::Unavailable)
    }

    fn older(&self, _: &str, _: &HistoryQuery, _: &mut Scan) -> Result<Vec<RecordView>, HistoryError> {
        Err(HistoryError::Unavailable)
    }

    fn feed(&self, _: &str, _: Lsn, _: usize) -> Result<Feed, HistoryError> {
        Err(HistoryError::Unavailable)
    }

    fn records(&self, _: &str, _: &[Lsn], _: bool) -> Result<Vec<RecordView>, HistoryError> {
        Err(HistoryError::Unavailable)
    }

    fn past(
        &self,
        _: &str,
        _: &str,
        _: (Lsn, Lsn),
        _: Instant,
        _: Visit<'_>,
    ) -> Result<Option<Lsn>, HistoryError> {
        Err(HistoryError::Unavailable)
    }
}
