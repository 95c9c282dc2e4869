//! A life of the service in a world: from its start to a crash at whatever it was doing, or to an orderly stop.
use crate::ledger_model::name;
use crate::simulation::shelf::Shelf;
use crate::simulation::world::{Asked, World, told_by};
use crate::support::lying_disk::{Fault, Lies, LyingDisk, Plan};
use crate::support::service::{TENANT, start_alone};
use eros_points::actors::answer::{Answer, Failure};
use eros_points::actors::service::Service;
use eros_points::actors::start::{Running, StartError};
use eros_points::clock::Clock;
use eros_points::history::History;
use eros_points::ledger::account::Account;
use eros_points::ledger::command::Command;
use eros_points::ledger::lsn::Lsn;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

const HOUR: i64 = 3_600_000;
/// Of simulated time: on a disk that stays full a start, and a command, wait for ever.
const START_MAX: Duration = Duration::from_secs(10);
const LIFE_MAX: Duration = Duration::from_secs(60);
/// Of what was told, so many answers are asked for again in each life.
const ASKED_AGAIN: usize = 12;

/// One thread, on which time passes when nothing else is to be done.
pub fn runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime")
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Crashed,
    Stopped,
}

type Answered = (u64, Result<Answer, Failure>);

struct Life {
    service: Arc<Service>,
    running: Running,
    answers: UnboundedReceiver<Answered>,
    answering: UnboundedSender<Answered>,
    asked: BTreeMap<u64, Asked>,
    next: u64,
    /// For the tally.
    disk: Lies,
}

/// Starts the service in the world and lets `actions` happen. What was under way at a crash is in doubt afterwards.
pub fn live(world: &mut World, actions: u64, plan: Plan, ends: End) -> Result<(), StartError> {
    world.tally.lives += 1;
    world.disk.set_plan(plan);
    let (disk, shelf) = (world.disk.clone(), world.shelf.clone());
    let setup = world.setup(&disk, shelf);
    let runtime = runtime();
    let in_doubt = runtime.block_on(async {
        let Ok(running) = timeout(START_MAX, start_alone(&setup, |_| {})).await else {
            return Ok(Vec::new());
        };
        let running = running?;
        let mut life = Life::begin(running, plan.lies());
        // What it waits for at the end of this time, it crashes over.
        let _cut_off = timeout(LIFE_MAX, life.go_on(world, actions)).await;
        if ends == End::Stopped {
            life.stop(world).await;
            return Ok(Vec::new());
        }
        Ok::<_, StartError>(life.asked.into_values().collect())
    })?;
    // Whatever still runs ends in the middle of it.
    drop(runtime);
    world.in_doubt.extend(in_doubt.into_iter().map(|asked: Asked| Asked { in_doubt: true, ..asked }));
    Ok(())
}

impl Life {
    fn begin(running: Running, disk: Lies) -> Life {
        let service = Arc::new(Service::starting(chrono_tz::Asia::Shanghai));
        service.ready(running.core.clone());
        let (answering, answers) = unbounded_channel();
        Life { service, running, answers, answering, asked: BTreeMap::new(), next: 0, disk }
    }

    fn is_over(&self) -> bool {
        self.running.core.broken.borrow().is_some()
    }

    async fn go_on(&mut self, world: &mut World, actions: u64) {
        if world.told.is_empty() && world.set_rule(&self.service).await.is_err() {
            return;
        }
        self.ask_told_again(world).await;
        for asked in std::mem::take(&mut world.in_doubt) {
            self.send(world, asked);
        }
        for _ in 0..actions {
            if self.is_over() {
                break;
            }
            self.act(world).await;
            self.hear(world);
        }
    }

    async fn act(&mut self, world: &mut World) {
        match world.random.below(100) {
            0..=69 => {
                if let Some(asked) = world.draw() {
                    // Some come twice at once.
                    let twice = world.random.one_in(12).then(|| asked.clone());
                    self.send(world, asked);
                    if let Some(asked) = twice {
                        self.send_aside(asked);
                    }
                }
            }
            70..=84 => {
                let micros = world.random.below(8_000);
                tokio::time::sleep(Duration::from_micros(micros)).await;
            }
            85..=87 => tokio::time::sleep(Duration::from_millis(300)).await,
            88..=92 => {
                let millis = 1 + world.random.below(5_000) as i64;
                world.turn_clock(millis);
            }
            93 => {
                let hours = world.random.below(30) as i64;
                world.turn_clock(hours * HOUR + 1);
            }
            94 => {
                let millis = world.random.below(100_000) as i64;
                world.turn_clock(-millis);
            }
            95 => world.clock.set_right(),
            // A client that did not hear the answer asks again, before the index has heard of it.
            96..=97 if !world.told.is_empty() => {
                let back = world.random.below(8.min(world.told.len() as u64)) as usize;
                self.again(world, world.told.len() - 1 - back).await;
            }
            _ => self.compare_one(world).await,
        }
        // Each moment has one command at most: what falls due at one moment has no order of its own.
        world.turn_clock(1);
        for asked in std::mem::take(&mut world.in_doubt) {
            self.send(world, asked);
        }
    }

