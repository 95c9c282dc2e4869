//! The kinds of faults, how likely each is, how often each was met.
use std::fmt::{Display, Formatter, Write};
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Fault {
    // What an operation answers.
    /// Nothing of it is written.
    WriteFails,
    /// A first part of it is written, and an error answered.
    WriteShort,
    /// For some writes that make files grow there is no room; then there is again.
    DiskFull,
    /// A part reaches the medium, the rest counts as clean all the same: the next sync "succeeds".
    SyncFails,
    ReadFails,
    OpenFails,
    RenameFails,
    RemoveFails,
    ListFails,
    /// As with a file's data: what of the folder did not reach the medium counts as clean.
    FolderSyncFails,
    // What a power failure leaves.
    /// Sectors of a write that was never synced are not there.
    LostSectors,
    /// A sector is there in part, cut at any byte.
    TornSector,
    /// A later write is there, an earlier one is not.
    Reordered,
    /// A name made, changed or removed since its folder was synced last is as it was before.
    LostName,
    // Damage at rest, see `LyingDisk::damage`.
    FlippedBit,
    MissingFile,
    ZeroedFile,
    /// Zeros from somewhere on.
    ZeroedEnd,
    /// Shorter than it was.
    CutFile,
    /// As it was at an earlier start.
    StaleFile,
    /// The content of another file of its folder.
    SwappedFile,
}

impl Fault {
    pub const ALL: [Fault; 21] = [
        Fault::WriteFails,
        Fault::WriteShort,
        Fault::DiskFull,
        Fault::SyncFails,
        Fault::ReadFails,
        Fault::OpenFails,
        Fault::RenameFails,
        Fault::RemoveFails,
        Fault::ListFails,
        Fault::FolderSyncFails,
        Fault::LostSectors,
        Fault::TornSector,
        Fault::Reordered,
        Fault::LostName,
        Fault::FlippedBit,
        Fault::MissingFile,
        Fault::ZeroedFile,
        Fault::ZeroedEnd,
        Fault::CutFile,
        Fault::StaleFile,
        Fault::SwappedFile,
    ];

    /// What an operation may answer.
    pub const OF_OPERATIONS: &[Fault] = Fault::ALL.split_at(10).0;
    /// What can be done to a file at rest.
    pub const AT_REST: &[Fault] = Fault::ALL.split_at(14).1;
}

/// Of how many operations that a fault can strike one is struck, on average; 0: none. Of use for [`Fault::OF_OPERATIONS`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    one_in: [u64; Fault::ALL.len()],
}

/// What a disk is planned to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lies {
    None,
    One(Fault),
    Many,
}

impl Display for Lies {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Lies::None => f.pad("honest disk"),
            Lies::One(fault) => f.pad(&format!("{fault:?}")),
            Lies::Many => f.pad("faults of all kinds"),
        }
    }
}

impl Plan {
    /// A disk that tells the truth until the power fails.
    pub fn honest() -> Plan {
        Plan::default()
    }

    /// Every fault of operations alike.
    pub fn all(one_in: u64) -> Plan {
        Fault::OF_OPERATIONS.iter().fold(Plan::honest(), |plan, fault| plan.with(*fault, one_in))
    }

    pub fn with(mut self, fault: Fault, one_in: u64) -> Plan {
        self.one_in[fault as usize] = one_in;
        self
    }

    /// One kind alone.
    pub fn one(fault: Fault, one_in: u64) -> Plan {
        Plan::honest().with(fault, one_in)
    }

    pub fn lies(&self) -> Lies {
        let mut planned = Fault::OF_OPERATIONS.iter().filter(|fault| self.one_in(**fault) > 0);
        match (planned.next(), planned.next()) {
            (None, _) => Lies::None,
            (Some(one), None) => Lies::One(*one),
            _ => Lies::Many,
        }
    }

    pub fn one_in(&self, fault: Fault) -> u64 {
        self.one_in[fault as usize]
    }
}

/// How often each fault was injected, over all lives of a disk.
#[derive(Debug)]
pub struct Injected([AtomicU64; Fault::ALL.len()]);

impl Default for Injected {
    fn default() -> Injected {
        Injected(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Injected {
    pub fn count(&self, fault: Fault, times: u64) {
        self.0[fault as usize].fetch_add(times, Ordering::Relaxed);
    }

    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize].load(Ordering::Relaxed)
    }

    pub fn all(&self) -> u64 {
        Fault::ALL.iter().map(|fault| self.of(*fault)).sum()
    }

    /// A line for each kind.
    pub fn table(&self) -> String {
        Fault::ALL.iter().fold(String::new(), |mut text, fault| {
            let _ = writeln!(text, "{:>12}  {fault:?}", self.of(*fault));
            text
        })
    }
}
