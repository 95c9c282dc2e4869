//! One seed's world: a disk, a clock, members, what was asked and what was told. It outlives the service, which is born and
//! dies in it.
use crate::ledger_model::{Step, ask_later, command, name, the_rule};
use crate::simulation::shelf::Shelf;
use crate::simulation::steps::{self, Offers, kind, members};
use crate::simulation::tally::{FAR, Met, Tally};
use crate::support::lying_disk::{Fault, Lies, LyingDisk, Plan};
use crate::support::model::{Model, Said};
use crate::support::random::Random;
use crate::support::service::{TENANT, code};
use crate::support::small_segments;
use eros_points::actors::answer::{Answer, Failure, MovedLot};
use eros_points::actors::beside::{Beside, Cadence, Part, Tasks};
use eros_points::actors::core::Bounds;
use eros_points::actors::directory::NameKey;
use eros_points::actors::service::Service;
use eros_points::actors::start::Setup;
use eros_points::actors::tenant::RuleChange;
use eros_points::clock::Clock;
use eros_points::ledger::Terms;
use eros_points::ledger::command::Command;
use eros_points::ledger::event::Event;
use eros_points::ledger::instant::Instant;
use eros_points::ledger::lsn::Lsn;
use eros_points::store::error::StoreError;
use eros_points::store::folder::Folder;
use eros_points::store::recovery::{CheckedSegment, Mode, read_log};
use eros_points::store::segments::SEGMENT_ENDING;
use eros_points::store::snapshots;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

const LOG_ID: u128 = 7;
const BEGINS: i64 = 1_655_258_400_000;

/// The wall clock, which is set back now and then; what it tells never goes back.
pub struct SimClock {
    wall: AtomicI64,
    told: AtomicI64,
}

impl Clock for SimClock {
    fn now(&self) -> Instant {
        let wall = self.wall.load(Ordering::SeqCst);
        Instant(self.told.fetch_max(wall, Ordering::SeqCst).max(wall))
    }
}

impl SimClock {
    pub fn turn(&self, millis: i64) {
        self.wall.fetch_add(millis, Ordering::SeqCst);
    }

    pub fn set_right(&self) {
        self.wall.store(self.now().0, Ordering::SeqCst);
    }
}

/// When the log's writer and the index take their steps.
struct SeededCadence(Mutex<Random>);

impl Cadence for SeededCadence {
    fn pause(&self, before: Part) -> Duration {
        let mut random = self.0.lock().expect("the cadence");
        let micros = match before {
            Part::Log => 100 + random.below(3_000),
            // Sometimes it falls behind.
            Part::Index if random.one_in(40) => 200_000,
            Part::Index => 100 + random.below(6_000),
        };
        Duration::from_micros(micros)
    }

    fn syncs_index(&self) -> bool {
        self.0.lock().expect("the cadence").one_in(60)
    }
}

/// The record that an answer told of.
pub type Told = (Lsn, Instant, Arc<Event>, Option<Vec<MovedLot>>);

/// Something asked and not answered for good yet.
#[derive(Clone, Debug)]
pub struct Asked {
    pub step: Step,
    pub member: usize,
    pub command: Command,
    /// The clock when it was made up, and what points the member had then.
    pub made: i64,
    pub state: &'static str,
    /// It was sent before, and nobody knows what became of that.
    pub in_doubt: bool,
    /// The clock when it was sent last.
    pub sent: Instant,
}

pub struct World {
    pub random: Random,
    pub disk: LyingDisk,
    pub shelf: Arc<Shelf>,
    pub clock: Arc<SimClock>,
    pub crowd: usize,
    pub tally: Tally,
    pub offers: Offers,
    /// Asked and to be asked again: nobody else may touch these members meanwhile.
    pub in_doubt: Vec<Asked>,
    pub busy: BTreeSet<usize>,
    pub told: Vec<(usize, Command, Told)>,
    pub resting_bytes_max: u64,
    snapshot_every_bytes: u64,
    model: Model,
    /// All that the clock has ever told.
    moments: Vec<Instant>,
    by_key: BTreeMap<(usize, String), usize>,
    trace: blake3::Hasher,
    /// Only the lock is in it.
    folder: TempDir,
}

