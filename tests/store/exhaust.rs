//! All of what is finite, on a log with every kind of event: a crash before every change of the disk, a tear at every byte
//! of every record, a flip of every bit.
use super::*;
use crate::support::every_kind;
use crate::support::lying_disk::{LyingDisk, Plan};
use crate::support::small_segments;
use eros_points::actors::snapshot::{MemberImage, ServiceImage, TenantImage};
use eros_points::cli::verify;
use eros_points::format::codec;
use eros_points::format::snapshot::{EntryKind, SNAPSHOT_VERSION, SnapshotHeader};
use eros_points::ledger::account::Account;
use eros_points::ledger::apply;
use eros_points::ledger::instant::Instant;
use eros_points::ledger::tenant::Tenant;
use eros_points::store::archive::archive_through;
use eros_points::store::snapshots::{self, SnapshotWriter};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// A snapshot of all that these records make, put in place.
fn take_snapshot(disk: &dyn Disk, records: &Records) {
    let (mut accounts, mut tenants) = (BTreeMap::<_, Account>::new(), BTreeMap::<_, Tenant>::new());
    let mut zones = ServiceImage::new();
    for (lsn, payload) in records {
        match Entry::decode(payload).expect("an entry") {
            Entry::Member(entry) => {
                let account = accounts.entry((entry.crm_id, entry.member_no)).or_default();
                apply(account, *lsn, entry.at, &entry.event);
            }
            Entry::Tenant(entry) => {
                tenants.entry(entry.crm_id).or_default().apply(*lsn, entry.at, &entry.event)
            }
            Entry::Service(_) => zones.push((*lsn, "Asia/Shanghai".into())),
        }
    }
    let noted = records.last().map_or(Lsn::ZERO, |(lsn, _)| *lsn);
    let header = SnapshotHeader { version: SNAPSHOT_VERSION, log_id: LOG_ID, noted, created_at: Instant(7) };
    let folder = folder();
    let mut writer = SnapshotWriter::create(disk, &folder, header).expect("a snapshot");
    writer.push(EntryKind::Service, &codec::encode(&zones), Lsn::ZERO).expect("to write");
    for (crm_id, tenant) in tenants {
        let (last, image): (_, TenantImage) = (tenant.last, (crm_id, tenant));
        writer.push(EntryKind::Tenant, &codec::encode(&image), last).expect("to write");
    }
    for ((crm_id, member_no), account) in accounts {
        let image: MemberImage = (crm_id, member_no, codec::encode(&account));
        writer.push(EntryKind::Member, &codec::encode(&image), account.last).expect("to write");
    }
    writer.finish(&mut || {}).expect("to finish").publish().expect("to publish");
}

/// Three lives of a log, with snapshots and archived segments; how many records are durable is told in `durable`.
fn run(mut disk: LyingDisk, durable: &AtomicU64) -> (LyingDisk, Records) {
    let payloads: Vec<Vec<u8>> = every_kind::entries().iter().map(Entry::encode).collect();
    for lives in payloads.chunks(payloads.len().div_ceil(3)) {
        let (journal, ear) = open(&disk, small_segments());
        if folder().log_id(&disk).expect("to look").is_none() {
            folder().mark(&disk, LOG_ID).expect("to mark");
        }
        for part in lives.chunks(lives.len().div_ceil(2)) {
            for payload in part {
                let partition = partition_in(payload).expect("an entry");
                let lsn = journal.append(Class::Mandatory, partition as u16, payload).expect("room");
                ear.wait(|heard| heard.durable.last().is_some_and(|(last, _)| *last == lsn), |_| ());
                durable.store(lsn.0, Ordering::SeqCst);
            }
            take_snapshot(&disk, &read(&disk, Mode::LookOnly).expect("a log").1);
            let known = snapshots::list(&disk, &folder()).expect("snapshots");
            if let [.., older, _] = &known[..] {
                archive_through(&disk, &folder(), older.noted, &mut || {}).expect("to archive");
            }
        }
        journal.close();
        disk = disk.process_dies();
        // Without the space behind its records it is full, and the next life begins another.
        let newest = disk.paths().into_iter().rfind(|path| path.extension().is_some_and(|end| end == "seg"));
        disk.trim(&newest.expect("a segment"));
    }
    let (_, records) = read(&disk, Mode::LookOnly).expect("the whole log");
    assert_eq!(records.len(), payloads.len());
    (disk, records)
}

/// What is on the disk is a log in order that has all that was durable, and nothing that never was recorded.
fn is_in_order(disk: &LyingDisk, durable: u64, all: &Records, what: &str) {
    let noted =
        snapshots::list(disk, &folder()).expect("to list").last().map_or(Lsn::ZERO, |last| last.noted);
    let (_, records) =
        read(disk, Mode::Repair { durable: noted }).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(records.len() as u64 >= durable, "{what}: {durable} were durable, {} are there", records.len());
    assert!(records[..] == all[..records.len()], "{what}: other records than were appended");
    let found =
        verify::check(disk, &folder(), LOG_ID, None).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!((found.wrong.as_slice(), found.torn), (&[][..], None), "{what}");
}

