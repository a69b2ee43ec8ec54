//! Where something stands in the text, and the list of what is wrong with it.

use crate::abc::Complaint;
use crate::{Error, Result};

/// A list that grows with every wrong character of a long text would say nothing more after this many.
const MAX_COMPLAINTS: usize = 200;

/// Line and column of a character, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub line: usize,
    pub column: usize,
}

/// What the reader mended or left out, in the order of reading.
#[derive(Debug, Clone, Default)]
pub(crate) struct Complaints(Vec<Complaint>);

impl Complaints {
    pub fn add(&mut self, place: Place, message: impl Into<String>) {
        if self.0.len() < MAX_COMPLAINTS {
            self.0.push(Complaint { line: place.line, column: place.column, message: message.into() });
        }
    }

    /// In the order of the text, whatever the order in which they were found.
    pub fn into_sorted(mut self) -> Vec<Complaint> {
        self.0.sort_by_key(|complaint| (complaint.line, complaint.column));
        self.0
    }

    /// The strict reading: the first complaint of the text is an error.
    pub fn into_result(self) -> Result<()> {
        match self.into_sorted().into_iter().next() {
            None => Ok(()),
            Some(Complaint { line, column, message }) => Err(Error::Abc { line, column, message }),
        }
    }
}
