//! How far a long command is: on standard error, and only on a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that goes when this is dropped.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar for so many of something; `what` says of what.
    pub fn new(what: &'static str) -> Self {
        // Drawn to standard error, and not at all where that is no terminal.
        let bar = ProgressBar::new(0).with_message(what);
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} {msg}, {eta} left")
        {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// So many of how many are done.
    pub fn at(&self, done: u64, of: u64) {
        self.0.set_length(of);
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
