//! Full and failing disks, as clients see them.
use crate::support::books::{accrue, send, spend};
use crate::support::disk::{Leaves, Op};
use crate::support::process::{Connection, Process};
use crate::support::service::{House, Lodger, TENANT};
use crate::support::until;
use eros_points::actors::answer::Failure;
use eros_points::actors::personal::Personal;
use eros_points::http::error::WireError;
use eros_points::ledger::command::Command;
use eros_points::ledger::instant::{Instant, Span};
use std::time::Duration;

const BEGINS: Instant = Instant(1_655_258_400_000);

fn code(failure: Failure) -> u32 {
    WireError::from(failure).wire().1
}

/// An accrual so large that a few dozen fill a segment.
fn large(n: usize) -> Command {
    let order = format!(r#"{{"note":"{}"}}"#, "x".repeat(600_000));
    let mut accrual = accrue(&format!("large-{n}"), 1.0);
    accrual.order_items = Some(order);
    accrual.into()
}

/// Takes large accruals until one is turned away; how many counted, and what the last was told.
fn fill(lodger: &Lodger) -> (usize, u32) {
    let mut counted = 0;
    loop {
        match lodger.change("ann", &large(counted)) {
            Ok(_) => counted += 1,
            Err(failure) => return (counted, code(failure)),
        }
    }
}

#[test]
fn a_full_disk_turns_changes_away_while_reads_and_time_go_on_and_it_heals_by_itself() {
    let house = House::new(BEGINS);
    let lodger = house.start().expect("a start");
    let mut mortal = accrue("mortal", 5.0);
    mortal.expire_after = Some(Span::hours(1));
    lodger.change("bob", &mortal.into()).expect("room");
    until(|| house.disk.is_prepared());
    house.disk.set_room(Some(0));
    let (counted, told) = fill(&lodger);
    assert_eq!(told, 50302);
    assert!(counted > 20, "the space made ahead was used");

    let points = counted as i128 * 10_000;
    assert_eq!(
        lodger.sums("ann"),
        [points, 0, 0, 0, points],
        "reads go on, and what was turned away left nothing"
    );
    let again = lodger.change("ann", &large(0)).expect("a replay needs no room");
    assert!(again.replayed);
    house.clock.turn_to(BEGINS.after(Span::hours(2)));
    let records = |lodger: &Lodger| lodger.running.core.journal.last_assigned();
    let before = records(&lodger);
    until(|| records(&lodger) > before);
    assert_eq!(lodger.sums("bob"), [50_000, 0, 50_000, 0, 0], "time has a reserve");
    assert_eq!(code(lodger.change("ann", &large(counted)).expect_err("no room")), 50302);

    house.disk.set_room(None);
    until(|| lodger.change("ann", &large(counted)).is_ok());
    lodger.stop();
    let lodger = house.start().expect("the next start");
    let points = points + 10_000;
    assert_eq!(lodger.sums("ann"), [points, 0, 0, 0, points], "nothing is lost");
    lodger.stop();
}

#[test]
fn a_first_start_on_a_full_disk_is_refused_and_the_next_one_begins_the_log() {
    let house = House::new(BEGINS);
    house.disk.set_room(Some(0));
    let refused = house.start().err().expect("no room to begin in").to_string();
    assert!(refused.contains("beginning the log failed"), "{refused}");
    house.disk.set_room(None);
    let lodger = house.start().expect("room");
    lodger.change("ann", &accrue("A", 1.0).into()).expect("an answer");
    lodger.stop();
}

/// A start with such a fault: whether it was refused, and then the words name the folder.
fn is_cut_short(house: &House, op: Op, passing: usize) -> bool {
    house.disk.fail(op, passing);
    match house.start() {
        Ok(lodger) => {
            lodger.stop();
            false
        }
        Err(error) => {
            let (words, folder) = (error.to_string(), house.folder());
            let named = [folder.wal, folder.snapshots]
                .iter()
                .any(|place| words.contains(&place.display().to_string()));
            assert!(named, "{op:?} {passing}: {words}");
            true
        }
    }
}

#[test]
fn a_start_that_the_disk_cuts_short_says_where() {
    for op in [Op::Sync, Op::Write] {
        let first = (0..8).filter(|passing| is_cut_short(&House::new(BEGINS), op, *passing)).count();
        assert!(first >= 2, "{op:?}: {first} first starts");

        let house = House::new(BEGINS);
        let lodger = house.start().expect("a start");
        let personal = Personal { mobile: Some("18608011234".into()), ..Personal::default() };
        let put = lodger.service.put_member(TENANT, "ann", None, personal);
        lodger.runtime.block_on(put).expect("a profile");
        lodger.stop();
        let later = (0..8).filter(|passing| is_cut_short(&house, op, *passing)).count();
        assert!(later >= 1, "{op:?}: {later} later starts");
    }
}

#[test]
fn a_failed_sync_leaves_waiting_requests_in_doubt_ends_the_service_and_loses_nothing_acknowledged() {
    for (op, leaves) in
        [(Op::Sync, Leaves::Nothing), (Op::Sync, Leaves::Everything), (Op::Write, Leaves::Bytes(40))]
    {
        let mut house = House::new(BEGINS);
        let lodger = house.start().expect("a start");
        lodger.change("ann", &accrue("A", 100.0).into()).expect("an answer");
        lodger.change("ann", &send("T", "bob", 30.0)).expect("an answer");
        until(|| house.disk.is_prepared());
        house.disk.fail_log(op, 0);
        let mut broken = lodger.running.core.broken.subscribe();
        let doubtful = lodger.change("ann", &spend("S", 7.0));
        // An idle log may have met the failure with a mark: then nothing was done, and it says so.
        let told = code(doubtful.expect_err("a log that failed"));
        assert!([50304, 50301].contains(&told), "{told}");
        let why = lodger.runtime.block_on(broken.wait_for(Option::is_some)).expect("the news").clone();
        assert!(why.expect("words").contains("the disk failed, as told"));
        // Nothing is taken any more, nor is anything told that rests on what is not durable.
        let told = code(lodger.change("ann", &spend("S2", 1.0)).expect_err("a closed log"));
        assert!([50304, 50301].contains(&told), "{told}");
        house.crash(lodger, leaves);

        let lodger = house.start().expect("the next start");
        let [total, used, ..] = lodger.sums("ann");
        assert!(total == 1_000_000 && [300_000, 370_000].contains(&used), "{used}");
        assert_eq!(lodger.sums("bob"), [300_000, 0, 0, 0, 300_000]);
        lodger.change("ann", &spend("S", 7.0)).expect("sent again");
        assert_eq!(lodger.sums("ann")[1], 370_000, "it counts once, whether it had counted or not");
        lodger.stop();
    }
}

/// Direct transfers on many threads until the log fails: sender, command, and what its client was told.
fn transfers_while_it_fails(lodger: &Lodger) -> Vec<(String, Command, Result<(), u32>)> {
    let client = |client: usize| {
        let (from, to) = (format!("from-{client}"), format!("to-{client}"));
        let mut told = Vec::new();
        loop {
            let command = send(&format!("{client}-{}", told.len()), &to, 1.0);
            let answered = lodger.change(&from, &command).map(|_| ()).map_err(code);
            told.push((from.clone(), command, answered));
            if answered.is_err() {
                return told;
            }
        }
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8).map(|n| scope.spawn(move || client(n))).collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client's findings")).collect()
    })
}