#[test]
fn exhaust_a_crash_before_every_change_of_the_disk() {
    let (durable, disk) = (Arc::new(AtomicU64::new(0)), LyingDisk::new(1, Plan::honest()));
    disk.take_images(durable.clone());
    let (disk, all) = run(disk, &durable);
    let images = disk.images();
    assert!(images.len() > 200, "{} changes", images.len());
    for (n, (durable, image)) in images.iter().enumerate() {
        for seed in 0..8 {
            let next = image.image_with(n as u64 * 1_000 + seed).power_fails();
            is_in_order(&next, *durable, &all, &format!("change {n}, chance {seed}"));
        }
        is_in_order(&image.process_dies(), *durable, &all, &format!("change {n}, the process alone"));
    }
}

/// A log with a record in each frame, as small as can be: nothing behind its frames but some zeros.
fn small() -> (FaultyDisk, Vec<u8>, Records) {
    let payloads: Vec<Vec<u8>> = every_kind::entries().iter().map(Entry::encode).collect();
    let disk = log_of(&[payloads.len() as u64], |n| payloads[n as usize - 1].clone());
    let bytes = disk.read(&segment(1));
    let records = (1..).map(Lsn).zip(payloads).collect();
    (disk, bytes, records)
}

#[test]
fn exhaust_a_tear_at_every_byte_of_every_record() {
    let (disk, bytes, all) = small();
    let frames = frames_of(&bytes);
    assert!(frames.len() > 30 && frames[frames.len() - 1] > 5_000, "{} frames", frames.len());
    for (n, pair) in frames.windows(2).enumerate() {
        for end in pair[0]..pair[1] {
            let mut torn = bytes.clone();
            torn[end..].fill(0);
            // A copy each: what a repair puts aside stays, and would make each later look slower.
            let disk = disk.copy();
            disk.place(&segment(1), torn.clone());
            let (found, records) = read(&disk, REPAIR).expect("a torn end");
            // What was zero already is no loss.
            let is_whole = torn[pair[0]..pair[1]] == bytes[pair[0]..pair[1]];
            let there = if is_whole { n + 1 } else { n };
            assert!(records[..] == all[..there], "{} records before byte {end}", records.len());
            let is_torn = !is_whole && torn[pair[0]..].iter().any(|byte| *byte != 0);
            assert_eq!(found.torn.is_some(), is_torn, "byte {end}");
            assert_eq!(read(&disk, Mode::LookOnly).expect("a log").0.torn, None, "cut at {}", pair[0]);
        }
    }
}

/// Every bit of the log: refused, or in the last frame cut off with its bytes kept, or of no effect.
fn flips(disk: &FaultyDisk, bytes: &[u8], all: &Records, last: usize, after: &Records) {
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        let disk = disk.copy();
        disk.place(&segment(1), bad.clone());
        match read(&disk, REPAIR) {
            Err(error) => {
                assert!(error.to_string().contains(&segment(1).display().to_string()), "{error}");
                assert!(disk.read(&segment(1)) == bad, "a refusal changes nothing");
            }
            Ok((end, records)) => {
                assert!(bit / 8 >= last, "bit {bit} was let pass");
                assert!(end.torn.is_some() && (records == *after || records == *all), "bit {bit}");
                let kept = disk.paths().into_iter().find(|path| path.display().to_string().contains("torn-"));
                let kept = disk.read(&kept.expect("its bytes are kept"));
                assert!(!kept.is_empty(), "bit {bit}");
            }
        }
    }
}

#[test]
fn exhaust_a_flip_of_every_bit_of_a_log() {
    let (disk, bytes, all) = small();
    let frames = frames_of(&bytes);
    let last = frames[frames.len() - 2];
    flips(&disk, &bytes, &all, last, &all[..all.len() - 1].to_vec());
    // With a mark behind it the last batch is as safe as any, and the mark itself costs nothing.
    let mut chain = read(&disk, Mode::LookOnly).expect("a log").0.chain;
    let (end, mark) = (frames[frames.len() - 1], frame_header(LOG_ID, &mut chain, FrameKind::Mark, 0, &[]));
    let mut marked = bytes;
    marked[end..end + mark.len()].copy_from_slice(&mark);
    flips(&disk, &marked, &all, end, &all);
}

#[test]
fn exhaust_a_flip_of_every_bit_of_a_snapshot() {
    let (disk, _, all) = small();
    take_snapshot(&disk, &all);
    let path = snapshots::list(&disk, &folder()).expect("to list").pop().expect("a snapshot").path;
    let good = disk.read(&path);
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        disk.place(&path, bad);
        let read = snapshots::read(&disk, &path, LOG_ID, |_, _, _| Ok(()));
        let words = read.expect_err("a flipped bit").to_string();
        assert!(words.contains(&path.display().to_string()), "{words}");
    }
}
