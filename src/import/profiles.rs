//! Members' profiles, sealed as the service seals them. A profile that is there already stays as it is.
use super::books::{Books, Who};
use super::file::Source;
use super::plan::Plan;
use super::row::{MemberRow, Row, RowContent};
use super::steps::row_at;
use super::writing::Output;
use super::{Job, Phase, Report, Show};
use crate::actors::personal::{random, seal};
use crate::format::personal_keys::PersonalKey;
use crate::ledger::event::{Event, ProfileSet};
use crate::ledger::lsn::Lsn;
use crate::store::personal_keys::PersonalKeys;

/// So many keys are made durable at once.
const KEYS_AT_ONCE: usize = 4_096;

pub fn set<O: Output>(
    books: &mut Books<'_, O>,
    plan: &Plan,
    source: &Source,
    job: &Job,
    keys: &PersonalKeys,
    report: &mut Report,
    show: &mut Show<'_>,
) -> anyhow::Result<()> {
    let all = plan.members.len() as u64;
    let mut done = 0;
    for places in plan.members.chunks(KEYS_AT_ONCE) {
        let mut new = Vec::with_capacity(places.len());
        for place in places.iter().filter(|place| !plan.is_refused(place.line)) {
            let Row { crm_id, member_no, content } = row_at(books, source, job, *place)?;
            let RowContent::Member(row) = content else { continue };
            let who = Who { crm_id, member_no };
            if books.account(&who)?.profile().is_some() {
                report.profiles_kept += 1;
            } else {
                new.push((who, row));
            }
        }
        report.profiles_set += new.len() as u64;
        write(books, job, keys, new)?;
        done += places.len() as u64;
        show(Phase::Finishing, done, all);
    }
    Ok(())
}

/// The keys are durable before the first record that needs one.
fn write<O: Output>(
    books: &mut Books<'_, O>,
    job: &Job,
    keys: &PersonalKeys,
    new: Vec<(Who, Box<MemberRow>)>,
) -> anyhow::Result<()> {
    let sealed = new.iter().filter(|(_, row)| !row.personal.is_empty()).count();
    let made: Vec<PersonalKey> = (0..sealed).map(|_| random()).collect::<Result<_, _>>()?;
    let mut places = keys.add_all(&made)?.zip(made);
    for (who, row) in new {
        let MemberRow { since, tier, personal, .. } = *row;
        let sealed = match personal.is_empty() {
            true => None,
            false => {
                places.next().map(|(slot, key)| seal(&key, slot, &who.crm_id, &who.member_no, &personal))
            }
        };
        let account = books.account(&who)?;
        let at = since.unwrap_or(job.as_of);
        let at = if account.last == Lsn::ZERO { at } else { at.max(account.clock) };
        books.record(&who, at, Event::ProfileSet(ProfileSet { tier, sealed: sealed.transpose()? }))?;
    }
    Ok(())
}
