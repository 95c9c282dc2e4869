//! The keys file: read at the start, and again on SIGHUP.
use crate::http::keys::{KeyRing, Keys};
use crate::store::disk::{Disk, RealDisk};
use anyhow::{Context, anyhow, bail};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Larger is no keys file.
const BYTES_MAX: u64 = 16 << 20;

pub fn read(path: &Path, tenants: Option<&[String]>) -> anyhow::Result<Keys> {
    let hint = "hint: eros-points keygen makes entries; docs/API.md, \"Keys\", says what they mean";
    let text = text(path).with_context(|| format!("keys_file: {} can't be read", path.display()))?;
    let keys = Keys::parse(&text).map_err(|why| anyhow!("keys_file: {}: {why}\n{hint}", path.display()))?;
    for grant in keys.grants() {
        for other in
            grant.tenants().filter(|named| !tenants.is_none_or(|all| all.iter().any(|one| one == named)))
        {
            tracing::warn!(
                "keys_file: key {:?} is for tenant {other}, which is not among the tenants",
                grant.name
            );
        }
    }
    tracing::info!("{} API keys read from {}", keys.grants().count(), path.display());
    Ok(keys)
}

fn text(path: &Path) -> anyhow::Result<String> {
    let file = RealDisk.open_read_only(path)?;
    if file.size()? > BYTES_MAX {
        bail!("it has more than {BYTES_MAX} bytes");
    }
    String::from_utf8(file.read_all()?).map_err(|_| anyhow!("it is not UTF-8"))
}

/// Replaces the keys on each SIGHUP. A file that has a mistake changes nothing. Without keys the signal does nothing.
pub fn follow(keys: Option<(PathBuf, Arc<KeyRing>)>, tenants: Option<Vec<String>>) -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let Some((path, ring)) = &keys else {
                tracing::info!("SIGHUP: there is no keys file to read again");
                continue;
            };
            match read(path, tenants.as_deref()) {
                Ok(keys) => ring.replace(keys),
                Err(error) => tracing::error!("the keys stay as they were: {error:#}"),
            }
        }
    });
    Ok(())
}
