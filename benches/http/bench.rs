//! What every workload needs: the service, the bare server, and a part of a run with what it cost.
use super::arguments::Arguments;
use super::asks::{Asks, Numbers, Produces};
use super::load::{self, Outcome, Pace, Plan};
use super::mix::Mix;
use super::requests::Tenant;
use super::spread::Spread;
use crate::common::figures::Figures;
use crate::common::served::{self, Served};
use crate::common::{median, process};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Set for the process that is the bare server: how long its answers are.
pub const BARE: &str = "EROS_BENCH_BARE";
/// Set beside it for the process that is the floor: where its log is.
pub const FLOOR: &str = "EROS_BENCH_FLOOR";

/// How long a service may be busy after a filling.
const RESTED_WITHIN: Duration = Duration::from_secs(3_600);

pub struct Bench {
    pub arguments: Arguments,
    pub figures: Figures,
    pub service: Served,
    pub tenant: Tenant,
    pub numbers: Numbers,
}

/// A part of a run.
pub struct Measured {
    pub outcome: Outcome,
    /// Microseconds of the server's processor time for each request; none of a server that was not started here.
    pub cpu_micros: Option<f64>,
    /// The same of this program.
    pub own_micros: f64,
}

impl Bench {
    /// With the service started, unless one runs already. `settings` are the workload's; those of the command line win.
    pub fn new(arguments: Arguments, settings: &[(&str, &str)]) -> Bench {
        Bench {
            figures: Figures::of("http", arguments.json.as_deref()),
            service: service(&arguments, settings),
            tenant: Tenant { crm_id: arguments.tenant.clone(), key: arguments.key.clone() },
            numbers: Numbers::unused(),
            arguments,
        }
    }

    /// Another service in the place of the one that was started, on an empty folder.
    pub fn start_anew(&mut self, settings: &[(&str, &str)]) {
        self.service = service(&self.arguments, settings);
    }

    /// The bare server, with answers as long as those of `outcome`, whose kinds are the routes' names.
    pub fn bare(&self, outcome: &Outcome) -> Served {
        served::start(Bench::answering_as(outcome))
    }

    /// The same with an actor for each member and a log.
    pub fn floor(&self, outcome: &Outcome) -> Served {
        let folder = self.arguments.folder.clone().unwrap_or_else(served::default_folder);
        served::start_in(&folder, |data| {
            let mut command = Bench::answering_as(outcome);
            command.env(FLOOR, data);
            command
        })
    }

    /// What the service is held against where no ratio was set: how far the machine lets anyone go. Nothing beside a service that was
    /// not started here: it may be on another machine.
    pub fn limits(&self, outcome: &Outcome) -> Vec<(&'static str, Served)> {
        if self.arguments.against.is_some() {
            return Vec::new();
        }
        vec![("floor", self.floor(outcome)), ("bare", self.bare(outcome))]
    }

    /// This program as another server.
    fn answering_as(outcome: &Outcome) -> Command {
        let lengths = outcome.latencies.iter().enumerate();
        let lengths = lengths.map(|(kind, (name, _))| format!("{name}={}", outcome.answer_bytes(kind)));
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.env(BARE, lengths.collect::<Vec<_>>().join(","));
        command
    }

    pub fn plan(&self, server: &Served, seconds: f64, pace: Pace) -> Plan {
        Plan {
            address: server.address,
            threads: self.arguments.threads,
            connections: self.arguments.connections,
            seconds,
            pace,
            watched: Arc::new(AtomicU64::new(0)),
        }
    }

    /// Accruals over these members.
    pub fn produces(&self, spread: &Spread) -> impl Fn(usize) -> Produces + use<> {
        let (tenant, spread, numbers) = (self.tenant.clone(), spread.clone(), self.numbers.clone());
        move |_| Produces::new(&tenant, spread.clone(), numbers.clone())
    }

    /// A mix over these members.
    pub fn mixes(&self, members: u64) -> impl Fn(usize) -> Mix + use<> {
        let (tenant, numbers) = (self.tenant.clone(), self.numbers.clone());
        move |connections| Mix::new(&tenant, Spread::Even(members), numbers.clone(), connections)
    }

    /// Waits until a filling has left nothing to be done: what is measured next are so many members or records, not what is left of
    /// it to be merged, or a snapshot that fell due by it.
    pub fn rest_after_filling(&self) {
        self.service.caught_up(RESTED_WITHIN).expect("an index that catches up");
        assert!(self.service.at_rest(RESTED_WITHIN), "the service goes on after the filling");
    }

    /// The most that the service takes of these requests: the median of some closed loops.
    fn peak<A: Asks>(&self, asks: &impl Fn(usize) -> A) -> f64 {
        let seconds = self.arguments.sized(5.0, 2.0, 0.1);
        let plan = self.plan(&self.service, seconds, Pace::Closed);
        measure(&self.service, &plan, asks);
        let rates = (0..3).map(|_| measure(&self.service, &plan, asks).outcome.per_second());
        median(&rates.collect::<Vec<_>>())
    }

    /// What an open loop asks for, in requests a second, and what it says of it.
    pub fn rate<A: Asks>(&self, asks: &impl Fn(usize) -> A, share: f64) -> f64 {
        let share = self.arguments.share.unwrap_or(share);
        let (rate, told) = match self.arguments.rate {
            Some(rate) => (rate, "as asked for".to_owned()),
            None => {
                let peak = self.peak(asks);
                (peak * share, format!("{share} of the peak of {peak:.0}"))
            }
        };
        println!("{rate:.0} requests a second, {told}");
        rate
    }
}

fn service(arguments: &Arguments, settings: &[(&str, &str)]) -> Served {
    let mut all = vec![("sync".to_owned(), arguments.sync.clone())];
    all.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    all.extend(arguments.settings.iter().cloned());
    let folder = arguments.folder.clone().unwrap_or_else(served::default_folder);
    match arguments.against {
        Some(address) => served::running(address, arguments.key.clone()),
        None => served::start_service(&folder, &all),
    }
}

/// Runs one part of a run on a server, and reckons what it cost, the index's work that is done later included.
pub fn measure<A: Asks>(server: &Served, plan: &Plan, asks: impl Fn(usize) -> A) -> Measured {
    let own = || process::cpu_seconds(std::process::id()).expect("/proc");
    let (before, own_before) = (server.cpu_seconds(), own());
    let (outcome, _) = load::run(plan, asks);
    let own_after = own();
    server.settle();
    let each = |seconds: f64| seconds * 1e6 / outcome.answers() as f64;
    let cpu_micros = server.cpu_seconds().zip(before).map(|(after, before)| each(after - before));
    Measured { cpu_micros, own_micros: each(own_after - own_before), outcome }
}

/// A cell of a table; none of what could not be measured.
pub fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.1}"))
}
