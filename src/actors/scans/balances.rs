//! Every member's balances.
use crate::actors::answer::{Failure, Summary};
use crate::actors::scans::Scan;

impl Scan {
    /// Gives the summary and the tier of each member to `row`, in no promised order.
    pub fn balances<E: From<Failure>>(
        &self,
        mut row: impl FnMut(&str, &Summary, Option<&str>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.members(|member_no, account, now| {
            let tier = account.profile().and_then(|profile| profile.tier.as_deref());
            row(member_no, &Summary::of(&account, now), tier)
        })
    }
}
