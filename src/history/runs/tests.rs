use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::RangeBounds;

fn row(key: u8, value: u16) -> Row {
    ([key].into(), value.to_be_bytes().into())
}

fn plain(found: Option<Found>) -> Option<(u8, u16)> {
    found.map(|found| {
        let (key, value) = found.unwrap();
        (key[0], u16::from_be_bytes((*value).try_into().unwrap()))
    })
}

fn bound(kind: u8, key: u8) -> (Bound<Slice>, Bound<u8>) {
    match kind {
        0 => (Bound::Included([key].into()), Bound::Included(key)),
        1 => (Bound::Excluded([key].into()), Bound::Excluded(key)),
        _ => (Bound::Unbounded, Bound::Unbounded),
    }
}

fn sources(runs: &Runs, range: &(Bound<Slice>, Bound<Slice>)) -> Vec<Source> {
    runs.parts(range).map(|part| Box::new(part) as Source).collect()
}

proptest! {
    /// Steps of rows, the value of each being its place among all: held against a map.
    #[test]
    fn runs_are_as_a_map_of_the_latest_rows(
        steps in vec(vec(any::<u8>(), 0..40), 0..40),
        (from, to) in ((0..3_u8, any::<u8>()), (0..3_u8, any::<u8>())),
        from_the_back in vec(any::<bool>(), 300),
    ) {
        let (mut runs, mut model, mut value) = (Runs::default(), BTreeMap::new(), 0);
        for keys in &steps {
            let mut rows = Vec::new();
            for key in keys {
                rows.push(row(*key, value));
                model.insert(*key, value);
                value += 1;
            }
            runs.add(rows);
            prop_assert!(runs.runs.is_sorted_by(|before, after| before.len() >= 2 * after.len()));
        }
        for key in 0..=u8::MAX {
            let found = runs.get(&[key]).map(|value| u16::from_be_bytes((**value).try_into().unwrap()));
            prop_assert_eq!(found, model.get(&key).copied());
        }
        let ((from, low), (to, high)) = (bound(from.0, from.1), bound(to.0, to.1));
        let mut merged = Merged::new(sources(&runs, &(from, to)));
        let within: Vec<(u8, u16)> =
            model.into_iter().filter(|(key, _)| (low, high).contains(key)).collect();
        let mut expected = within.into_iter();
        for from_the_back in from_the_back {
            let (found, expected) = match from_the_back {
                true => (merged.next_back(), expected.next_back()),
                false => (merged.next(), expected.next()),
            };
            prop_assert_eq!(plain(found), expected);
        }
    }
}

#[test]
fn what_was_taken_goes_on_as_it_was() {
    let mut runs = Runs::default();
    runs.add(vec![row(1, 1), row(2, 2)]);
    let (before, mut reading) =
        (runs.clone(), Merged::new(sources(&runs, &(Bound::Unbounded, Bound::Unbounded))));
    runs.add(vec![row(1, 3), row(3, 3)]);
    assert_eq!(before.get(&[1]).map(|value| value.to_vec()), Some(vec![0, 1]));
    assert_eq!(std::iter::from_fn(|| plain(reading.next())).collect::<Vec<_>>(), [(1, 1), (2, 2)]);
    assert!(before.bytes() < runs.bytes());
}

#[test]
fn a_failure_is_told_from_either_end_and_the_first_source_has_the_last_word() {
    let failing = || Box::new([Err(HistoryError::Unavailable)].into_iter()) as Source;
    let holding = |value| Box::new([Ok(row(1, value))].into_iter()) as Source;
    assert!(Merged::new([holding(1), failing()]).next().is_some_and(|found| found.is_err()));
    assert!(Merged::new([holding(1), failing()]).next_back().is_some_and(|found| found.is_err()));
    let mut merged = Merged::new([holding(1), holding(2)]);
    assert_eq!((plain(merged.next_back()), plain(merged.next())), (Some((1, 1)), None));
}
