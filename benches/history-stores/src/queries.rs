//! The queries of a filled store, timed one by one.
use crate::measure;
use crate::postings::Filling;
use crate::rows::{Rows, mix};
use crate::store::{Filter, Store};
use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use std::path::Path;
use std::time::Instant;

const PAGE: usize = 20;

pub struct Filled<'a> {
    pub store: &'a dyn Store,
    pub rows: &'a Rows,
    pub filling: &'a Filling,
    pub count: u64,
    pub folder: &'a Path,
}

impl Filled<'_> {
    pub fn measure(&self) -> Result<()> {
        println!("| query | times | p50 us | p99 us | max us | p50 CPU us | p99 CPU us |");
        println!("| --- | --- | --- | --- | --- | --- | --- |");
        measure::forget(self.folder)?;
        self.timed("a member's newest 20, files not in memory", 200, |n| self.member_page(n + 7_000))?;
        self.timed("a member's newest 20", 1_000, |n| self.member_page(n))?;
        self.timed("the tenant's newest 20", 1_000, |n| self.page(n, &Filter::Tenant, 0))?;
        self.timed("a store's newest 20", 1_000, |n| {
            let row = self.rows.row(self.some(n));
            self.page(n, &Filter::Store(&row.store), 3)
        })?;
        self.timed("a key that is there", 1_000, |n| {
            let lsn = self.some(n);
            ensure!(self.store.find(&self.rows.row(lsn))? == Some(lsn), "the key of {lsn} is not found");
            Ok(())
        })?;
        self.timed("a key that is not", 1_000, |n| {
            ensure!(
                self.store.find(&self.rows.absent(self.count + n))?.is_none(),
                "found what was never there"
            );
            Ok(())
        })
    }

    /// A random record's number.
    fn some(&self, n: u64) -> u64 {
        1 + mix(n ^ 0xabcd) % self.count
    }

    fn member_page(&self, n: u64) -> Result<()> {
        let row = self.rows.row(self.some(n));
        ensure!(!self.store.member_page(&row, PAGE)?.is_empty(), "a member has no records");
        Ok(())
    }

    fn page(&self, n: u64, filter: &Filter<'_>, field: usize) -> Result<()> {
        let row = self.rows.row(self.some(n));
        let page = self.store.page(filter, &row.lists[field], self.filling, PAGE)?;
        ensure!(page.len() == PAGE, "a page of {} records", page.len());
        Ok(())
    }

    fn timed(&self, name: &str, times: u64, query: impl Fn(u64) -> Result<()>) -> Result<()> {
        let (mut wall, mut cpu) = (Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?);
        for n in 0..times {
            let (start, cpu_start) = (Instant::now(), measure::cpu_of_thread());
            query(n)?;
            wall.record(start.elapsed().as_nanos() as u64)?;
            cpu.record((measure::cpu_of_thread() - cpu_start).as_nanos() as u64)?;
        }
        let us = |nanos: u64| nanos as f64 / 1_000.0;
        println!(
            "| {name} | {times} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
            us(wall.value_at_quantile(0.5)),
            us(wall.value_at_quantile(0.99)),
            us(wall.max()),
            us(cpu.value_at_quantile(0.5)),
            us(cpu.value_at_quantile(0.99))
        );
        Ok(())
    }
}
