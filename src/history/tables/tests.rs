use super::*;
use crate::history::upkeep::Upkeep;

fn opening(folder: &Path) -> Opening {
    Opening::new(folder, 1 << 20, Upkeep::new(Arc::default()).companion()).unwrap()
}

fn table(opening: &Opening, name: &'static str) -> Table {
    opening.table(Design { name, gathered_bytes: MIB, looked_up: true }).unwrap()
}

fn write_out(table: &Table, steps: &Steps) {
    table.write_out(&steps.seal(table).unwrap(), steps, || {}).unwrap();
}

fn numbers(rows: impl Iterator<Item = Found>) -> Vec<u32> {
    rows.map(|row| u32::from_be_bytes((*row.unwrap().0).try_into().unwrap())).collect()
}

#[test]
fn a_step_is_shown_as_a_whole_once_it_has_ended_whatever_becomes_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let opening = opening(folder.path());
    let tables = [table(&opening, "one"), table(&opening, "other")];
    let steps = &opening.steps;
    let shows = |snapshot: &Snapshot| tables.each_ref().map(|table| numbers(snapshot.iter(table)));
    for n in 0..20_u32 {
        let before = steps.snapshot();
        let mut step = steps.begin();
        for table in &tables {
            step.insert(table, n.to_be_bytes(), n.to_be_bytes());
        }
        // Files of one table change while the step is written.
        tables[0].show_files(steps, false);
        let all: Vec<u32> = (0..n).collect();
        assert_eq!(shows(&steps.snapshot()), [all.clone(), all.clone()]);
        steps.end(step);
        let after = steps.snapshot();
        // Once in three steps the other's is written out later, once together with the next one's.
        write_out(&tables[0], steps);
        let sealed = if n % 3 == 0 { None } else { steps.seal(&tables[1]) };
        while tables[0].merge(steps).unwrap() {}
        let now: Vec<u32> = (0..=n).collect();
        assert_eq!(shows(&steps.snapshot()), [now.clone(), now.clone()]);
        if let Some(sealed) = sealed {
            tables[1].write_out(&sealed, steps, || {}).unwrap();
        }
        assert_eq!(shows(&before), [all.clone(), all], "as of when it was taken");
        for snapshot in [after, steps.snapshot()] {
            assert_eq!(shows(&snapshot), [now.clone(), now.clone()]);
            let backwards: Vec<u32> = now.iter().rev().copied().collect();
            assert_eq!(numbers(snapshot.iter(&tables[1]).rev()), backwards);
            assert_eq!(
                snapshot.get(&tables[1], n.to_be_bytes()).unwrap().as_deref(),
                Some(&n.to_be_bytes()[..])
            );
        }
    }
    assert!(tables[0].newest_files() < 12);
}

#[test]
fn a_key_has_the_value_of_the_newest_step_also_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..3_u32 {
        let opening = opening(folder.path());
        let (table, steps) = (table(&opening, "rows"), &opening.steps);
        let found = |snapshot: &Snapshot| snapshot.get(&table, "key").unwrap().map(|value| value.to_vec());
        let value = |n: u32| Some(n.to_be_bytes().to_vec());
        assert_eq!(found(&steps.snapshot()), round.checked_sub(1).and_then(|last| value(10 * last + 9)));
        for n in 10 * round..10 * round + 10 {
            let mut step = steps.begin();
            step.insert(&table, "key", n.to_be_bytes());
            steps.end(step);
            assert_eq!(found(&steps.snapshot()), value(n), "over what is in files");
            write_out(&table, steps);
            assert_eq!(found(&steps.snapshot()), value(n));
        }
    }
}

#[test]
fn a_prefix_has_what_begins_with_it_in_files_and_out_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let opening = opening(folder.path());
    let (table, steps) = (table(&opening, "rows"), &opening.steps);
    let keys: [&[u8]; 6] = [b"a", b"b", b"b\xff", b"b\xff\xff", b"c", b"\xff\xff"];
    for in_files in [false, true] {
        let mut step = steps.begin();
        keys.iter().for_each(|key| step.insert(&table, *key, []));
        steps.end(step);
        if in_files {
            write_out(&table, steps);
        }
        let begin_with = |prefix: &[u8]| -> Vec<Vec<u8>> {
            let rows = steps.snapshot().prefix(&table, prefix);
            rows.map(|row| row.unwrap().0.to_vec()).collect()
        };
        assert_eq!(begin_with(b"b"), keys[1..4]);
        assert_eq!(begin_with(b"b\xff"), keys[2..4]);
        assert_eq!(begin_with(b"\xff"), keys[5..]);
        assert_eq!(begin_with(b""), keys);
    }
}

#[test]
fn merged_files_go_when_their_last_reader_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let opening = opening(folder.path());
    let (table, steps) = (table(&opening, "rows"), &opening.steps);
    // With the last key in each of them, so that the tree can't just move them.
    let last = u32::MAX.to_be_bytes();
    let write = |n: u32| table.write([(n.to_be_bytes(), []), (last, [])].into_iter(), steps).unwrap();
    let files = || folder.path().join("rows/tables").read_dir().unwrap().count();
    (0..LEVEL0_TABLES.into()).for_each(write);
    let all: Vec<u32> = (0..LEVEL0_TABLES.into()).chain([u32::MAX]).collect();
    let reader = steps.snapshot();
    while table.merge(steps).unwrap() {}
    assert_eq!(
        files(),
        usize::from(LEVEL0_TABLES) + 1,
        "the one that they were merged to, and they for the reader"
    );
    assert_eq!(numbers(reader.iter(&table)), all);
    drop(reader);
    write(0);
    assert_eq!(files(), 2, "the newest came, and those without a reader went");
    assert_eq!(numbers(steps.snapshot().iter(&table)), all);
}

#[test]
fn readers_do_not_ask_the_tree_whose_list_may_be_locked() {
    let folder = tempfile::tempdir().unwrap();
    let opening = opening(folder.path());
    let (table, steps) = (table(&opening, "rows"), &opening.steps);
    table.write([("key", "value")].into_iter(), steps).unwrap();
    let locked = table.tree.get_version_history_lock();
    let snapshot = steps.snapshot();
    assert_eq!(snapshot.get(&table, "key").unwrap().as_deref(), Some(&b"value"[..]));
    assert_eq!(snapshot.iter(&table).count(), 1);
    assert!(snapshot.size_bytes(&table) > 0);
    drop(locked);
}

#[test]
fn what_goes_along_with_rows_is_let_go_before_their_file_is_shown() {
    struct Along(Arc<Table>, Arc<Mutex<Option<usize>>>);
    impl Drop for Along {
        fn drop(&mut self) {
            *self.1.lock().unwrap() = Some(self.0.newest_files());
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let opening = opening(folder.path());
    let (table, steps) = (Arc::new(table(&opening, "rows")), &opening.steps);
    let mut step = steps.begin();
    step.insert(&table, "key", "value");
    steps.end(step);
    let (files_then, rows) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(0)));
    let (along, counted) = (Along(table.clone(), files_then.clone()), rows.clone());
    let rest = move || {
        let _held = &along;
        *counted.lock().unwrap() += 1;
    };
    table.write_out(&steps.seal(&table).unwrap(), steps, rest).unwrap();
    assert_eq!((*rows.lock().unwrap(), *files_then.lock().unwrap(), table.newest_files()), (1, Some(0), 1));
}
