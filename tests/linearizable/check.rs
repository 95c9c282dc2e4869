//! Holds a history against one order of its changes: that of the records' numbers.
use crate::linearizable::clients::Done;
use crate::linearizable::operations::Kind;
use crate::support::model::{Model, Said};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Total, used, expired, freeze, active.
type Sums = [i128; 5];

/// Whose record of which type bears which number.
type Name<'a> = (&'a str, &'a str, &'a str);

/// A record, and when whoever asked for it began and ended.
struct Effect {
    lsn: u64,
    invoked: Duration,
    returned: Duration,
}

/// A member's records in order, and its sums after each; the first are those before any.
#[derive(Default)]
struct Course {
    effects: Vec<Effect>,
    states: Vec<Sums>,
}

/// Checks it all; in words what there was.
pub fn check(all: &[Done], feed: &[Value]) -> String {
    let asked = by_record(all);
    let mut model = Model::at(0);
    let mut courses: BTreeMap<&str, Course> = BTreeMap::new();
    let mut before = 0;
    for record in feed {
        let name = name_of(record);
        let done = asked.get(&name).unwrap_or_else(|| panic!("nobody asked for {record}"));
        let lsn = record["auto_id"].as_u64().expect("an auto_id");
        assert!(lsn > before, "{record} comes after record {before}");
        before = lsn;
        assert_eq!(apply(&mut model, done, name), Said::New, "record {lsn}, of {:?}", done.operation);
        let sums = model.sums(name.0);
        check_answer(done, name, lsn, &sums);
        let course = courses.entry(name.0).or_default();
        // A request that nobody waits for any more may come to be at any time.
        let returned = if done.is_change() { done.returned } else { Duration::MAX };
        course.effects.push(Effect { lsn, invoked: done.invoked, returned });
        course.states.push(sums);
    }
    let changes = all.iter().filter(|done| done.is_change());
    let recorded =
        feed.iter().map(|record| (name_of(record), &record["auto_id"])).collect::<BTreeMap<_, _>>();
    for done in changes.clone() {
        assert_eq!(recorded.get(&record_of(done)), Some(&&done.data()["auto_id"]), "lost: {done:?}");
    }
    check_real_time(courses.values());
    let looks = courses.iter().map(|(member, course)| check_looks(member, course, all)).sum::<usize>();
    check_late(all);
    let refused = all.iter().filter(|done| done.status != 200).count();
    format!(
        "{} changes, {} records, {looks} looks and refusals for want of points, {refused} refused",
        changes.count(),
        feed.len()
    )
}

/// The record that an operation leaves.
fn record_of(done: &Done) -> Name<'_> {
    let operation = &done.operation;
    let kind = match operation.kind {
        Kind::Accrue => "produce",
        Kind::Spend => "consume",
        Kind::Send(_) | Kind::Offer(_) => "transfer",
        Kind::Accept(_) => "accept",
        Kind::Cancel => "transfer_return",
        Kind::Reverse(..) => "reverse_produce",
        Kind::GiveBack(_) => "reverse_consume",
        Kind::Look => "none",
    };
    (&operation.member, kind, &operation.number)
}

fn name_of(record: &Value) -> Name<'_> {
    let text = |field: &str| record[field].as_str().expect("a text");
    (text("member_no"), text("event_type"), text("event_no"))
}

/// What each record that there may be was asked by.
fn by_record(all: &[Done]) -> BTreeMap<Name<'_>, &Done> {
    let mut asked = BTreeMap::new();
    let may_record = |done: &&Done| done.is_change() || done.hung_up && done.operation.kind != Kind::Look;
    for done in all.iter().filter(may_record) {
        let name = record_of(done);
        assert!(asked.insert(name, done).is_none(), "{name:?} twice");
        if let Kind::Send(to) = &done.operation.kind {
            asked.insert((to, "accept", name.2), done);
        }
    }
    asked
}

/// Does to the model what the record says.
fn apply(model: &mut Model, done: &Done, (member, kind, number): Name<'_>) -> Said {
    let operation = &done.operation;
    match (&operation.kind, kind) {
        (Kind::Accrue, _) => model.accrue(member, number, operation.points, 0, None, None),
        (Kind::Spend, _) => model.spend(member, number, operation.points),
        // Its second half is a record of its own.
        (Kind::Send(_), "accept") => model.accept(&operation.member, number, member),
        (Kind::Send(to) | Kind::Offer(to), _) => model.transfer(member, number, to, operation.points, false),
        (Kind::Accept(from), _) => model.accept(from, number, member),
        (Kind::Cancel, _) => model.cancel(member, number),
        (Kind::Reverse(origin, allow), _) => model.reverse(member, number, origin, *allow, None),
        (Kind::GiveBack(origin), _) => model.give_back(member, number, origin, None),
        (Kind::Look, _) => unreachable!("a look leaves no record"),
    }
}

