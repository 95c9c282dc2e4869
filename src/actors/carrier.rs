//! Carries transfers from senders' outboxes to receivers, and the note back. Only what is durable is carried; the
//! receiver records it once, however often it is carried; the outbox keeps it until the note is back.
use crate::actors::answer::Failure;
use crate::actors::core::Core;
use crate::actors::member::Outcome;
use crate::ledger::account::Outgoing;
use crate::ledger::command::{Command, Credit};
use crate::telemetry::{carried_on, request_id};
use std::sync::Arc;
use std::time::Duration;

const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Brings `outgoing` to its receiver and answers the receiver's outcome, durable. The note back follows by itself.
/// A log closed meanwhile leaves it in doubt: the sender's half is durable, and the next start carries it on.
pub async fn carry(
    core: &Arc<Core>,
    crm_id: &str,
    from: &str,
    outgoing: Outgoing,
) -> Result<Outcome, Failure> {
    let Outgoing { offer, transfer_no, to, lots } = outgoing;
    let credit = Credit { from: from.to_owned(), transfer_no: transfer_no.clone(), offer, lots };
    let received =
        insist(core, crm_id, &to, Command::Receive(credit)).await.map_err(|failure| match failure {
            Failure::NotReady => Failure::Unknown,
            other => other,
        })?;
    let (core, crm_id, from) = (core.clone(), crm_id.to_owned(), from.to_owned());
    tokio::spawn(carried_on(async move {
        let note = Command::ClearOutbox { transfer_no };
        // If the log fails meanwhile, the next start finds the outbox full and carries again.
        if let Err(failure) = insist(&core, &crm_id, &from, note).await {
            tracing::debug!(?failure, "the note back to the sender waits for the next start");
        }
    }));
    Ok(received)
}

/// What is owed is tried until there is room for it.
async fn insist(
    core: &Arc<Core>,
    crm_id: &str,
    member_no: &str,
    command: Command,
) -> Result<Outcome, Failure> {
    loop {
        match core.change(crm_id, member_no, command.clone()).await {
            Err(Failure::Full | Failure::Overloaded) => tokio::time::sleep(RETRY_AFTER).await,
            Err(Failure::Fault(detail)) => {
                let request_id = request_id();
                tracing::error!(request_id, "a transfer could not be carried, and is tried again: {detail}");
                tokio::time::sleep(RETRY_AFTER).await;
            }
            other => return other,
        }
    }
}
