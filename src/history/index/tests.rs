use super::*;
use crate::history::History;
use crate::history::postings::BLOCK_LSNS;
use crate::ledger::command::{Details, SourceType};
use crate::ledger::event::{Accrued, Event, Key};
use crate::ledger::instant::Instant;

const ALL: u64 = 9_005;
/// Not at the end of a row of records, nor of a block.
const MARKED: u64 = 5_002;
/// Records of a step.
const STEP: usize = 701;

fn entry(lsn: u64) -> MemberEntry {
    let event = Event::Accrued(Accrued {
        source_type: SourceType::Order,
        unfreeze_at: lsn.is_multiple_of(7).then_some(Instant(1_000)),
        details: Details { store_code: Some(format!("s{}", lsn % 3)), ..Details::default() },
        order_items: Some(format!(r#"{{"order_sn":"O{}"}}"#, lsn % 5)),
        ..Accrued::sample(&format!("e{lsn}"))
    });
    let crm_id = format!("t{}", lsn % 2);
    MemberEntry { crm_id, member_no: format!("m{}", lsn % 11), at: Instant(0), event }
}

fn feed(history: &TreeHistory, lsns: std::ops::RangeInclusive<u64>) {
    let lsns: Vec<u64> = lsns.collect();
    for step in lsns.chunks(STEP) {
        let payloads: Vec<_> = step.iter().map(|lsn| Entry::Member(entry(*lsn)).encode()).collect();
        let row = |(lsn, payload): (&u64, _)| Row::of(Lsn(*lsn), payload).unwrap().unwrap();
        let rows: Vec<_> = step.iter().zip(payloads.iter().map(Vec::as_slice)).map(row).collect();
        history.apply(&rows, Lsn(step[step.len() - 1])).unwrap();
    }
}

fn open(folder: &Path) -> TreeHistory {
    TreeHistory::open_or_begin(folder, 1 << 20, Arc::default(), Hashes([7; 16])).unwrap()
}

fn size_bytes(history: &TreeHistory, table: &Table) -> u64 {
    history.steps.snapshot().size_bytes(table)
}

/// Has some tables written out, records first, as when they are full; waits until that has happened.
fn write_out(history: &TreeHistory, tables: &[&Arc<Table>]) {
    history.upkeep.add(tables.iter().filter_map(|table| history.sealed(table)));
    while tables.iter().any(|table| size_bytes(history, table) == 0) {
        std::thread::yield_now();
    }
}

fn knows(history: &TreeHistory, lsn: u64) -> bool {
    let entry = entry(lsn);
    let number = format!("e{lsn}");
    history.find(&entry.crm_id, &entry.member_no, Key::Event(&number)).unwrap().is_some()
}

#[test]
fn a_start_goes_on_after_the_mark_whatever_got_into_files_past_it() {
    let fresh = tempfile::tempdir().unwrap();
    let fresh = open(fresh.path());
    feed(&fresh, 1..=ALL);
    type Ahead = fn(&TreeHistory) -> Vec<&Arc<Table>>;
    let ahead: [Ahead; 4] = [
        |_| Vec::new(),
        |history| vec![&history.records],
        |history| vec![&history.records, &history.keys, &history.orders],
        |history| history.tables()[..2].to_vec(),
    ];
    for ahead in ahead {
        for marked in [0, BLOCK_LSNS - 1, MARKED] {
            let folder = tempfile::tempdir().unwrap();
            let history = open(folder.path());
            feed(&history, 1..=marked);
            assert_eq!(history.sync().unwrap(), Lsn(marked));
            assert_eq!(history.durable(), Lsn(marked));
            feed(&history, marked + 1..=ALL);
            assert_eq!((history.applied(), history.durable()), (Lsn(ALL), Lsn(marked)));
            let ahead = ahead(&history);
            let reaches = if ahead.is_empty() { marked } else { ALL };
            let before = ahead.iter().map(|table| size_bytes(&history, table)).collect::<Vec<_>>();
            write_out(&history, &ahead);
            let stays = |(table, before): (&&Arc<Table>, &u64)| size_bytes(&history, table) == *before;
            while marked > 0 && ahead.iter().zip(&before).any(stays) {
                std::thread::yield_now();
            }
            // As when the process is killed.
            drop(history);

            let history = open(folder.path());
            assert_eq!((history.applied(), history.reaches()), (Lsn(marked), Lsn(reaches)));
            feed(&history, marked + 1..=ALL);
            assert_eq!(history.differences(&fresh, 10).unwrap(), Vec::<String>::new());
            assert!((1..=ALL).all(|lsn| knows(&history, lsn)) && !knows(&history, ALL + 1));
            history.sync().unwrap();
            drop(history);
            let history = open(folder.path());
            assert_eq!((history.applied(), history.reaches()), (Lsn(ALL), Lsn(ALL)));
            assert_eq!(history.differences(&fresh, 10).unwrap(), Vec::<String>::new());
        }
    }
}

/// The service's own records have no rows.
#[test]
fn a_block_that_ended_without_a_record_after_it_is_not_lost_over_a_start() {
    let [whole, stopped] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let feed_first = |history: &TreeHistory| {
        feed(history, 1..=BLOCK_LSNS - 6);
        history.apply(&[], Lsn(BLOCK_LSNS + 4)).unwrap();
    };
    let whole = open(whole.path());
    feed_first(&whole);
    feed(&whole, BLOCK_LSNS + 5..=ALL);
    let history = open(stopped.path());
    feed_first(&history);
    history.sync().unwrap();
    drop(history);
    let history = open(stopped.path());
    feed(&history, BLOCK_LSNS + 5..=ALL);
    assert_eq!(history.differences(&whole, 10).unwrap(), Vec::<String>::new());
}

#[test]
fn it_becomes_durable_by_itself_when_it_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(folder.path());
    let (mut end, mut gathered) = (0, 0);
    // Until what is gathered has been sealed, by one step at a time: no second mark is asked for behind the first.
    while history.steps.gathered_bytes(&history.members) >= gathered {
        assert!(end < 1_000_000, "never full");
        gathered = history.steps.gathered_bytes(&history.members);
        feed(&history, end + 1..=end + STEP as u64);
        end += STEP as u64;
    }
    assert!(end > 50_000, "{end}");
    history.upkeep.wait_for_mark(Lsn(end)).unwrap();
    assert_eq!(history.durable(), Lsn(end));
    drop(history);
    assert_eq!(open(folder.path()).applied(), Lsn(end));
}

#[test]
fn hashes_are_keyed_by_what_the_index_began_with() {
    let [folder, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let history = TreeHistory::open(folder.path(), 1 << 20).unwrap();
    feed(&history, 1..=20);
    history.sync().unwrap();
    let other = TreeHistory::open(other.path(), 1 << 20).unwrap();
    assert_ne!(history.hashes, other.hashes);
    let hashes = history.hashes;
    drop(history);
    let history = TreeHistory::open_beside(folder.path(), 1 << 20, &other).unwrap();
    assert_eq!(history.hashes, hashes);
    assert!((1..=20).all(|lsn| knows(&history, lsn)));
}

#[test]
fn what_is_no_index_or_has_no_version_is_not_taken_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let companion = Upkeep::new(Arc::default()).companion();
    Opening::new(folder.path(), 0, companion).unwrap().table(table("other", 1)).unwrap();
    let opened = TreeHistory::open(folder.path(), 1 << 20);
    assert!(matches!(opened.err(), Some(HistoryError::Corrupt(why)) if why.contains("layout")));
}