/// The answer tells the member's active points as they were after its record.
fn check_answer(done: &Done, name: Name<'_>, lsn: u64, sums: &Sums) {
    if done.is_change() && record_of(done) == name {
        assert_eq!(done.lsn(), lsn, "{done:?}");
        assert_eq!(scaled(&done.data()["active_points"].to_string()), sums[4], "active after {done:?}");
    }
}

/// What was over before another thing began has the smaller number, whosoever it was.
fn check_real_time<'a>(courses: impl Iterator<Item = &'a Course>) {
    let mut effects: Vec<&Effect> = courses.flat_map(|course| &course.effects).collect();
    effects.sort_by_key(|effect| effect.lsn);
    let mut latest = Duration::ZERO;
    for effect in effects {
        assert!(
            effect.returned >= latest,
            "record {} was answered at {:?}, before an earlier record was asked for at {latest:?}",
            effect.lsn,
            effect.returned
        );
        latest = latest.max(effect.invoked);
    }
}

/// Every look, and every refusal that tells what it saw, shows the member between two of its records: not before what was
/// over when it began, not after what began when it was over, and not before what an earlier look saw. How many there were.
fn check_looks(member: &str, course: &Course, all: &[Done]) -> usize {
    let mut looks: Vec<&Done> =
        all.iter().filter(|done| done.operation.member == member && sees(done)).collect();
    looks.sort_by_key(|done| done.invoked);
    let mut seen: Vec<(Duration, usize)> = Vec::new();
    for look in &looks {
        let over = course.effects.iter().rposition(|effect| effect.returned <= look.invoked);
        let not_yet = course.effects.iter().position(|effect| effect.invoked >= look.returned);
        let earlier = seen.iter().filter(|(returned, _)| *returned <= look.invoked).map(|(_, place)| *place);
        let from = earlier.max().unwrap_or(0).max(over.map_or(0, |place| place + 1));
        let to = not_yet.unwrap_or(course.effects.len());
        let state = |place: usize| place.checked_sub(1).map_or([0; 5], |last| course.states[last]);
        let place = (from..=to).find(|place| shows(look, &state(*place)));
        let place = place.unwrap_or_else(|| {
            let states: Vec<Sums> = (from..=to).map(state).collect();
            panic!("{look:?} fits none of {states:?}, records {from} to {to} of {member}")
        });
        seen.push((look.returned, place));
    }
    looks.len()
}

fn sees(done: &Done) -> bool {
    done.operation.kind == Kind::Look || done.code() == 42201
}

/// Whether an answer is what these sums make of it.
fn shows(look: &Done, sums: &Sums) -> bool {
    if look.operation.kind == Kind::Look {
        let names = ["total_points", "used_points", "expired_points", "freeze_points", "active_points"];
        return names.map(|name| scaled(&look.data()[name].to_string())) == *sums;
    }
    let words = look.answer["msg"].as_str().expect("words");
    let active = words.split(" asked, ").nth(1).and_then(|rest| rest.strip_suffix(" active"));
    let active = scaled(active.unwrap_or_else(|| panic!("{words:?} tells no active points")));
    active == sums[4] && active < i128::from(look.operation.points)
}

/// An acceptance and a cancellation that meet: the one that is refused had the other before it. A reversal is refused only
/// where debt is not allowed. Nothing else is ever refused here.
fn check_late(all: &[Done]) {
    for done in all.iter().filter(|done| done.status != 200 && done.code() != 42201) {
        let operation = &done.operation;
        let other = |other: &&Done| {
            let meets = matches!(
                (&operation.kind, &other.operation.kind),
                (Kind::Accept(_), Kind::Cancel) | (Kind::Cancel, Kind::Accept(_))
            );
            meets && other.operation.number == operation.number && other.invoked < done.returned
        };
        let explained = match done.code() {
            42202 => matches!(operation.kind, Kind::Reverse(_, false)),
            42204 => all.iter().filter(|other| other.is_change() || other.hung_up).any(|done| other(&done)),
            _ => false,
        };
        assert!(explained, "{done:?}");
    }
}

/// Points in ten-thousandths, exactly.
fn scaled(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<4}").parse().unwrap_or_else(|_| panic!("points: {text:?}"))
}
