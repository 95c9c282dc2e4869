//! Kills the real binary under load, again and again, and shows that nothing acknowledged is lost and nothing counts
//! twice. `EROS_CRASH_ROUNDS=500 cargo test --release --test suite crash` asks for more rounds, `EROS_CRASH_SEED` for
//! the choices of an earlier run (not for its timing: where a process is killed is the machine's to decide).
mod audit;
mod clients;
mod mobiles;
mod operations;

use crate::crash::audit::Audit;
use crate::crash::clients::{Told, load, send_again};
use crate::crash::operations::Ground;
use crate::support::process::{Process, Ready, verify};
use crate::support::random::Random;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Rounds on one folder; then another begins, so that what there is to check stays small.
const ROUNDS_A_FOLDER: usize = 20;
/// Everything is read anew, and verified offline, so often.
const ROUNDS_A_FULL_AUDIT: usize = 10;
/// Earlier requests that are sent again each round.
const SAMPLE: usize = 150;

/// Small, so that segments, snapshots, archiving and members going to rest happen all the time.
const SETTINGS: [(&str, &str); 5] = [
    ("SEGMENT_BYTES", "1MiB"),
    ("SNAPSHOT_EVERY", "64KiB"),
    ("LIVE_ACTORS_MAX", "5"),
    ("HISTORY_CACHE_BYTES", "8MiB"),
    ("LOG", "warn"),
];

#[test]
fn nothing_acknowledged_is_lost_and_nothing_counts_twice_when_it_is_killed() {
    let rounds = number("EROS_CRASH_ROUNDS").unwrap_or(20) as usize;
    let seed = number("EROS_CRASH_SEED").unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_nanos() as u64
    });
    let mut done = 0;
    while done < rounds {
        let some = ROUNDS_A_FOLDER.min(rounds - done);
        let seed = seed.wrapping_add((done / ROUNDS_A_FOLDER) as u64);
        let folder = tempfile::tempdir().expect("a folder");
        let campaign = std::panic::AssertUnwindSafe(|| Campaign::new(folder.path(), seed).run(some));
        if let Err(panic) = std::panic::catch_unwind(campaign) {
            let kept = folder.keep();
            eprintln!("crash: failed with EROS_CRASH_SEED={seed}; the folder is kept: {}", kept.display());
            std::panic::resume_unwind(panic);
        }
        done += some;
        eprintln!("crash: {done} of {rounds} rounds");
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number in the variable"))
}

/// Some rounds on one folder.
struct Campaign {
    data: PathBuf,
    log: PathBuf,
    seed: u64,
    random: Random,
    ground: Mutex<Ground>,
    told: Vec<Told>,
    audit: Audit,
}

impl Campaign {
    fn new(folder: &Path, seed: u64) -> Campaign {
        Campaign {
            data: folder.join("data"),
            log: folder.join("log.txt"),
            seed,
            random: Random::new(seed),
            ground: Mutex::default(),
            told: Vec::new(),
            audit: Audit::default(),
        }
    }

    fn run(mut self, rounds: usize) {
        for round in 1..=rounds {
            let address = self.live_and_die(round);
            let ready = self.start();
            self.check(ready, address, round == rounds || round % ROUNDS_A_FULL_AUDIT == 0);
        }
        let exit = self.start().process.signal("-TERM");
        assert_eq!(exit, Some(0), "an orderly stop");
        self.check_offline();
        let ready = self.start();
        let from = self.told.len().saturating_sub(SAMPLE);
        send_again(ready.address, &mut self.told[from..]);
    }

    /// Load until it is killed. Where this round's requests begin.
    fn live_and_die(&mut self, round: usize) -> usize {
        // One round in ten lives long enough for the index to be synced and segments to be archived.
        let life = if round % 10 == 5 { 6_000 } else { 20 + self.random.below(500) };
        let ready = self.start();
        let (address, ground, seed) = (ready.address, &self.ground, self.seed);
        let told = std::thread::scope(|scope| {
            let load = scope.spawn(move || load(address, seed, round, ground));
            std::thread::sleep(Duration::from_millis(life));
            ready.process.kill();
            load.join().expect("the clients' findings")
        });
        let begins = self.told.len();
        self.told.extend(told);
        begins
    }

    /// Starts it; sometimes it is killed again, once or twice, before it is ready.
    fn start(&mut self) -> Ready {
        while self.random.one_in(4) {
            let process = Process::spawn(&self.data, &self.log, &SETTINGS);
            std::thread::sleep(Duration::from_millis(self.random.below(150)));
            process.kill();
        }
        Process::spawn(&self.data, &self.log, &SETTINGS).ready().expect("it starts after a kill")
    }

    fn check(&mut self, ready: Ready, begins: usize, fully: bool) {
        let address = ready.address;
        let fresh = &mut self.told[begins..];
        let open: Vec<usize> = (0..fresh.len()).filter(|n| fresh[*n].is_unknown()).collect();
        send_again(address, fresh);
        let mut ground = self.ground.lock().expect("the ground");
        open.iter()
            .map(|n| &fresh[*n])
            .filter(|told| told.is_done())
            .for_each(|told| ground.learn(&told.operation));
        drop(ground);
        let mut sample: Vec<Told> =
            (0..SAMPLE).filter_map(|_| self.random.pick(&self.told[..begins]).cloned()).collect();
        send_again(address, &mut sample);
        self.audit.read(address);
        self.audit.check(&self.told);
        if fully {
            let mut whole = Audit::default();
            whole.read(address);
            whole.check(&self.told);
            whole.check_transfers(address, &self.told);
            self.audit.check_same(&whole);
            ready.process.kill();
            self.check_offline();
        }
    }

    fn check_offline(&self) {
        let output = verify(&self.data);
        assert!(
            output.status.success(),
            "verify: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
