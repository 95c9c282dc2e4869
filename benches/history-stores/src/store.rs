//! What every store is asked to do.
use crate::postings::{Filling, ListKey, Posting, newest_first};
use crate::rows::Row;
use anyhow::{Context, Result};

pub type Payload = Vec<u8>;

/// A query that posting lists answer.
pub enum Filter<'a> {
    Tenant,
    Store(&'a str),
}

pub trait Store {
    /// Adds the rows, the posting lists of blocks that are full, and the record number they lead to, in one transaction.
    fn apply(&mut self, rows: &[Row], full: &[Posting], through: u64) -> Result<()>;

    /// Makes durable what is applied.
    fn sync(&mut self) -> Result<()>;

    /// Waits until no work that was put off is left.
    fn settle(&mut self) -> Result<()> {
        Ok(())
    }

    fn applied(&self) -> Result<u64>;

    fn record(&self, lsn: u64) -> Result<Option<Payload>>;

    /// The newest records of the member that `like` is of.
    fn member_page(&self, like: &Row, count: usize) -> Result<Vec<Payload>>;

    /// The record that took the key of `like`.
    fn find(&self, like: &Row) -> Result<Option<u64>>;

    /// Shows the rows of a list older than block `below`, newest first, for as long as `more` says so.
    fn postings(&self, list: &ListKey, below: u64, more: &mut dyn FnMut(u64, &[u8]) -> bool) -> Result<()>;

    fn page(&self, _: &Filter<'_>, list: &ListKey, filling: &Filling, count: usize) -> Result<Vec<Payload>> {
        let mut lsns: Vec<u64> = newest_first(filling.block, filling.places(list)).take(count).collect();
        if lsns.len() < count {
            self.postings(list, filling.block, &mut |block, places| {
                lsns.extend(newest_first(block, places).take(count - lsns.len()));
                lsns.len() < count
            })?;
        }
        lsns.into_iter().map(|lsn| self.record(lsn)?.context("a record is missing")).collect()
    }
}
