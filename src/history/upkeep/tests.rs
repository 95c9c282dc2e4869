use super::*;
use crate::history::tables::{Design, Opening};
use std::path::Path;

const FULL: u32 = 1_000;

/// A table and the upkeep that its merges go along with, whose thread is not begun: what it would do is called by hand.
fn quiet(folder: &Path) -> (Upkeep, Steps, [Arc<Table>; 2]) {
    let upkeep = Upkeep::new(Arc::default());
    let opening = Opening::new(folder, 1 << 20, upkeep.companion()).unwrap();
    let table = |name| Arc::new(opening.table(Design { name, gathered_bytes: 1, looked_up: false }).unwrap());
    let tables = [table("merged"), table("other")];
    *lock(&upkeep.told.works_on) = Some(works_on(&opening.steps, &tables));
    (upkeep, opening.steps, tables)
}

fn works_on(steps: &Steps, tables: &[Arc<Table>]) -> WorksOn {
    WorksOn { steps: steps.clone(), tables: tables.to_vec(), write_mark: Box::new(|_| Ok(())) }
}

fn insert(steps: &Steps, table: &Table, numbers: impl IntoIterator<Item = u32>) {
    let mut step = steps.begin();
    for n in numbers {
        step.insert(table, n.to_be_bytes(), n.to_be_bytes());
    }
    steps.end(step);
}

fn sealed(steps: &Steps, table: &Arc<Table>) -> Task {
    Task::WriteOut(table.clone(), steps.seal(table).unwrap())
}

/// Fills as many files as are merged, one over the other.
fn fill(upkeep: &Upkeep, steps: &Steps, table: &Arc<Table>) -> u32 {
    let files = 12;
    for file in 0..files {
        insert(steps, table, (0..FULL).map(|n| n * files + file));
        upkeep.add([sealed(steps, table)]);
        upkeep.told.write_out().unwrap();
    }
    FULL * files
}

fn holds(steps: &Steps, table: &Table, count: u32) {
    let found = steps.snapshot().iter(table).map(|row| row.unwrap());
    let expected = (0..count).map(|n| (n.to_be_bytes().to_vec(), n.to_be_bytes().to_vec()));
    assert!(found.map(|(key, value)| (key.to_vec(), value.to_vec())).eq(expected));
}

#[test]
fn a_merge_keeps_all_rows_with_haste_and_without() {
    for in_haste in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (upkeep, steps, [table, _]) = quiet(folder.path());
        upkeep.told.set_haste(in_haste);
        let count = fill(&upkeep, &steps, &table);
        assert_eq!(table.newest_files(), 12);
        upkeep.told.merge().unwrap();
        assert_eq!(table.newest_files(), 0);
        holds(&steps, &table, count);
    }
}

#[test]
fn a_merge_writes_out_what_has_become_full() {
    let folder = tempfile::tempdir().unwrap();
    let (upkeep, steps, [merged, other]) = quiet(folder.path());
    let count = fill(&upkeep, &steps, &merged);
    insert(&steps, &other, 0..FULL);
    insert(&steps, &merged, [count]);
    upkeep.add([sealed(&steps, &other), sealed(&steps, &merged)]);
    assert!(merged.merge(&steps).unwrap());
    assert_eq!((other.newest_files(), merged.newest_files()), (1, 1));
    assert_eq!(lock(&upkeep.told.state).waiting_bytes, 0);
    holds(&steps, &other, FULL);
    holds(&steps, &merged, count + 1);
}

#[test]
fn a_mark_is_written_after_what_was_sealed_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut upkeep, steps, [one, other]) = quiet(folder.path());
    let files = [one.clone(), other.clone()];
    let (tell, told) = std::sync::mpsc::channel();
    let marked_steps = steps.clone();
    let write_mark = Box::new(move |mark: &Mark| {
        let snapshot = marked_steps.snapshot();
        tell.send((mark.through, files.each_ref().map(|table| snapshot.size_bytes(table)))).unwrap();
        Ok(())
    });
    upkeep.start(steps.clone(), vec![one.clone(), other.clone()], Lsn(3), write_mark).unwrap();
    assert_eq!(upkeep.marked(), Lsn(3));
    let mut before = [0; 2];
    for through in 4..8 {
        insert(&steps, &one, [through]);
        insert(&steps, &other, [through]);
        let mark = Mark { through: Lsn(u64::from(through)), ..Mark::default() };
        upkeep.add([sealed(&steps, &one), sealed(&steps, &other), Task::Mark(mark)]);
        upkeep.wait_for_mark(Lsn(u64::from(through))).unwrap();
        let (marked, sizes) = told.recv().unwrap();
        assert_eq!(marked, Lsn(u64::from(through)));
        assert!(sizes[0] > before[0] && sizes[1] > before[1], "{sizes:?} after {before:?}");
        before = sizes;
    }
}

#[test]
fn who_writes_on_and_who_waits_hear_of_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let (mut upkeep, steps, [table, _]) = quiet(folder.path());
    let fails = || HistoryError::Storage("no space left".into());
    upkeep.start(steps.clone(), vec![table.clone()], Lsn::ZERO, Box::new(move |_| Err(fails()))).unwrap();
    upkeep.keep_up().unwrap();
    insert(&steps, &table, [1]);
    upkeep.add([sealed(&steps, &table), Task::Mark(Mark { through: Lsn(1), ..Mark::default() })]);
    let is_told = |told: Result<(), HistoryError>| matches!(told, Err(HistoryError::Storage(why)) if why == "no space left");
    assert!(is_told(upkeep.wait_for_mark(Lsn(1))));
    assert!(is_told(upkeep.keep_up()));
}

#[test]
fn a_panic_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let (mut upkeep, steps, [table, _]) = quiet(folder.path());
    upkeep.start(steps, vec![table], Lsn::ZERO, Box::new(|_| panic!("a bug of the library"))).unwrap();
    upkeep.add([Task::Mark(Mark { through: Lsn(1), ..Mark::default() })]);
    let told = upkeep.wait_for_mark(Lsn(1));
    assert!(matches!(told, Err(HistoryError::Storage(why)) if why.contains("panicked")));
}

#[test]
fn the_files_are_let_go_with_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let (mut upkeep, steps, [table, _]) = quiet(folder.path());
    upkeep.start(steps, vec![table.clone()], Lsn::ZERO, Box::new(|_| Ok(()))).unwrap();
    let held = Arc::downgrade(&table);
    drop((table, upkeep));
    assert!(held.upgrade().is_none());
}