#[test]
fn what_is_said_to_have_done_nothing_when_the_log_fails_has_done_nothing() {
    for passing in [3, 10, 11, 12, 13, 20, 31, 42] {
        let mut house = House::new(BEGINS);
        let lodger = house.start().expect("a start");
        for client in 0..8 {
            lodger.change(&format!("from-{client}"), &accrue("A", 10_000.0).into()).expect("an answer");
        }
        until(|| house.disk.is_prepared());
        house.disk.fail_log(Op::Sync, passing);
        let told = transfers_while_it_fails(&lodger);
        house.crash(lodger, Leaves::Everything);
        let lodger = house.start().expect("the next start");
        for (from, command, answered) in told {
            let again = lodger.change(&from, &command).expect("sent again").replayed;
            match answered {
                Ok(()) => assert!(again, "lost: {command:?}"),
                Err(50301) => assert!(!again, "told that nothing was done, and it was: {command:?}"),
                Err(code) => assert_eq!(code, 50304, "{command:?}"),
            }
        }
        lodger.stop();
    }
}

#[test]
fn a_direct_transfer_cut_off_between_its_halves_is_not_said_to_be_undone() {
    let mut house = House::new(BEGINS);
    let lodger = house.start().expect("a start");
    lodger.change("ann", &accrue("A", 100.0).into()).expect("an answer");
    until(|| house.disk.is_prepared());
    house.disk.hold(Op::Sync);
    let told = std::thread::scope(|scope| {
        let before = lodger.running.core.journal.last_assigned();
        let sender = scope.spawn(|| lodger.change("ann", &send("T", "bob", 30.0)));
        // What is held may be the sync of a mark before it.
        until(|| lodger.running.core.journal.last_assigned() > before);
        house.disk.wait_until_held();
        // The sender's half is on its way to the disk. From here on the log takes nothing more.
        scope.spawn(|| lodger.running.core.journal.close());
        std::thread::sleep(Duration::from_millis(100));
        house.disk.let_go();
        sender.join().expect("an outcome").map(|_| ()).map_err(code)
    });
    assert!(told.is_ok() || told == Err(50304), "{told:?}");
    house.crash(lodger, Leaves::Nothing);
    let lodger = house.start().expect("the next start");
    assert_eq!(lodger.sums("bob")[0], 300_000, "what was on its way has arrived");
    assert!(lodger.change("ann", &send("T", "bob", 30.0)).expect("sent again").replayed);
    lodger.stop();
}