    fn send(&mut self, world: &mut World, mut asked: Asked) {
        asked.sent = world.clock.now();
        world.note(format_args!("{:?} of {} is sent", asked.step, name(asked.member)));
        let (number, answering) = (self.next, self.answering.clone());
        let (service, member, command) = (self.service.clone(), asked.member, asked.command.clone());
        self.next += 1;
        self.asked.insert(number, asked);
        tokio::spawn(async move {
            let answered = ask(&service, member, &command).await;
            // Nobody listens any more once the life is over.
            let _ = answering.send((number, answered));
        });
    }

    /// The same request once more at the same time; its answer is not waited for.
    fn send_aside(&self, asked: Asked) {
        let service = self.service.clone();
        tokio::spawn(async move { ask(&service, asked.member, &asked.command).await });
    }

    fn hear(&mut self, world: &mut World) {
        while let Ok((number, answered)) = self.answers.try_recv() {
            let mut asked = self.asked.remove(&number).expect("something asked");
            // Its twin may have been the one that counted.
            asked.in_doubt |= answered.as_ref().is_ok_and(|answer| answer.replayed);
            world.check(asked, answered, self.disk, self.is_over());
        }
    }

    /// A member's sums, if nothing of it is under way.
    async fn compare_one(&mut self, world: &mut World) {
        let member = world.random.below(world.crowd as u64) as usize;
        if world.busy.contains(&member) {
            return;
        }
        self.compare(world, member).await;
    }

    pub async fn compare(&self, world: &mut World, member: usize) {
        let Ok(sums) = self.service.summary(TENANT, name(member)).await else { return };
        let found = [sums.total, sums.used, sums.expired, sums.freeze, sums.active].map(|total| total.0);
        let now = world.clock.now();
        assert_eq!(found, world.sums(member), "{} at {now:?}", name(member));
    }

    /// Some of what was ever told is told again, the same.
    async fn ask_told_again(&mut self, world: &mut World) {
        for _ in 0..ASKED_AGAIN.min(world.told.len()) {
            let place = world.random.below(world.told.len() as u64) as usize;
            self.again(world, place).await;
        }
    }

    async fn again(&mut self, world: &mut World, place: usize) {
        let (member, command, before) = world.told[place].clone();
        match ask(&self.service, member, &command).await {
            Ok(answer) => {
                assert!(answer.replayed, "{command:?} counted again: {answer:?}");
                assert_eq!(told_by(&answer), before, "{command:?} is answered differently now");
            }
            Err(Failure::Refused(refusal)) => panic!("{command:?} of {before:?} is gone: {refusal:?}"),
            Err(Failure::Fault(why)) => assert!(self.is_over(), "{why}"),
            Err(_) => {}
        }
    }

    /// Waits for all that is under way, then stops in order.
    async fn stop(mut self, world: &mut World) {
        // On a disk that stays full some of it waits for another life.
        for _ in 0..500 {
            if self.is_over() || self.asked.is_empty() && world.in_doubt.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.hear(world);
            for asked in std::mem::take(&mut world.in_doubt) {
                self.send(world, asked);
            }
        }
        let left: Vec<_> = self.asked.into_values().map(|asked| Asked { in_doubt: true, ..asked }).collect();
        world.in_doubt.extend(left);
        self.service.stop();
        self.running.stop().await;
    }
}

/// What the edge would call for this command. An acceptance is the receiver's to ask for.
async fn ask(service: &Service, member: usize, command: &Command) -> Result<Answer, Failure> {
    match command {
        Command::AcceptOffer(c) => service.accept(TENANT, &c.to, &c.transfer_no, Some(name(member))).await,
        Command::CancelOffer { transfer_no } => service.cancel(TENANT, name(member), transfer_no).await,
        command => service.change(TENANT, name(member), command.clone()).await,
    }
}