/// What a repeat of the command is known by.
fn numbered(command: &Command) -> String {
    let what = match command {
        Command::AcceptOffer(_) => "accept",
        Command::CancelOffer { .. } => "cancel",
        _ => "",
    };
    format!("{what} {:?}", command.key())
}

pub fn told_by(answer: &Answer) -> Told {
    let record = &answer.record;
    (record.lsn, record.at, record.event.clone(), record.lots.clone())
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let folder = tempfile::tempdir().expect("a folder for the lock");
        std::fs::create_dir_all(folder.path().join("wal")).expect("a folder for the lock");
        let clock = SimClock { wall: AtomicI64::new(BEGINS), told: AtomicI64::new(BEGINS) };
        World {
            disk: LyingDisk::new(seed, Plan::honest()),
            shelf: Arc::default(),
            clock: Arc::new(clock),
            crowd: 100 + random.below(60) as usize,
            tally: Tally { seeds: 1, ..Tally::default() },
            offers: Vec::new(),
            in_doubt: Vec::new(),
            busy: BTreeSet::new(),
            told: Vec::new(),
            resting_bytes_max: [0, 1, 4_096][random.below(3) as usize],
            snapshot_every_bytes: [8 << 10, 64 << 10, 1 << 20][random.below(3) as usize],
            model: Model::at(BEGINS),
            moments: vec![Instant(BEGINS)],
            by_key: BTreeMap::new(),
            trace: blake3::Hasher::new(),
            folder,
            random,
        }
    }

    /// The same world from the same seed leaves the same trace.
    pub fn trace(&self) -> String {
        self.trace.finalize().to_hex().to_string()
    }

    pub fn note(&mut self, line: std::fmt::Arguments<'_>) {
        let line = line.to_string().replace(&self.folder.path().display().to_string(), "");
        self.trace.update(line.as_bytes());
        if std::env::var_os("EROS_SIMULATION_TRACE").is_some() {
            eprintln!("{line}");
        }
    }

    pub fn setup(&mut self, disk: &LyingDisk, shelf: Arc<Shelf>) -> Setup {
        let cadence = SeededCadence(Mutex::new(Random::new(self.random.next())));
        Setup {
            data_dir: self.folder.path().to_owned(),
            disk: Arc::new(disk.clone()),
            clock: self.clock.clone(),
            journal: small_segments(),
            history_cache_bytes: 0,
            snapshot_every_bytes: self.snapshot_every_bytes,
            bounds: Bounds {
                live_actors_max: 10,
                in_flight_max: 1_000,
                index_lag_max: 100_000,
                resting_bytes_max: self.resting_bytes_max,
            },
            terms: Terms::default(),
            zone: chrono_tz::Asia::Shanghai,
            beside: Beside::Tasks(Tasks {
                history: shelf,
                cadence: Arc::new(cadence),
                names: NameKey(1, 2),
                log_id: LOG_ID,
            }),
        }
    }

    /// The rule that the model knows, in force before anybody accrues by it.
    pub async fn set_rule(&self, service: &Service) -> Result<(), Failure> {
        service.change_rule(TENANT, RuleChange::Add(the_rule())).await.map(|_| ())
    }

    /// A command of members that nobody else is at.
    pub fn draw(&mut self) -> Option<Asked> {
        let step = steps::draw(&mut self.random, self.crowd, &mut self.offers);
        let members = members(&step);
        if members.iter().any(|member| self.busy.contains(member)) {
            return None;
        }
        self.busy.extend(members);
        let now = self.clock.now();
        let (member, command) = command(&step, now.0)?;
        let state = self.state(member);
        Some(Asked { step, member, command, made: now.0, state, in_doubt: false, sent: now })
    }

    /// What points a member has whom nothing is under way of.
    fn state(&mut self, member: usize) -> &'static str {
        match self.sums(member) {
            [0, ..] => "no points yet",
            [.., active] if active > 0 => "active points",
            [.., frozen, _] if frozen > 0 => "frozen points",
            _ => "none left",
        }
    }

    fn free(&mut self, asked: &Asked) {
        for member in members(&asked.step) {
            self.busy.remove(&member);
        }
    }

    /// Holds what was answered against the model.
    /// `is_over` tells that the service has given itself up.
    pub fn check(&mut self, asked: Asked, answered: Result<Answer, Failure>, disk: Lies, is_over: bool) {
        self.note(format_args!("{:?} -> {answered:?}", asked.step));
        let outcome = match answered {
            Ok(answer) => self.check_done(&asked, &answer),
            Err(Failure::Refused(refusal)) => self.check_refused(&asked, code(&refusal)),
            // A member that can't be read any more ends the service.
            Err(Failure::Fault(_)) if is_over => {
                self.in_doubt.push(Asked { in_doubt: true, ..asked });
                return;
            }
            // Nothing of it is done, unless an earlier try was; a transfer may be half on its way.
            Err(Failure::NotReady | Failure::Full | Failure::Overloaded | Failure::Unknown) => {
                self.tally.met(Met { disk, answer: "in doubt", state: asked.state, kind: kind(&asked.step) });
                self.in_doubt.push(Asked { in_doubt: true, ..asked });
                return;
            }
            Err(Failure::Fault(why)) => panic!("a fault of ours: {why} in {asked:?}"),
        };
        self.tally.met(Met { disk, answer: outcome, state: asked.state, kind: kind(&asked.step) });
        self.free(&asked);
    }

    fn check_done(&mut self, asked: &Asked, answer: &Answer) -> &'static str {
        let told = told_by(answer);
        let key = (asked.member, numbered(&asked.command));
        if let Some(before) = self.by_key.get(&key) {
            assert!(answer.replayed, "{asked:?} counted twice: {told:?} after {:?}", self.told[*before]);
            assert_eq!(self.told[*before].2, told, "{asked:?} is answered differently now");
            return "replay";
        }
        assert!(!answer.replayed || self.may_replay(asked), "{asked:?} is a replay of nothing: {told:?}");
        self.model.now = if answer.replayed && !asked.in_doubt { self.clock.now().0 } else { told.1.0 };
        if let Step::Accept { .. } = asked.step {
            self.model.now = self.accepted_at(asked, told.1).0;
        }
        let expected = ask_later(&mut self.model, &asked.step, asked.made);
        if answer.replayed && !asked.in_doubt {
            assert_eq!(expected, Said::Again, "{asked:?} -> {told:?}");
            return "replay";
        }
        if expected == Said::Again && asked.in_doubt {
            return "replay";
        }
        assert_eq!(expected, Said::New, "{asked:?} -> {told:?}");
        self.by_key.insert(key, self.told.len());
        self.told.push((asked.member, asked.command.clone(), told));
        self.tally.events += 1;
        "new"
    }

    /// An acceptance answers with the receiver's record, made some time after the sender's: the last moment at which the
    /// offer was open.
    fn accepted_at(&self, asked: &Asked, received: Instant) -> Instant {
        let made = Instant(asked.made);
        let since = self.moments.iter().rev().copied().filter(|then| *then <= received);
        let mut since = since.take_while(|then| *then > made).chain([made]);
        let was_open = |then: &Instant| {
            let mut model = self.model.clone();
            model.now = then.0;
            ask_later(&mut model, &asked.step, asked.made) == Said::New
        };
        since.find(was_open).unwrap_or(received)
    }

    /// Acceptances and cancellations have no key of their own: the state of the offer tells a repeat.
    fn may_replay(&self, asked: &Asked) -> bool {
        asked.in_doubt || matches!(asked.step, Step::Accept { .. } | Step::Cancel { .. })
    }

    /// A refusal holds for some moment between asking and hearing of it.
    fn check_refused(&mut self, asked: &Asked, code: u32) -> &'static str {
        let said = Said::No(code);
        let moments = self.moments.iter().rev().copied().take_while(|then| *then > asked.sent);
        let mut moments: Vec<_> = moments.chain([asked.sent]).collect();
        let last = moments.remove(0);
        let held = moments.into_iter().rev().any(|then| {
            let mut model = self.model.clone();
            model.now = then.0;
            ask_later(&mut model, &asked.step, asked.made) == said
        });
        if !held {
            self.model.now = last.0;
            assert_eq!(ask_later(&mut self.model, &asked.step, asked.made), said, "{asked:?}");
        }
        "refused"
    }

    /// Turns the clock; less than nothing sets the wall clock back.
    pub fn turn_clock(&mut self, millis: i64) {
        self.clock.turn(millis);
        let now = self.clock.now();
        if self.moments.last() != Some(&now) {
            self.tally.simulated_millis += self.moments.last().map_or(0, |last| (now.0 - last.0) as u64);
            self.moments.push(now);
        }
        self.note(format_args!("the clock shows {now:?}"));
    }

    /// What the model says that a member has now.
    pub fn sums(&mut self, member: usize) -> [i128; 5] {
        self.model.now = self.clock.now().0;
        self.model.sums(name(member))
    }

    /// The one that is written to.
    pub fn newest_segment(&self) -> Option<PathBuf> {
        let wal = Folder::at(self.folder.path()).wal;
        let segments = self.disk.paths().into_iter().filter(|path| {
            path.parent() == Some(&wal) && path.extension().is_some_and(|ending| ending == SEGMENT_ENDING)
        });
        segments.max()
    }

    /// The last record that is not of the log's last batch, as the log lies there.
    pub fn before_last_batch(&self) -> Lsn {
        let folder = Folder::at(self.folder.path());
        let mut last = Lsn::ZERO;
        let take = |segment: CheckedSegment| {
            last = segment.links.last().map_or(last, |link| link.records.0);
            Ok::<_, StoreError>(())
        };
        let disk = self.disk.image();
        let _unreadable = read_log(&disk, &folder, LOG_ID, Lsn::ZERO, Mode::Verify, take, |_| {});
        Lsn(last.0.saturating_sub(1))
    }

    /// The service is gone, and maybe power was.
    pub fn die(&mut self) {
        self.crashed();
        (self.disk, self.shelf) = self.after_death();
    }

    /// A crash that a start follows.
    pub fn crashed(&mut self) {
        self.tally.crashes += 1;
        self.tally.crashes_far += u64::from(self.is_far());
    }

    /// Whether a start has many records to read behind the newest snapshot.
    pub fn is_far(&self) -> bool {
        self.told_through().0.saturating_sub(self.noted().0) >= FAR
    }

    fn told_through(&self) -> Lsn {
        self.told.iter().map(|(_, _, told)| told.0).max().unwrap_or_default()
    }

    /// Where the newest snapshot stands.
    fn noted(&self) -> Lsn {
        let disk = self.disk.image();
        disk.set_plan(Plan::honest());
        let files = snapshots::list(&disk, &Folder::at(self.folder.path())).unwrap_or_default();
        files.last().map_or(Lsn::ZERO, |file| file.noted)
    }

    /// Disk and index as the next process might find them. The disk of now is of no use after that.
    fn after_death(&mut self) -> (LyingDisk, Arc<Shelf>) {
        let (lost, behind) = (self.random.one_in(30), self.random.next());
        let kept = |synced: Lsn, applied: Lsn| Lsn(synced.0 + behind % (applied.0 - synced.0 + 1));
        let dies = self.random.one_in(2);
        let disk = if dies { self.disk.process_dies() } else { self.disk.power_fails() };
        let shelf = self.shelf.next_life(|synced, applied| match (lost, dies) {
            (true, _) => Lsn::ZERO,
            (false, true) => applied,
            (false, false) => kept(synced, applied),
        });
        (disk, shelf)
    }

    /// How it might have ended otherwise: the same moment, with other chances.
    pub fn another_end(&mut self) -> (LyingDisk, Arc<Shelf>) {
        let here = self.disk.clone();
        self.disk = here.image_with(self.random.next());
        let end = self.after_death();
        self.disk = here;
        end
    }

    /// The faults of the next life.
    pub fn plan(&mut self) -> Plan {
        match self.random.below(8) {
            0 => Plan::all(200 + self.random.below(2_000)),
            1 => Plan::honest().with(Fault::DiskFull, 60).with(Fault::SyncFails, 300),
            2 | 3 => one_fault(&mut self.random),
            _ => Plan::honest(),
        }
    }
}

/// One kind of fault, some kinds of operations being rare: all faults should be met often.
pub fn one_fault(random: &mut Random) -> Plan {
    let fault = *random.pick(Fault::OF_OPERATIONS).expect("some");
    let rare = match fault {
        Fault::WriteFails | Fault::WriteShort | Fault::DiskFull | Fault::SyncFails => 40,
        Fault::ReadFails | Fault::OpenFails => 30,
        _ => 8,
    };
    Plan::one(fault, 1 + random.below(rare))
}