#[test]
fn a_read_waits_until_what_it_shows_is_durable() {
    let house = House::new(BEGINS);
    let lodger = house.start().expect("a start");
    lodger.change("ann", &accrue("A", 100.0).into()).expect("an answer");
    until(|| house.disk.is_prepared());
    house.disk.hold(Op::Sync);
    std::thread::scope(|scope| {
        let before = lodger.running.core.journal.last_assigned();
        let more = scope.spawn(|| lodger.change("ann", &accrue("B", 50.0).into()));
        // The record is made, and may yet be taken back. What is held may be the sync of a mark before it.
        until(|| lodger.running.core.journal.last_assigned() > before);
        house.disk.wait_until_held();
        let summary = lodger.service.summary(TENANT, "ann");
        let a_while = Duration::from_millis(50);
        let seen = lodger.runtime.block_on(async { tokio::time::timeout(a_while, summary).await });
        house.disk.let_go();
        assert!(seen.is_err(), "shown before it is durable: {seen:?}");
        more.join().expect("an outcome").expect("an answer");
    });
    assert_eq!(lodger.sums("ann")[0], 1_500_000);
    lodger.stop();
}

#[test]
fn the_binary_turns_changes_away_while_too_little_space_is_free_and_answers_reads() {
    const CHANGE: &str = r#"{"event_no":"A","member_no":"ann","event_type":"event","points":3}"#;
    const PRODUCE: &str = "/api/crm/points/10080/produce/direct";
    const SUMMARY: &str = "/api/crm/points/10080/summary?member_no=ann";
    let folder = tempfile::tempdir().expect("a folder");
    let (data, log) = (folder.path().join("data"), folder.path().join("log.txt"));
    let all_there_is = [("MIN_FREE_BYTES", "1048576GiB")];
    let ready = Process::spawn(&data, &log, &all_there_is).ready().expect("it starts");
    let mut connection = Connection::to(ready.address).expect("a connection");
    // It looks at the disk now and then; what it took before is taken.
    until(|| std::fs::read_to_string(&log).expect("its log").contains("changes are turned away"));
    let refused = connection.post(PRODUCE, CHANGE).expect("an answer");
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.body.contains(r#""code":50302"#), "{}", refused.body);
    assert_eq!(connection.get(SUMMARY).expect("an answer").status, 200);
    drop(connection);
    assert_eq!(ready.process.signal("-TERM"), Some(0));

    let ready = Process::spawn(&data, &log, &[("MIN_FREE_BYTES", "1")]).ready().expect("it starts");
    let mut connection = Connection::to(ready.address).expect("a connection");
    until(|| {
        Connection::to(ready.address)
            .and_then(|mut new| new.post(PRODUCE, CHANGE))
            .is_ok_and(|reply| reply.status == 200)
    });
    let summary = connection.get(SUMMARY).expect("an answer");
    assert!(summary.body.contains(r#""total_points":3,"#), "{}", summary.body);
}
