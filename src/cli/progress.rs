//! How far a long command is: on standard error, only on a terminal, and only
//! where it takes more than a moment.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// What is done within this needs no bar.
const MOMENT: Duration = Duration::from_secs(1);

/// A bar that goes when this is dropped.
pub struct Progress {
    bar: ProgressBar,
    begun: Instant,
    shown: Cell<bool>,
}

impl Progress {
    /// A bar for so many of something; `what` says of what.
    pub fn new(what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden()).with_message(what);
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} {msg}, {eta} left")
        {
            bar.set_style(style);
        }
        Self { bar, begun: Instant::now(), shown: Cell::new(false) }
    }

    /// So many of how many are done.
    pub fn at(&self, done: u64, of: u64) {
        if !self.shown.get() && self.begun.elapsed() >= MOMENT {
            // Not drawn at all where standard error is no terminal.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.shown.set(true);
        }
        self.bar.set_length(of);
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
