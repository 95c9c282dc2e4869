//! The whole service below HTTP against the naive model: actors, log, index, snapshots, recovery. Random commands, some
//! cut off by a power failure while they are under way; members go to rest and wake; the service stops in order, or dies
//! with its index behind, torn or lost. After every step the five sums agree, and what was ever answered is answered
//! again. What summaries and lots were at every moment is asked for again at the end, and what they would be is asked
//! before the clock is turned.
use crate::ledger_model::{MEMBERS, Step, ask, cases, command, step, the_rule};
use crate::support::disk::Leaves;
use crate::support::model::{Model, Said};
use crate::support::service::{House, Lodger, TENANT, code};
use eros_points::actors::answer::{Answer, Failure, HistoryQuery, MovedLot, PageQuery, Summary};
use eros_points::actors::tenant::RuleChange;
use eros_points::ledger::command::Command;
use eros_points::ledger::event::Event;
use eros_points::ledger::instant::Instant;
use eros_points::ledger::lsn::Lsn;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const HOUR: i64 = 3_600_000;
const SWEPT: Duration = Duration::from_millis(350);
const BEGINS: Instant = Instant(1_655_258_400_000);

#[derive(Clone, Debug)]
enum Act {
    Step(Step),
    /// Nothing for so long that the sweeper looks twice: all but one member go to rest.
    Pause,
    /// A power failure, while the command is under way where there is one.
    Crash {
        under_way: Option<Step>,
        leaves: Leaves,
        index_lost: bool,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let leaves =
        prop_oneof![Just(Leaves::Nothing), (0..400_usize).prop_map(Leaves::Bytes), Just(Leaves::Everything)];
    let crash = (prop::option::of(step()), leaves, prop::bool::weighted(0.2))
        .prop_map(|(under_way, leaves, index_lost)| Act::Crash { under_way, leaves, index_lost });
    prop_oneof![20 => step().prop_map(Act::Step), 1 => Just(Act::Pause), 1 => crash]
}

/// The record that an answer told of.
type Told = (Lsn, Instant, Arc<Event>, Option<Vec<MovedLot>>);

struct World {
    house: House,
    lodger: Option<Lodger>,
    model: Model,
    /// Every command that counted, with its answer.
    told: Vec<(&'static str, Command, Told)>,
    /// What each member's summary and lots last were at each moment.
    looks: BTreeMap<(Instant, &'static str), Look>,
}

/// Of a member: the summary, and the lots as text.
type Look = (Summary, Vec<String>);

fn look(lodger: &Lodger, member: &str, as_of: Option<Instant>) -> Look {
    let page = PageQuery { page: 1, page_size: 500 };
    let summary = lodger.service.summary_as_of(TENANT, member, as_of);
    let lots = lodger.service.lots_as_of(TENANT, member, as_of, page);
    let (summary, lots) = lodger.runtime.block_on(async { (summary.await, lots.await) });
    let lots = lots.expect("lots").items.iter().map(|lot| format!("{lot:?}")).collect();
    (summary.expect("a summary"), lots)
}

fn said(answered: &Result<Answer, Failure>) -> Said {
    match answered {
        Ok(answer) if answer.replayed => Said::Again,
        Ok(_) => Said::New,
        Err(Failure::Refused(refusal)) => Said::No(code(refusal)),
        Err(failure) => panic!("a service in order answered {failure:?}"),
    }
}

fn told(answer: &Answer) -> Told {
    let record = &answer.record;
    (record.lsn, record.at, record.event.clone(), record.lots.clone())
}

impl World {
    fn new(resting_bytes_max: u64) -> World {
        let mut house = House::new(BEGINS);
        house.resting_bytes_max = resting_bytes_max;
        let lodger = house.start().expect("a first start");
        let rule = lodger.service.change_rule(TENANT, RuleChange::Add(the_rule()));
        lodger.runtime.block_on(rule).expect("the model's rule");
        let lodger = Some(lodger);
        World { house, lodger, model: Model::at(BEGINS.0), told: Vec::new(), looks: BTreeMap::new() }
    }

    fn lodger(&self) -> &Lodger {
        self.lodger.as_ref().expect("a service at work")
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Step(Step::Pass { hours, millis }) => self.pass((hours * HOUR + millis).max(0)),
            Act::Step(Step::Reopen) => self.reopen(),
            Act::Step(Step::Crash) => self.crash(None, Leaves::Everything, false),
            Act::Step(step) => self.step(step),
            Act::Pause => std::thread::sleep(SWEPT),
            Act::Crash { under_way, leaves, index_lost } => {
                self.crash(under_way.as_ref(), *leaves, *index_lost)
            }
        }
    }

    fn pass(&mut self, millis: i64) {
        self.model.now += millis;
        let then = Instant(self.model.now);
        let foretold = MEMBERS.map(|member| look(self.lodger(), member, Some(then)));
        self.house.clock.turn_to(then);
        for (member, mut foretold) in MEMBERS.into_iter().zip(foretold) {
            let found = look(self.lodger(), member, None);
            // What fell due was foretold for when it is due; by this clock it is recorded later.
            foretold.0.updated_at = found.0.updated_at;
            assert_eq!(found, foretold, "{member} at {then:?} is not as was foretold");
        }
    }

    fn remember_looks(&mut self) {
        let now = Instant(self.model.now);
        for member in MEMBERS {
            let found = look(self.lodger(), member, None);
            self.looks.insert((now, member), found);
        }
    }

    /// The past is as it was when it was the present.
    fn check_looks(&self) {
        for ((moment, member), then) in &self.looks {
            let found = look(self.lodger(), member, Some(*moment));
            assert_eq!(&found, then, "{member} as of {moment:?} is not as it was");
        }
    }

    fn reopen(&mut self) {
        self.lodger.take().expect("a service at work").stop();
        self.begin_again();
    }

    fn begin_again(&mut self) {
        self.lodger = Some(self.house.start().expect("the next start"));
        for (member, command, before) in &self.told {
            let answer = self.lodger().change(member, command).expect("a key known for ever");
            assert!(answer.replayed, "{command:?} counted again");
            assert_eq!(&told(&answer), before, "{command:?} is answered differently now");
        }
        self.check_history();
    }

    fn step(&mut self, step: &Step) {
        let Some((member, command)) = command(step, self.model.now) else { return };
        let answered = self.lodger().change(MEMBERS[member], &command);
        let expected = ask(&mut self.model, step);
        assert_eq!(said(&answered), expected, "{step:?}: {answered:?}");
        self.remember(MEMBERS[member], command, answered);
    }

    fn remember(&mut self, member: &'static str, command: Command, answered: Result<Answer, Failure>) {
        if let Ok(answer) = answered
            && !answer.replayed
        {
            self.told.push((member, command, told(&answer)));
        }
    }

    /// The command under way may have counted or not. Sent again, it counts once.
    fn crash(&mut self, under_way: Option<&Step>, leaves: Leaves, index_lost: bool) {
        let lodger = self.lodger.take().expect("a service at work");
        let under_way = under_way.and_then(|step| Some((step, command(step, self.model.now)?)));
        if let Some((_, (member, command))) = &under_way {
            lodger.runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = lodger.asked(MEMBERS[*member], command) => {}
                    () = tokio::time::sleep(Duration::from_micros(300)) => {}
                }
            });
        }
        self.house.crash(lodger, leaves);
        if index_lost {
            self.house.lose_index();
        }
        self.begin_again();
        if let Some((step, (member, command))) = under_way {
            let answered = self.lodger().change(MEMBERS[member], &command);
            match (said(&answered), ask(&mut self.model, step)) {
                (Said::Again, Said::New) => {
                    let answer = answered.expect("an answer");
                    self.told.push((MEMBERS[member], command, told(&answer)));
                }
                (said, expected) => {
                    assert_eq!(said, expected, "{step:?}: {answered:?}");
                    self.remember(MEMBERS[member], command, answered);
                }
            }
        }
    }

    fn check_sums(&mut self, act: &Act) {
        for member in MEMBERS {
            assert_eq!(self.lodger().sums(member), self.model.sums(member), "{member} after {act:?}");
        }
    }

    /// Every answered record is in its member's history, once, and no key is there twice.
    fn check_history(&self) {
        let mut seen = BTreeMap::new();
        for member in MEMBERS {
            let page = PageQuery { page: 1, page_size: 500 };
            let member_no = Some(member.to_owned());
            let query = HistoryQuery { member_no, page, lots: true, ..HistoryQuery::default() };
            let history = self.lodger().service.history(TENANT, query);
            let history = self.lodger().runtime.block_on(history).expect("a history");
            let mut keys = std::collections::BTreeSet::new();
            for record in &history.items {
                seen.insert(record.lsn, (record.at, record.event.clone(), record.lots.clone()));
                let key = record.event.key().map(|key| format!("{key:?}"));
                assert!(key.is_none_or(|key| keys.insert(key)), "{member} has a key twice: {record:?}");
            }
        }
        for (_, command, (lsn, at, event, lots)) in &self.told {
            assert_eq!(
                seen.get(lsn),
                Some(&(*at, event.clone(), lots.clone())),
                "{command:?} is not in the history as it was told"
            );
        }
    }
}

fn run(acts: &[Act], resting_bytes_max: u64) {
    let mut world = World::new(resting_bytes_max);
    for act in acts {
        world.act(act);
        world.check_sums(act);
        world.remember_looks();
    }
    world.check_looks();
    world.reopen();
    world.check_looks();
    world.check_sums(&Act::Step(Step::Reopen));
    world.lodger.take().expect("a service at work").stop();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(20), max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_service_agrees_with_the_naive_model_through_stops_and_power_failures(acts in prop::collection::vec(act(), 1..45)) {
        run(&acts, 0);
    }

    /// Members at rest are all out of memory, and so are read and written for each command and each look.
    #[test]
    fn it_does_so_with_no_memory_for_members_at_rest(acts in prop::collection::vec(act(), 1..45)) {
        run(&acts, 1);
    }
}
