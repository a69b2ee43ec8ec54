//! All substrings of one sequence as an automaton, to find which of them occur in a much longer text in one pass over it.
//!
//! The suffix automaton (Blumer et al. 1985) of a sequence of n tokens has fewer than 2n states; a state stands for a class
//! of substrings that end at the same places. Reading a text, it keeps the longest suffix read so far that is a substring:
//! O(1) a token, exact, and nothing of the text is stored.

/// No state, no symbol.
const NONE: u32 = u32::MAX;

pub struct SuffixAutomaton {
    states: Vec<State>,
    /// Successor of state s by symbol c at `s * n_symbols + c`.
    successors: Vec<u32>,
    /// The symbol of each token that occurs, by token.
    symbols: Vec<u32>,
    n_symbols: usize,
    /// The state of each beginning of the sequence, by its length less one.
    prefixes: Vec<u32>,
}

struct State {
    /// Length of the longest substring of the class.
    length: u32,
    /// The class of its longest suffix that ends at more places; the root's is `NONE`.
    link: u32,
}

impl SuffixAutomaton {
    pub fn new(sequence: &[u16]) -> SuffixAutomaton {
        let mut symbols = vec![NONE; 1 + usize::from(u16::MAX)];
        let mut n_symbols = 0;
        for &token in sequence {
            let symbol = &mut symbols[usize::from(token)];
            if *symbol == NONE {
                *symbol = n_symbols;
                n_symbols += 1;
            }
        }
        let mut automaton = SuffixAutomaton {
            states: Vec::new(),
            successors: Vec::new(),
            symbols,
            n_symbols: n_symbols as usize,
            prefixes: Vec::with_capacity(sequence.len()),
        };
        let mut last = automaton.add(0, NONE, None);
        for &token in sequence {
            last = automaton.extend(last, automaton.symbols[usize::from(token)]);
            automaton.prefixes.push(last);
        }
        automaton
    }

    /// For each place in the sequence, the length of the longest span ending there (with its token) that occurs in `text`.
    pub fn copied_lengths(&self, text: &[u16]) -> Vec<usize> {
        let found = self.longest_found(text);
        let length_at = |&state: &u32| {
            let mut state = state;
            while state != 0 && found[state as usize] == 0 {
                state = self.states[state as usize].link;
            }
            found[state as usize] as usize
        };
        self.prefixes.iter().map(length_at).collect()
    }

    /// For each state, the length of its longest substring that occurs in `text`; 0 if none does.
    fn longest_found(&self, text: &[u16]) -> Vec<u32> {
        let mut found = vec![0; self.states.len()];
        let (mut state, mut length) = (0_u32, 0_u32);
        for &token in text {
            let symbol = self.symbols[usize::from(token)];
            while state != 0 && self.successor(state, symbol) == NONE {
                state = self.states[state as usize].link;
                length = self.states[state as usize].length;
            }
            (state, length) = match self.successor(state, symbol) {
                NONE => (0, 0),
                next => (next, length + 1),
            };
            found[state as usize] = length.max(found[state as usize]);
        }
        // What occurs, occurs with all its suffixes.
        let mut by_length: Vec<usize> = (1..self.states.len()).collect();
        by_length.sort_unstable_by_key(|&state| std::cmp::Reverse(self.states[state].length));
        for state in by_length.into_iter().filter(|&state| self.states[state].link != 0) {
            if found[state] > 0 {
                let link = self.states[state].link as usize;
                found[link] = self.states[link].length;
            }
        }
        found
    }

    fn successor(&self, state: u32, symbol: u32) -> u32 {
        if symbol == NONE { NONE } else { self.successors[self.place(state, symbol)] }
    }

    fn place(&self, state: u32, symbol: u32) -> usize {
        state as usize * self.n_symbols + symbol as usize
    }

    /// A new state, with the successors of `like` where given.
    fn add(&mut self, length: u32, link: u32, like: Option<u32>) -> u32 {
        let state = self.states.len() as u32;
        self.states.push(State { length, link });
        match like {
            Some(like) => {
                let from = self.place(like, 0);
                self.successors.extend_from_within(from..from + self.n_symbols);
            }
            None => self.successors.resize(self.successors.len() + self.n_symbols, NONE),
        }
        state
    }

    /// Appends one symbol to the sequence that ends in state `last`.
    fn extend(&mut self, last: u32, symbol: u32) -> u32 {
        let current = self.add(self.states[last as usize].length + 1, 0, None);
        let mut state = last;
        while state != NONE && self.successor(state, symbol) == NONE {
            let place = self.place(state, symbol);
            self.successors[place] = current;
            state = self.states[state as usize].link;
        }
        if state != NONE {
            self.states[current as usize].link = self.split(state, symbol);
        }
        current
    }

    /// The class of the substring that leads from `state` by `symbol`, made a class of its own if it shares one with longer ones.
    fn split(&mut self, state: u32, symbol: u32) -> u32 {
        let target = self.successor(state, symbol);
        let length = self.states[state as usize].length + 1;
        if self.states[target as usize].length == length {
            return target;
        }
        let copy = self.add(length, self.states[target as usize].link, Some(target));
        self.states[target as usize].link = copy;
        let mut state = state;
        while state != NONE && self.successor(state, symbol) == target {
            let place = self.place(state, symbol);
            self.successors[place] = copy;
            state = self.states[state as usize].link;
        }
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    /// The same by trying every span.
    fn by_trying(sequence: &[u16], text: &[u16]) -> Vec<usize> {
        let occurs = |span: &[u16]| text.windows(span.len()).any(|window| window == span);
        let longest = |end: usize| (1..=end).rev().find(|&n| occurs(&sequence[end - n..end])).unwrap_or(0);
        (1..=sequence.len()).map(longest).collect()
    }

    #[test]
    fn copied_lengths_are_those_found_by_trying_every_span() {
        let mut rng = rand_pcg::Pcg64::seed_from_u64(5);
        for n_symbols in [1, 2, 3, 8] {
            for _ in 0..50 {
                let mut random = |n: usize| (0..n).map(|_| rng.random_range(0..n_symbols)).collect::<Vec<u16>>();
                let (sequence, text) = (random(30), random(60));
                assert_eq!(SuffixAutomaton::new(&sequence).copied_lengths(&text), by_trying(&sequence, &text));
            }
        }
        assert!(SuffixAutomaton::new(&[]).copied_lengths(&[1, 2]).is_empty());
        assert_eq!(SuffixAutomaton::new(&[1, 9]).copied_lengths(&[]), [0, 0]);
    }
}
