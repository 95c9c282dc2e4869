//! Many operations at once: those of different members side by side, those of one member in the order given, all sharing
//! group commits.
//!
//! A batch goes in waves. In a wave a member has either operations of its own alone, which follow one another without
//! waiting for the disk, or one that concerns two members. What comes later and concerns one of them, or the same transfer,
//! is of a later wave.
//! A member is changed where its account lies, at rest or with an actor that has nothing to do; where something is on its
//! way to the actor, what follows takes the same way.
use crate::actors::answer::{Answer, Failure};
use crate::actors::core::{Answering, Core, StampedPrior};
use crate::actors::directory::MemberId;
use crate::actors::member::Outcome;
use crate::actors::service::{accept, answer, cancel, send_direct};
use crate::actors::turn::QuietSince;
use crate::ledger::command::Command;
use crate::ledger::lsn::Lsn;
use crate::limits::BATCH_POSTED_MAX;
use crate::telemetry::carried_on;
use foldhash::{HashMap, HashMapExt};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::task::JoinSet;

/// One operation of a batch.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Of this member, or from this sender.
    Change(String, Box<Command>),
    Accept {
        member_no: String,
        transfer_no: String,
        from: Option<String>,
    },
    Cancel {
        member_no: String,
        transfer_no: String,
    },
}

pub type Answered = Result<Answer, Failure>;

/// Members that one task takes care of.
const MEMBERS_A_TASK: usize = 128;
/// So many operations of one member are carried out where its account lies, which keeps others from its shard meanwhile.
const IN_PLACE_MAX: usize = 64;

