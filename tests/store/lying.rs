//! The log on a disk that lies in every way at once: what was released is there after each restart, whatever was struck.
use super::*;
use crate::support::lying_disk::{Fault, LyingDisk, Plan};
use crate::support::random::Random;

/// One life of a log: starts where the disk lets it, appends until it has enough or the disk has failed it. What is
/// durable then.
fn live(disk: &LyingDisk, chance: &mut Random, known: &mut Records) {
    let Ok((end, records)) = read(disk, REPAIR) else { return };
    assert!(
        records.len() >= known.len() && records[..known.len()] == known[..],
        "what was released is there"
    );
    // More than that may be there: it was on its way when the life before ended. From now on it has to stay.
    *known = records;
    let ear = Ear::default();
    let Ok(journal) = Journal::open(Arc::new(disk.clone()), folder(), options(), end, ear.clone()) else {
        return;
    };
    for _ in 0..chance.below(40) {
        let n = journal.last_assigned().0 + 1;
        let Ok(lsn) = journal.append(Class::Refusable, (n % 3) as u16, &payload(n)) else { break };
        if chance.one_in(3) {
            ear.wait(
                |heard| heard.error.is_some() || heard.durable.last().is_some_and(|(last, _)| *last >= lsn),
                |_| (),
            );
        }
    }
    // The power fails in the middle of it, or it ends in order.
    if chance.one_in(2) {
        disk.power_off_at(disk.operations() + chance.below(4));
    }
    journal.close();
    let heard = ear.0.0.lock().expect("what was heard");
    known.extend(heard.durable.iter().cloned());
}

#[test]
fn what_was_released_outlives_every_lie_of_the_disk() {
    let seeds = std::env::var("EROS_LYING_SEEDS").map_or(4, |seeds| seeds.parse().expect("how many seeds"));
    for seed in 0..seeds {
        let mut chance = Random::new(seed);
        let mut disk = LyingDisk::new(seed, Plan::honest());
        let mut known = Records::new();
        for _ in 0..8 {
            disk.set_plan(if chance.one_in(4) {
                Plan::honest()
            } else {
                Plan::all(60).with(Fault::SyncFails, 12)
            });
            live(&disk, &mut chance, &mut known);
            disk = if chance.one_in(3) { disk.process_dies() } else { disk.power_fails() };
        }
        disk.set_plan(Plan::honest());
        let (_, records) = read(&disk, REPAIR).expect("a log in order on a disk that is well");
        assert!(records.len() >= known.len() && records[..known.len()] == known[..], "seed {seed}");
    }
}
