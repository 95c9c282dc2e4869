//! SQLite at its leanest: integers for hashes, tables that are their own index, posting lists by blocks.
use crate::postings::{ListKey, Posting};
use crate::rows::Row;
use crate::store::{Payload, Store};
use anyhow::{Context, Result};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::{Path, PathBuf};

pub struct SqliteLean {
    db: Connection,
    folder: PathBuf,
}

/// A connection with a write-ahead file. What a power failure takes, the service's log gives again.
pub fn connect(
    folder: &Path,
    cache_mib: u64,
    checkpoint_mib: u64,
    page_bytes: u32,
    synchronous: &str,
) -> Result<Connection> {
    let db = Connection::open(folder.join("history.sqlite"))?;
    db.execute_batch(&format!(
        "PRAGMA page_size = {page_bytes};
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = {synchronous};
         PRAGMA cache_size = -{};
         PRAGMA temp_store = MEMORY;
         PRAGMA wal_autocheckpoint = {};",
        cache_mib * 1_024,
        (checkpoint_mib << 20) / u64::from(page_bytes)
    ))?;
    Ok(db)
}

/// Syncs the write-ahead file: the database file is synced where that is copied into it, if at all.
pub fn sync(folder: &Path) -> Result<()> {
    Ok(std::fs::File::open(folder.join("history.sqlite-wal"))?.sync_data()?)
}

impl SqliteLean {
    pub fn open(folder: &Path, cache_mib: u64, checkpoint_mib: u64, page_bytes: u32) -> Result<SqliteLean> {
        let db = connect(folder, cache_mib, checkpoint_mib, page_bytes, "OFF")?;
        db.execute_batch(
            "CREATE TABLE records (lsn INTEGER PRIMARY KEY, payload BLOB NOT NULL);
             CREATE TABLE members (member INTEGER, lsn INTEGER, PRIMARY KEY (member, lsn)) WITHOUT ROWID;
             CREATE TABLE keys (number INTEGER, lsn INTEGER, PRIMARY KEY (number, lsn)) WITHOUT ROWID;
             CREATE TABLE postings (list BLOB, block INTEGER, places BLOB, PRIMARY KEY (list, block)) WITHOUT ROWID;
             CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;",
        )?;
        Ok(SqliteLean { db, folder: folder.to_owned() })
    }
}

fn member(row: &Row) -> i64 {
    first_eight(&row.member)
}

/// Of the number in its tenant: whose key it is, the record says.
fn number(row: &Row) -> i64 {
    first_eight(&row.key)
}

fn first_eight(hash: &[u8]) -> i64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[..8]);
    i64::from_be_bytes(bytes)
}

impl Store for SqliteLean {
    fn apply(&mut self, rows: &[Row], full: &[Posting], through: u64) -> Result<()> {
        // In the order of the trees: neighbours share pages.
        let mut members: Vec<(i64, i64)> =
            rows.iter().map(|row| (member(row), row.lsn.cast_signed())).collect();
        let mut keys: Vec<(i64, i64)> = rows.iter().map(|row| (number(row), row.lsn.cast_signed())).collect();
        members.sort_unstable();
        keys.sort_unstable();
        let transaction = self.db.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO records VALUES (?1, ?2)")?;
            for row in rows {
                insert.execute(params![row.lsn.cast_signed(), row.payload])?;
            }
            let mut insert = transaction.prepare_cached("INSERT INTO members VALUES (?1, ?2)")?;
            for (member, lsn) in members {
                insert.execute([member, lsn])?;
            }
            let mut insert = transaction.prepare_cached("INSERT INTO keys VALUES (?1, ?2)")?;
            for (number, lsn) in keys {
                insert.execute([number, lsn])?;
            }
            let mut insert = transaction.prepare_cached("INSERT INTO postings VALUES (?1, ?2, ?3)")?;
            for posting in full {
                insert.execute(params![posting.list, posting.block.cast_signed(), posting.places])?;
            }
        }
        transaction.execute("INSERT OR REPLACE INTO meta VALUES ('applied', ?1)", [through.cast_signed()])?;
        Ok(transaction.commit()?)
    }

    fn sync(&mut self) -> Result<()> {
        sync(&self.folder)
    }

    fn applied(&self) -> Result<u64> {
        let lsn: i64 =
            self.db.query_row("SELECT value FROM meta WHERE name = 'applied'", [], |row| row.get(0))?;
        Ok(lsn.cast_unsigned())
    }

    fn record(&self, lsn: u64) -> Result<Option<Payload>> {
        let mut select = self.db.prepare_cached("SELECT payload FROM records WHERE lsn = ?1")?;
        Ok(select.query_row([lsn.cast_signed()], |row| row.get(0)).optional()?)
    }

    fn member_page(&self, like: &Row, count: usize) -> Result<Vec<Payload>> {
        let mut select =
            self.db.prepare_cached("SELECT lsn FROM members WHERE member = ?1 ORDER BY lsn DESC LIMIT ?2")?;
        let lsns = select.query_map([member(like), count as i64], |row| row.get::<_, i64>(0))?;
        lsns.map(|lsn| self.record(lsn?.cast_unsigned())?.context("a record is missing")).collect()
    }

    fn find(&self, like: &Row) -> Result<Option<u64>> {
        let mut select = self.db.prepare_cached("SELECT lsn FROM keys WHERE number = ?1")?;
        let found: Option<i64> = select.query_row([number(like)], |row| row.get(0)).optional()?;
        Ok(found.map(i64::cast_unsigned))
    }

    fn postings(&self, list: &ListKey, below: u64, more: &mut dyn FnMut(u64, &[u8]) -> bool) -> Result<()> {
        let mut select = self.db.prepare_cached(
            "SELECT block, places FROM postings WHERE list = ?1 AND block < ?2 ORDER BY block DESC",
        )?;
        let mut rows = select.query(params![list, below.cast_signed()])?;
        while let Some(row) = rows.next()? {
            if !more(row.get::<_, i64>(0)?.cast_unsigned(), row.get_ref(1)?.as_blob()?) {
                break;
            }
        }
        Ok(())
    }
}
