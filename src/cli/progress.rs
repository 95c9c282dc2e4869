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
        Shown { what, bar, last_line: crate::clock::monotonic(), last_status: None }
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
}
