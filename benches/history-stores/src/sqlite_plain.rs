//! SQLite as most would use it: one table, its columns indexed.
use crate::postings::{Filling, ListKey, Posting};
use crate::rows::{Row, TENANT};
use crate::store::{Filter, Payload, Store};
use anyhow::Result;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::{Path, PathBuf};

pub struct SqlitePlain {
    db: Connection,
    folder: PathBuf,
}

impl SqlitePlain {
    pub fn open(folder: &Path, cache_mib: u64, checkpoint_mib: u64) -> Result<SqlitePlain> {
        let db = crate::sqlite_lean::connect(folder, cache_mib, checkpoint_mib, 4_096, "NORMAL")?;
        db.execute_batch(
            "CREATE TABLE records (lsn INTEGER PRIMARY KEY, crm_id TEXT NOT NULL, member_no TEXT NOT NULL,
                event_no TEXT NOT NULL, type INTEGER NOT NULL, create_time INTEGER NOT NULL, action_scene TEXT,
                store_code TEXT, cost_center TEXT, campaign_code TEXT, payload BLOB NOT NULL);
             CREATE UNIQUE INDEX by_number ON records (crm_id, event_no, member_no);
             CREATE INDEX by_tenant ON records (crm_id);
             CREATE INDEX by_member ON records (crm_id, member_no);
             CREATE INDEX by_scene ON records (crm_id, action_scene);
             CREATE INDEX by_store ON records (crm_id, store_code);
             CREATE INDEX by_campaign ON records (crm_id, campaign_code);
             CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;",
        )?;
        Ok(SqlitePlain { db, folder: folder.to_owned() })
    }
}

impl Store for SqlitePlain {
    fn apply(&mut self, rows: &[Row], _: &[Posting], through: u64) -> Result<()> {
        let transaction = self.db.transaction()?;
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO records VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)")?;
            for row in rows {
                insert.execute(params![
                    row.lsn.cast_signed(),
                    TENANT,
                    row.member_no,
                    row.event_no,
                    row.kind,
                    row.created_ms,
                    row.scene,
                    row.store,
                    row.cost_center,
                    row.campaign,
                    row.payload
                ])?;
            }
        }
        transaction.execute("INSERT OR REPLACE INTO meta VALUES ('applied', ?1)", [through.cast_signed()])?;
        Ok(transaction.commit()?)
    }

    fn sync(&mut self) -> Result<()> {
        crate::sqlite_lean::sync(&self.folder)
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
        let mut select = self.db.prepare_cached(
            "SELECT payload FROM records WHERE crm_id = ?1 AND member_no = ?2 ORDER BY lsn DESC LIMIT ?3",
        )?;
        let rows = select.query_map(params![TENANT, like.member_no, count as i64], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn find(&self, like: &Row) -> Result<Option<u64>> {
        let mut select = self.db.prepare_cached(
            "SELECT lsn FROM records WHERE crm_id = ?1 AND event_no = ?2 AND member_no = ?3",
        )?;
        let found: Option<i64> =
            select.query_row(params![TENANT, like.event_no, like.member_no], |row| row.get(0)).optional()?;
        Ok(found.map(i64::cast_unsigned))
    }

    fn postings(&self, _: &ListKey, _: u64, _: &mut dyn FnMut(u64, &[u8]) -> bool) -> Result<()> {
        anyhow::bail!("this layout has columns in the place of posting lists")
    }

    fn page(&self, filter: &Filter<'_>, _: &ListKey, _: &Filling, count: usize) -> Result<Vec<Payload>> {
        // Without statistics SQLite takes any index that begins with the tenant, and sorts.
        let (sql, value) = match filter {
            Filter::Tenant => (
                "SELECT payload FROM records INDEXED BY by_tenant WHERE crm_id = ?1 AND ?2 = ''
                 ORDER BY lsn DESC LIMIT ?3",
                "",
            ),
            Filter::Store(store) => (
                "SELECT payload FROM records INDEXED BY by_store WHERE crm_id = ?1 AND store_code = ?2
                 ORDER BY lsn DESC LIMIT ?3",
                *store,
            ),
        };
        let mut select = self.db.prepare_cached(sql)?;
        let rows = select.query_map(params![TENANT, value, count as i64], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
