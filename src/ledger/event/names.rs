//! What records are called: the types that members see, and the keys under which they are found again.
use bincode::{Decode, Encode};

/// The types of record that members see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[repr(u8)]
pub enum RecordType {
    Produce = 1,
    Consume = 2,
    Transfer = 3,
    Accept = 4,
    Expired = 5,
    ReverseProduce = 6,
    ReverseConsume = 7,
    TransferReturn = 8,
}

impl RecordType {
    pub const ALL: [RecordType; 8] = [
        RecordType::Produce,
        RecordType::Consume,
        RecordType::Transfer,
        RecordType::Accept,
        RecordType::Expired,
        RecordType::ReverseProduce,
        RecordType::ReverseConsume,
        RecordType::TransferReturn,
    ];

    /// The name in requests and answers.
    pub fn name(self) -> &'static str {
        match self {
            RecordType::Produce => "produce",
            RecordType::Consume => "consume",
            RecordType::Transfer => "transfer",
            RecordType::Accept => "accept",
            RecordType::Expired => "expired",
            RecordType::ReverseProduce => "reverse_produce",
            RecordType::ReverseConsume => "reverse_consume",
            RecordType::TransferReturn => "transfer_return",
        }
    }

    pub fn from_name(name: &str) -> Option<RecordType> {
        RecordType::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A key under which a record is found again: for idempotency, and for reversals and transfers.
/// Unique within (tenant, member).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key<'a> {
    /// The client's `event_no`.
    Event(&'a str),
    /// The client's `transfer_no`, at the sender.
    Transfer(&'a str),
    /// A transfer at its receiver.
    Incoming { from: &'a str, transfer_no: &'a str },
    /// The return of an offer, at the sender.
    Return(&'a str),
}

impl<'a> Key<'a> {
    /// The number that `event_no` shows and `/history` searches.
    pub fn number(&self) -> &'a str {
        match self {
            Key::Event(number) | Key::Transfer(number) | Key::Return(number) => number,
            Key::Incoming { transfer_no, .. } => transfer_no,
        }
    }

    /// The name space, for hashing.
    pub fn space(&self) -> u8 {
        match self {
            Key::Event(_) => 1,
            Key::Transfer(_) => 2,
            Key::Incoming { .. } => 3,
            Key::Return(_) => 4,
        }
    }
}
