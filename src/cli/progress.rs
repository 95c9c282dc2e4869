//! How far reading the log has come: a bar where standard error is a terminal, a log line now and then elsewhere; and the
//! supervisor is told.
use crate::cli::supervisor;
use crate::store::recovery::{Progress, Stage};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

const LINE_EVERY: Duration = Duration::from_secs(2);
const STATUS_EVERY: Duration = Duration::from_millis(500);

pub struct Shown {
    what: &'static str,
    bar: Option<ProgressBar>,
    last_line: Instant,
    last_status: Option<Instant>,
    counting: Option<Counting>,
}

/// What is being counted.
struct Counting {
    what: &'static str,
    since: Instant,
    from: u64,
}

impl Counting {
    /// In whole ones a second, and in seconds.
    fn rate_and_time_left(&self, done: u64, all: u64) -> (u64, u64) {
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = done.saturating_sub(self.from).saturating_mul(1_000) / millis;
        (rate, all.saturating_sub(done) / rate.max(1))
    }
}

impl Shown {
    pub fn new(what: &'static str) -> Shown {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}, {eta} left");
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar.set_message(what);
            bar
        });
        Shown { what, bar, last_line: crate::clock::monotonic(), last_status: None, counting: None }
    }

    pub fn show(&mut self, progress: Progress) {
        let Progress { stage, done, all, lsn } = progress;
        if stage == Stage::CatchUp && all == 0 {
            return;
        }
        let (done, all, unit) = match stage {
            Stage::Snapshot => (done >> 20, all >> 20, "MiB of the snapshot"),
            Stage::Log => (done, all, "segments"),
            Stage::CatchUp => (done, all, "members with transfers to carry"),
            Stage::Copy => (done >> 20, all >> 20, "MiB copied"),
            Stage::Check => (done >> 20, all >> 20, "MiB checked"),
        };
        let finished = stage == Stage::Log && done == all;
        let words = format!("{}: {done} of {all} {unit}, record {lsn}", self.what);
        if finished || self.last_status.is_none_or(|last| last.elapsed() >= STATUS_EVERY) {
            supervisor::status(words);
            self.last_status = Some(crate::clock::monotonic());
        }
        if let Some(bar) = &self.bar {
            bar.set_length(all);
            bar.set_position(done);
            bar.set_message(format!("{} ({unit})", self.what));
            if finished {
                bar.finish_and_clear();
            }
        } else if finished || self.last_line.elapsed() >= LINE_EVERY {
            tracing::info!(%lsn, "{}: {done} of {all} {unit}", self.what);
            self.last_line = crate::clock::monotonic();
        }
    }

    /// Something counted, with its rate and how long it will still take.
    pub fn count(&mut self, what: &'static str, unit: &'static str, done: u64, all: u64) {
        if self.counting.as_ref().is_none_or(|counting| counting.what != what) {
            let now = crate::clock::monotonic();
            self.counting = Some(Counting { what, since: now, from: done });
            self.last_line = now;
            if let Some(bar) = &self.bar {
                bar.reset();
                let style =
                    ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}, {per_sec}, {eta} left");
                if let Ok(style) = style {
                    bar.set_style(style);
                }
                bar.set_message(format!("{what} ({unit})"));
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_length(all);
            bar.set_position(done);
        } else if self.last_line.elapsed() >= LINE_EVERY
            && let Some(counting) = &self.counting
        {
            let (rate, left) = counting.rate_and_time_left(done, all);
            tracing::info!("{what}: {done} of {all} {unit}, {rate} a second, {left} s left");
            self.last_line = crate::clock::monotonic();
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