/// A start on a copy of the disk to which something was done: refused with a word, or all that was told is there.
pub fn try_damaged(world: &mut World, fault: Fault) {
    let copy = world.disk.image();
    copy.set_plan(Plan::honest());
    let mut chance = crate::support::random::Random::new(world.random.next());
    let Some(damaged) = copy.damage(fault, &mut chance, |_| true) else { return };
    world.tally.damaged += 1;
    let shelf = world.shelf.next_life(|_, applied| applied);
    let newest = world.newest_segment();
    // A log whose durable end is gone without a trace is a shorter log: it is noticed by an index that has more. A bit of
    // the very last batch can't be told from a write that was never finished.
    let known = match fault {
        _ if newest.as_ref() != Some(&damaged.path) || fault == Fault::MissingFile => Lsn::MAX,
        Fault::FlippedBit => shelf.applied().max(world.before_last_batch()),
        _ => shelf.applied(),
    };
    let refused = start_beside(world, &copy, shelf, known, false);
    world.note(format_args!("{damaged:?}: {refused:?}"));
    if let Some(word) = refused {
        world.tally.damaged_refused += 1;
        assert!(word.len() > 20, "a refusal that says nothing: {word}");
    }
}

/// A start on how this life might have ended otherwise: nothing that was told may be gone.
pub fn try_another_end(world: &mut World) {
    world.crashed();
    let (disk, shelf) = world.another_end();
    disk.set_plan(Plan::honest());
    let refused = start_beside(world, &disk, shelf, Lsn::MAX, true);
    assert!(refused.is_none(), "a start on a disk in order was refused: {refused:?}");
}

/// Starts a service beside the world's own course, and asks it for what was told lately, through record `known`. Nothing is
/// on its way for ever then, though nobody asks for it again, if the disk `is_well`. Why it did not start.
fn start_beside(
    world: &mut World,
    disk: &LyingDisk,
    shelf: Arc<Shelf>,
    known: Lsn,
    is_well: bool,
) -> Option<String> {
    let setup = world.setup(disk, shelf);
    let told = world.told.clone();
    runtime().block_on(async {
        let running = match start_alone(&setup, |_| {}).await {
            Ok(running) => running,
            Err(refused) => return Some(refused.to_string()),
        };
        let mut life = Life::begin(running, Lies::None);
        let surely = |place: &usize| told[*place].2.0 <= known;
        for place in (0..told.len()).rev().filter(surely).take(3 * ASKED_AGAIN) {
            life.again(world, place).await;
        }
        if is_well {
            tokio::time::sleep(Duration::from_secs(2)).await;
            life.nothing_is_on_its_way(world).await;
        }
        None
    })
}

/// In the end nothing is under way, the disk is honest, and time has ended what time ends.
pub fn end(world: &mut World) {
    let disk = world.disk.clone();
    disk.set_plan(Plan::honest());
    disk.set_full(false);
    let shelf = world.shelf.clone();
    let setup = world.setup(&disk, shelf);
    runtime().block_on(async {
        let running = start_alone(&setup, |_| {}).await.expect("the last start");
        let mut life = Life::begin(running, Lies::None);
        for asked in std::mem::take(&mut world.in_doubt) {
            life.send(world, asked);
        }
        while !life.asked.is_empty() || !world.in_doubt.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            life.hear(world);
            for asked in std::mem::take(&mut world.in_doubt) {
                life.send(world, asked);
            }
        }
        assert!(world.busy.is_empty(), "{:?}", world.busy);
        for place in 0..world.told.len() {
            life.again(world, place).await;
        }
        life.compare_all(world).await;
        world.turn_clock(400 * 24 * HOUR);
        tokio::time::sleep(Duration::from_secs(5)).await;
        life.compare_all(world).await;
        life.nothing_is_stuck(world).await;
        life.stop(world).await;
    });
}

impl Life {
    async fn compare_all(&self, world: &mut World) {
        for member in 0..world.crowd {
            self.compare(world, member).await;
        }
    }

    /// What was sent has arrived, and its sender knows.
    async fn nothing_is_on_its_way(&self, world: &World) {
        for member in 0..world.crowd {
            let outbox = self.look(member, |account| account.outbox.clone()).await.unwrap_or_default();
            assert!(outbox.is_empty(), "{} has something under way: {outbox:?}", name(member));
        }
    }

    /// Nothing is on its way for ever, and what has fallen due is recorded though nobody asked.
    async fn nothing_is_stuck(&self, world: &World) {
        self.nothing_is_on_its_way(world).await;
        let now = world.clock.now();
        for member in 0..world.crowd {
            let due = self.look(member, Account::next_due).await.flatten();
            assert!(due.is_none_or(|due| due > now), "{} was due at {due:?}", name(member));
        }
    }

    async fn look<R: Send + 'static>(&self, member: usize, at: fn(&Account) -> R) -> Option<R> {
        self.running.core.look(TENANT, name(member), at).await.expect("a look")
    }
}
