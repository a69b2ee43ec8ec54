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
pub(crate) struct Complaints {
    /// Each with whether a strict reader refuses it.
    found: Vec<(bool, Complaint)>,
}

impl Complaints {
    pub fn add(&mut self, place: Place, message: impl Into<String>) {
        self.push(true, place, message.into());
    }

    /// What is no fault by the standard, but may not be what was meant.
    pub fn remark(&mut self, place: Place, message: impl Into<String>) {
        self.push(false, place, message.into());
    }

    fn push(&mut self, is_fault: bool, Place { line, column }: Place, message: String) {
        if self.found.len() < MAX_COMPLAINTS {
            self.found.push((is_fault, Complaint { line, column, message }));
        }
    }

    /// In the order of the text, whatever the order in which they were found.
    pub fn into_sorted(self) -> Vec<Complaint> {
        let mut complaints: Vec<Complaint> = self.found.into_iter().map(|(_, complaint)| complaint).collect();
        complaints.sort_by_key(|complaint| (complaint.line, complaint.column));
        complaints
    }

    /// The strict reading: the first fault of the text is an error.
    pub fn into_result(mut self) -> Result<()> {
        self.found.retain(|(is_fault, _)| *is_fault);
        match self.into_sorted().into_iter().next() {
            None => Ok(()),
            Some(Complaint { line, column, message }) => Err(Error::Abc { line, column, message }),
        }
    }
}
