//! Earning rules: what an event is worth, for how long, and up to which cap. Pure, like the rest of the ledger: the tenant's
//! rules and the member's usage go in, points and the reasons for them come out. Replay never comes here: the
//! record says what was granted.
pub mod caps;
mod check;
pub mod choice;
pub mod definition;
pub mod earn;
mod expiry;
mod fraction;
pub mod grant;
pub mod trace;

pub use caps::{Counted, RuleUse, Uses};
pub use choice::{Rule, Rulebook};
pub use definition::Definition;
pub use grant::{Evaluation, Grant, Occasion, evaluate};
pub use trace::Trace;
