//! What must be taken up again: noted while the accounts are at hand, so that nobody has to unpack them all once more.
use super::applying::Replayed;
use crate::actors::directory::MemberId;
use crate::ledger::account::Account;
use crate::ledger::instant::Instant;
use std::collections::HashSet;

/// What must be taken up of one account.
pub struct Wanted {
    due: Option<Instant>,
    transfers: bool,
    sealed: bool,
}

impl Wanted {
    pub fn by(account: &Account) -> Wanted {
        Wanted {
            due: account.next_due(),
            transfers: !account.outbox.is_empty(),
            sealed: account.profile().is_some_and(|profile| profile.sealed.is_some()),
        }
    }
}

#[derive(Default)]
pub struct Survey {
    /// The next due instant of each member that has one.
    pub due: Vec<(Instant, MemberId)>,
    /// Members with transfers to carry.
    pub outboxes: Vec<MemberId>,
    /// Members with sealed personal data.
    pub sealed: Vec<MemberId>,
}

impl Survey {
    /// Notes what is to be taken up of a member, once.
    pub fn note(&mut self, id: MemberId, wanted: &Wanted) {
        self.due.extend(wanted.due.map(|instant| (instant, id)));
        if wanted.transfers {
            self.outboxes.push(id);
        }
        if wanted.sealed {
            self.sealed.push(id);
        }
    }

    pub fn add(&mut self, other: Survey) {
        self.due.extend(other.due);
        self.outboxes.extend(other.outboxes);
        self.sealed.extend(other.sealed);
    }

    /// Of members that the log has changed since, what it made of them counts.
    pub fn replace(&mut self, replayed: Vec<Replayed>) {
        if !self.due.is_empty() || !self.outboxes.is_empty() || !self.sealed.is_empty() {
            let changed: HashSet<MemberId> =
                replayed.iter().flat_map(|replayed| &replayed.changed).copied().collect();
            self.due.retain(|(_, id)| !changed.contains(id));
            self.outboxes.retain(|id| !changed.contains(id));
            self.sealed.retain(|id| !changed.contains(id));
        }
        replayed.into_iter().for_each(|replayed| self.add(replayed.survey));
    }
}
