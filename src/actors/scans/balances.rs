//! Every member's balances.
use crate::actors::answer::{Failure, Summary};
use crate::actors::scans::Scan;

impl Scan {
    /// Gives the summary of each member to `row`, in no promised order.
    pub fn balances<E: From<Failure>>(
        &self,
        mut row: impl FnMut(&str, &Summary) -> Result<(), E>,
    ) -> Result<(), E> {
        self.members(|member_no, account, now| row(member_no, &Summary::of(&account, now)))
    }
}
