//! What the edge can ask of the service.
use crate::actors::answer::{
    Answer, Failure, HistoryQuery, LotView, Page, PageQuery, RecordView, Summary, TransferView,
};
use crate::ledger::command::Command;
use crate::ledger::event::TransferStatus;
use chrono_tz::Tz;

/// The running service; cheap to share behind an `Arc`.
pub struct Service {
    zone: Tz,
}

impl Service {
    pub fn stub(zone: Tz) -> Service {
        Service { zone }
    }

    /// The zone of a tenant's times.
    pub fn zone(&self, _crm_id: &str) -> Tz {
        self.zone
    }

    /// Carries out a change of one member (or of the sender, for `Offer`, `SendDirect`); answers when it is durable.
    pub async fn change(&self, crm_id: &str, member_no: &str, command: Command) -> Result<Answer, Failure> {
        let _ = (crm_id, member_no, command);
        Err(Failure::NotReady)
    }

    /// Takes an offer made to `member_no`. `from` is needed only where two senders used one number.
    pub async fn accept(
        &self,
        crm_id: &str,
        member_no: &str,
        transfer_no: &str,
        from: Option<&str>,
    ) -> Result<Answer, Failure> {
        let _ = (crm_id, member_no, transfer_no, from);
        Err(Failure::NotReady)
    }

    /// The sender takes its offer back.
    pub async fn cancel(&self, crm_id: &str, member_no: &str, transfer_no: &str) -> Result<Answer, Failure> {
        let _ = (crm_id, member_no, transfer_no);
        Err(Failure::NotReady)
    }

    pub async fn summary(&self, crm_id: &str, member_no: &str) -> Result<Summary, Failure> {
        let _ = (crm_id, member_no);
        Err(Failure::NotReady)
    }

    pub async fn history(&self, crm_id: &str, query: HistoryQuery) -> Result<Page<RecordView>, Failure> {
        let _ = (crm_id, query);
        Err(Failure::NotReady)
    }

    pub async fn lots(
        &self,
        crm_id: &str,
        member_no: &str,
        page: PageQuery,
    ) -> Result<Page<LotView>, Failure> {
        let _ = (crm_id, member_no, page);
        Err(Failure::NotReady)
    }

    pub async fn transfers(
        &self,
        crm_id: &str,
        member_no: &str,
        status: Option<TransferStatus>,
        page: PageQuery,
    ) -> Result<Page<TransferView>, Failure> {
        let _ = (crm_id, member_no, status, page);
        Err(Failure::NotReady)
    }
}
