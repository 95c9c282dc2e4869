//! Reads of a whole tenant as of one record, while changes go on.
//!
//! Such a read takes a while. A cut is the record that it is as of: every member shall be seen as it was right after
//! that record. Whoever records the first change of a member after the cut puts its account, as it was, aside for the
//! read. So no point is seen twice or not at all because it moved meanwhile, nothing waits for the read, and what is
//! kept for it is bounded: a read that needs more than that is given up.
use crate::actors::answer::Failure;
use crate::format::codec;
use crate::ledger::account::Account;
use crate::ledger::lsn::Lsn;
use crate::limits::SCAN_KEPT_BYTES_MAX;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// The cuts that reads are at.
#[derive(Default)]
pub struct Cuts {
    /// How many there are: changes look at this alone while there is none.
    count: AtomicUsize,
    all: RwLock<Vec<Arc<Cut>>>,
}

pub struct Cut {
    pub at: Lsn,
    crm_id: Box<str>,
    kept_bytes_max: usize,
    /// Members in shards before this one have been read.
    shard: AtomicU32,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Packed accounts as they were at the cut, by member.
    accounts: HashMap<Box<str>, Vec<u8>>,
    bytes: usize,
    too_much: bool,
}

impl Cuts {
    /// Begins a cut at `at`. To be called where no record can be given a number meanwhile.
    pub fn begin(&self, crm_id: &str, at: Lsn) -> Arc<Cut> {
        let cut = Arc::new(Cut {
            at,
            crm_id: crm_id.into(),
            kept_bytes_max: SCAN_KEPT_BYTES_MAX,
            shard: AtomicU32::new(0),
            kept: Mutex::default(),
        });
        self.all.write().unwrap_or_else(PoisonError::into_inner).push(cut.clone());
        self.count.fetch_add(1, Ordering::Release);
        cut
    }

    pub fn end(&self, cut: &Arc<Cut>) {
        self.all.write().unwrap_or_else(PoisonError::into_inner).retain(|other| !Arc::ptr_eq(other, cut));
        self.count.fetch_sub(1, Ordering::Release);
    }

    /// Record `lsn` is about to change the account: it is kept for the reads that must see it as it is.
    pub fn keep(
        &self,
        crm_id: &str,
        member_no: &str,
        account: &Account,
        lsn: Lsn,
        shard: impl Fn() -> Option<u32>,
    ) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        for cut in &*self.all.read().unwrap_or_else(PoisonError::into_inner) {
            let is_first_after = account.last <= cut.at && lsn > cut.at;
            if is_first_after && *cut.crm_id == *crm_id && shard() >= Some(cut.shard.load(Ordering::Acquire))
            {
                cut.keep(member_no, account);
            }
        }
    }
}

impl Cut {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, member_no: &str, account: &Account) {
        let mut kept = self.kept();
        if kept.too_much {
            return;
        }
        let packed = codec::encode(account);
        kept.bytes += packed.len() + member_no.len();
        if kept.bytes > self.kept_bytes_max {
            *kept = Kept { too_much: true, ..Kept::default() };
            return;
        }
        kept.accounts.insert(member_no.into(), packed);
    }

    /// The account as it was at the cut: `seen`, or what was put aside when it changed since.
    pub fn account_of(&self, member_no: &str, seen: Account) -> Result<Account, Failure> {
        if seen.last <= self.at {
            return Ok(seen);
        }
        let mut kept = self.kept();
        if kept.too_much {
            tracing::warn!(
                "a read of a whole tenant is given up: more changed meanwhile than {} MiB hold",
                self.kept_bytes_max >> 20
            );
            return Err(Failure::Overloaded);
        }
        let missing =
            || Failure::Fault(format!("nothing was kept of member {member_no} at record {}", self.at));
        let packed = kept.accounts.remove(member_no).ok_or_else(missing)?;
        kept.bytes -= packed.len() + member_no.len();
        drop(kept);
        codec::decode(&packed).map_err(|error| Failure::Fault(error.to_string()))
    }

    /// Every shard before `shard` has been read: nothing need be kept of it any more.
    pub fn passed_to(&self, shard: u32) {
        self.shard.store(shard, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(last: u64) -> Account {
        Account { last: Lsn(last), records: last, ..Account::default() }
    }

    fn changes(cuts: &Cuts, crm_id: &str, before: u64, lsn: u64, shard: u32) {
        cuts.keep(crm_id, "m", &account(before), Lsn(lsn), || Some(shard));
    }

    #[test]
    fn keeps_what_the_first_change_after_it_finds() {
        let cuts = Cuts::default();
        let cut = cuts.begin("t", Lsn(10));
        changes(&cuts, "t", 3, 9, 0);
        changes(&cuts, "other", 7, 12, 0);
        changes(&cuts, "t", 9, 11, 0);
        changes(&cuts, "t", 11, 13, 0);
        assert_eq!(cut.account_of("m", account(13)).unwrap(), account(9));
        assert_eq!(cut.account_of("n", account(10)).unwrap(), account(10), "not changed since");
        assert!(matches!(cut.account_of("n", account(11)), Err(Failure::Fault(_))), "never a later state");
    }

    #[test]
    fn keeps_nothing_of_what_has_been_read_nor_once_it_has_ended() {
        let cuts = Cuts::default();
        let cut = cuts.begin("t", Lsn(10));
        cut.passed_to(5);
        changes(&cuts, "t", 9, 11, 4);
        assert!(cut.kept().accounts.is_empty());
        changes(&cuts, "t", 9, 11, 5);
        assert_eq!(cut.kept().accounts.len(), 1);
        let other = cuts.begin("t", Lsn(20));
        cuts.end(&cut);
        changes(&cuts, "t", 9, 21, 6);
        assert_eq!((cut.kept().accounts.len(), other.kept().accounts.len()), (1, 1));
        cuts.end(&other);
        changes(&cuts, "t", 9, 21, 7);
        assert_eq!(other.kept().accounts.len(), 1);
    }

    #[test]
    fn a_read_that_needs_too_much_kept_is_given_up() {
        let cut = Cut {
            at: Lsn(10),
            crm_id: "t".into(),
            kept_bytes_max: 100,
            shard: AtomicU32::new(0),
            kept: Mutex::default(),
        };
        ["a", "b", "c", "d", "e", "f", "g", "h"].iter().for_each(|member| cut.keep(member, &account(9)));
        assert!(matches!(cut.account_of("a", account(11)), Err(Failure::Overloaded)));
        assert!(cut.kept().accounts.is_empty(), "nothing is held on to");
        assert!(cut.account_of("a", account(9)).is_ok());
    }
}
