//! Every bound of the service, in one place.

/// The most open lots (`remaining` above 0) at which a member may still accrue.
pub const OPEN_LOTS_MAX: usize = 100_000;
