//! File descriptors: as many as the system allows, and of these enough kept for the log, whatever clients open.
use crate::limits::{CONNECTIONS_MAX, CONNECTIONS_MIN, DESCRIPTORS_KEPT};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of descriptors as far as this process may, and says how many connections that leaves room for.
pub fn connections_max() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let most = room(allowed);
    if most < CONNECTIONS_MAX {
        tracing::warn!(
            "only {} file descriptors are allowed: {most} connections at once, more wait; hint: raise the limit (ulimit -n)",
            allowed.unwrap_or(u64::MAX)
        );
    }
    most
}

/// Connections under a limit of descriptors; none: no limit.
fn room(allowed: Option<u64>) -> usize {
    let allowed = allowed.map_or(usize::MAX, |allowed| usize::try_from(allowed).unwrap_or(usize::MAX));
    allowed.saturating_sub(DESCRIPTORS_KEPT).clamp(CONNECTIONS_MIN, CONNECTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_log_needs_is_kept_from_clients() {
        assert_eq!(room(None), CONNECTIONS_MAX);
        assert_eq!(room(Some(20_000)), CONNECTIONS_MAX);
        assert_eq!(room(Some(1_024)), 1_024 - DESCRIPTORS_KEPT);
        assert_eq!(room(Some(10)), CONNECTIONS_MIN);
    }
}