/// What keeps the operations that concern it in the order given.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Ordered<'a> {
    Member(&'a str),
    /// By its number alone: an acceptance need not say whose it is.
    Transfer(&'a str),
}

/// What must keep its order with an operation.
enum Concerned<'a> {
    /// The member whose own alone it is.
    Own(&'a str),
    Between([Option<Ordered<'a>>; 3]),
}

impl Operation {
    fn concerns(&self) -> Concerned<'_> {
        use Ordered::{Member, Transfer};
        let (one, other, transfer_no) = match self {
            Operation::Change(member_no, command) => match &**command {
                Command::Offer(transfer) | Command::SendDirect(transfer) => {
                    (member_no, Some(&transfer.to), &transfer.transfer_no)
                }
                _ => return Concerned::Own(member_no),
            },
            Operation::Accept { member_no, transfer_no, from } => (member_no, from.as_ref(), transfer_no),
            Operation::Cancel { member_no, transfer_no } => (member_no, None, transfer_no),
        };
        let other = other.map(|other| Member(other));
        Concerned::Between([Some(Member(one)), other, Some(Transfer(transfer_no))])
    }
}

/// The operations of one wave, by their places in the batch.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wave {
    /// By member.
    own: Vec<Vec<usize>>,
    between: Vec<usize>,
}

fn waves(operations: &[Option<Operation>]) -> Vec<Wave> {
    let mut waves: Vec<Wave> = Vec::new();
    // Where each member or transfer is: its wave, and a member's place in `own` of that one.
    let mut last: HashMap<Ordered<'_>, (usize, Option<usize>)> = HashMap::with_capacity(operations.len());
    for (place, operation) in operations.iter().enumerate() {
        match operation.as_ref().map(Operation::concerns) {
            None => {}
            Some(Concerned::Own(member_no)) => {
                let entry = last.entry(Ordered::Member(member_no));
                let at = entry.and_modify(|(wave, group)| *wave += usize::from(group.is_none())).or_default();
                let own = &mut wave_at(&mut waves, at.0).own;
                match at.1 {
                    Some(group) => own[group].push(place),
                    None => {
                        at.1 = Some(own.len());
                        own.push(vec![place]);
                    }
                }
            }
            Some(Concerned::Between(concerned)) => {
                let before = concerned.iter().flatten().filter_map(|concerned| last.get(concerned));
                let wave = before.map(|(wave, _)| wave + 1).max().unwrap_or(0);
                wave_at(&mut waves, wave).between.push(place);
                last.extend(concerned.into_iter().flatten().map(|concerned| (concerned, (wave, None))));
            }
        }
    }
    waves
}

fn wave_at(waves: &mut Vec<Wave>, number: usize) -> &mut Wave {
    waves.resize_with(waves.len().max(number + 1), Wave::default);
    &mut waves[number]
}

/// Carries out what is there; an answer for each, in the same places.
pub(super) async fn carry_out(
    core: &Arc<Core>,
    crm_id: &str,
    mut operations: Vec<Option<Operation>>,
) -> Vec<Option<Answered>> {
    let mut answers: Vec<Option<Answered>> = operations.iter().map(|_| None).collect();
    for wave in waves(&operations) {
        let mut tasks = JoinSet::new();
        for groups in wave.own.chunks(MEMBERS_A_TASK) {
            let mut own = |place: &usize| match operations[*place].take() {
                Some(Operation::Change(member_no, command)) => Some((*place, member_no, command)),
                _ => None,
            };
            let groups = groups.iter().map(|group| group.iter().filter_map(&mut own).collect()).collect();
            tasks.spawn(carried_on(own_changes(core.clone(), crm_id.into(), groups)));
        }
        for place in wave.between {
            let Some(operation) = operations[place].take() else { continue };
            let (core, crm_id) = (core.clone(), crm_id.to_owned());
            tasks.spawn(carried_on(async move { vec![(place, between(&core, &crm_id, operation).await)] }));
        }
        while let Some(done) = tasks.join_next().await {
            // A task that panicked leaves its places without an answer: a fault of ours, said by the edge.
            for (place, answered) in done.unwrap_or_default() {
                answers[place] = Some(answered);
            }
        }
    }
    answers
}

/// An operation that concerns two members, or more than an account.
async fn between(core: &Arc<Core>, crm_id: &str, operation: Operation) -> Answered {
    match operation {
        Operation::Change(from, command) if matches!(*command, Command::SendDirect(_)) => {
            send_direct(core, crm_id, &from, command).await
        }
        Operation::Change(from, command) => {
            let outcome = core.change(crm_id, &from, command).await?;
            answer(core, crm_id, &from, outcome).await
        }
        Operation::Accept { member_no, transfer_no, from } => {
            accept(core, crm_id, &member_no, &transfer_no, from.as_deref()).await
        }
        Operation::Cancel { member_no, transfer_no } => cancel(core, crm_id, &member_no, &transfer_no).await,
    }
}

/// A member's own operations: where they stand in the batch, whose they are, what is asked.
type Group = Vec<(usize, String, Box<Command>)>;

/// A member's own operations with what the index knows of their keys: where they stand in the batch, and what is asked.
struct Asked {
    member_no: String,
    changes: Vec<(usize, Box<Command>, StampedPrior)>,
}

async fn own_changes(core: Arc<Core>, crm_id: Arc<str>, groups: Vec<Group>) -> Vec<(usize, Answered)> {
    let mut answers = Vec::with_capacity(groups.len());
    let (mut changed, mut posted) = (Vec::with_capacity(groups.len()), Vec::with_capacity(groups.len()));
    for group in groups {
        let asked = look_up(&core, &crm_id, group, &mut answers);
        match core.trusted(core.directory.find_or_new(&crm_id, &asked.member_no)) {
            Ok(id) => match in_place(&core, id, asked) {
                Ok(done) => changed.push(done),
                Err(asked) => posted.push(post_all(&core, &crm_id, id, asked, &mut answers).await),
            },
            Err(failure) => {
                answers.extend(asked.changes.into_iter().map(|(place, ..)| (place, Err(failure.clone()))));
            }
        }
    }
    let through = changed.iter().map(|done| done.last).max().unwrap_or(Lsn::ZERO);
    let durable = core.durable(through).await;
    for InPlace { member_no, outcomes, .. } in changed {
        for (place, outcome) in outcomes {
            let outcome = durable.clone().and(outcome);
            answers.push((place, told(&core, &crm_id, &member_no, outcome).await));
        }
    }
    for Posted { member_no, waiting } in posted {
        for waiting in waiting {
            answers.push(answered(&core, &crm_id, &member_no, waiting).await);
        }
    }
    answers
}

/// What the index knows of each key; an operation of which it can't tell is answered with that.
fn look_up(core: &Core, crm_id: &str, group: Group, answers: &mut Vec<(usize, Answered)>) -> Asked {
    let mut asked = Asked { member_no: String::new(), changes: Vec::with_capacity(group.len()) };
    for (place, member_no, command) in group {
        match core.look_up(crm_id, &member_no, &command) {
            Ok(prior) => asked.changes.push((place, command, prior)),
            Err(failure) => answers.push((place, Err(failure))),
        }
        asked.member_no = member_no;
    }
    asked
}

async fn told(core: &Core, crm_id: &str, member_no: &str, outcome: Result<Outcome, Failure>) -> Answered {
    answer(core, crm_id, member_no, outcome?).await
}

struct InPlace {
    member_no: String,
    outcomes: Vec<(usize, Result<Outcome, Failure>)>,
    /// What the outcomes tell is durable when this record is.
    last: Lsn,
}

/// Changes a member where its account lies; gives the operations back where they are for its actor.
fn in_place(core: &Core, id: MemberId, asked: Asked) -> Result<InPlace, Asked> {
    if asked.changes.len() > IN_PLACE_MAX {
        return Err(asked);
    }
    let Asked { member_no, mut changes } = asked;
    let stamp = changes.iter().map(|(_, _, prior)| prior.stamp).min().unwrap_or(Lsn::ZERO);
    let turns = core.turns_in_place(id, stamp, QuietSince::EVER, |turn| {
        let changes = changes.drain(..);
        changes.map(|(place, command, prior)| (place, turn.carry_out(*command, prior.prior))).collect()
    });
    match turns {
        Some((outcomes, last)) => Ok(InPlace { member_no, outcomes, last }),
        None => Err(Asked { member_no, changes }),
    }
}

/// On their way to the member's actor, in order.
struct Posted {
    member_no: String,
    waiting: VecDeque<(usize, Answering)>,
}

/// Has the member's actor carry them out, which waits for no answer: that of another member's actor may come with the same
/// group commit. Only where there are very many for this one are the first of them waited for.
async fn post_all(
    core: &Arc<Core>,
    crm_id: &str,
    id: MemberId,
    asked: Asked,
    answers: &mut Vec<(usize, Answered)>,
) -> Posted {
    let Asked { member_no, changes } = asked;
    let mut waiting = VecDeque::with_capacity(changes.len().min(BATCH_POSTED_MAX));
    for (place, command, prior) in changes {
        match post(core, id, command, prior) {
            Ok(answering) => waiting.push_back((place, answering)),
            Err(failure) => answers.push((place, Err(failure))),
        }
        if waiting.len() >= BATCH_POSTED_MAX
            && let Some(oldest) = waiting.pop_front()
        {
            answers.push(answered(core, crm_id, &member_no, oldest).await);
        }
    }
    Posted { member_no, waiting }
}

fn post(
    core: &Arc<Core>,
    id: MemberId,
    command: Box<Command>,
    prior: StampedPrior,
) -> Result<Answering, Failure> {
    core.post(id, command, prior, crate::limits::MAILBOX_MAX)?
        .ok_or_else(|| core.shed(&core.vitals.shed.mailbox))
}

async fn answered(
    core: &Core,
    crm_id: &str,
    member_no: &str,
    (place, answering): (usize, Answering),
) -> (usize, Answered) {
    let outcome = answering.await.unwrap_or(Err(Failure::Unknown));
    (place, told(core, crm_id, member_no, outcome).await)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::command::{Spend, Transfer};
    use crate::ledger::points::Points;

    fn own(member_no: &str) -> Option<Operation> {
        let (event_no, points) = ("e".to_owned(), Points(1));
        let spend =
            Spend { event_no, fingerprint: [0; 16], points, event_at: None, details: Default::default() };
        Some(Operation::Change(member_no.into(), Box::new(Command::Spend(spend))))
    }

    fn offer(from: &str, to: &str) -> Option<Operation> {
        let transfer =
            Transfer { transfer_no: "t".into(), fingerprint: [0; 16], to: to.into(), points: Points(1) };
        Some(Operation::Change(from.into(), Box::new(Command::Offer(transfer))))
    }

    fn accept(member_no: &str) -> Option<Operation> {
        let (member_no, transfer_no) = (member_no.to_owned(), "t".to_owned());
        Some(Operation::Accept { member_no, transfer_no, from: None })
    }

    fn wave(own: &[&[usize]], between: &[usize]) -> Wave {
        Wave { own: own.iter().map(|group| group.to_vec()).collect(), between: between.to_vec() }
    }

    #[test]
    fn members_of_their_own_go_side_by_side_and_each_in_order() {
        let operations = [own("a"), own("b"), own("a"), None, own("b")];
        assert_eq!(waves(&operations), [wave(&[&[0, 2], &[1, 4]], &[])]);
    }

    #[test]
    fn what_concerns_two_comes_after_what_came_before_at_either_and_before_what_comes_later() {
        let operations = [own("a"), own("b"), offer("a", "b"), accept("b"), own("a"), own("b"), own("c")];
        let expected =
            [wave(&[&[0], &[1], &[6]], &[]), wave(&[], &[2]), wave(&[&[4]], &[3]), wave(&[&[5]], &[])];
        assert_eq!(waves(&operations), expected);
    }

    #[test]
    fn what_names_one_transfer_keeps_its_order_whoever_asks() {
        let cancel = Some(Operation::Cancel { member_no: "a".into(), transfer_no: "t".into() });
        let operations = [offer("a", "b"), cancel, own("a"), accept("b")];
        let expected = [wave(&[], &[0]), wave(&[], &[1]), wave(&[&[2]], &[3])];
        assert_eq!(waves(&operations), expected);
    }

    #[test]
    fn no_operations_are_no_waves() {
        assert_eq!(waves(&[]), []);
        assert_eq!(waves(&[None, None]), []);
    }
}
