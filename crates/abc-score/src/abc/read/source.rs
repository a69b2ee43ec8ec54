//! From a text to the header and the body of its first tune, as tokens.

use super::accents::accented;
use super::fields;
use super::lex::{field_token, lex_line};
use super::lines::{Line, lines};
use super::macros::Macro;
use super::place::{Complaints, Place};
use super::token::{Bar, BarStyle, Item, Length, Mark, Token};

/// One tune, read but not yet understood.
#[derive(Debug, Clone, Default)]
pub(crate) struct Source {
    pub title: Option<String>,
    /// `R:`, such as hornpipe.
    pub rhythm: Option<String>,
    /// Fields and directives up to and with `K:`.
    pub header: Vec<Item>,
    pub body: Vec<Item>,
    /// Where the tune begins, for complaints about what is missing.
    pub start: Place,
}

impl Source {
    /// Puts bar lines at these ends of lines, unless the next line begins with one, or with what goes on with this bar.
    pub fn add_bar_lines(&mut self, line_ends: &[Place]) {
        let ends_line = |token: &Token| matches!(token, Token::LineEnd | Token::Field { letter: 'V' | 'P', .. });
        let mut completed = Vec::with_capacity(self.body.len() + line_ends.len());
        let mut items = std::mem::take(&mut self.body).into_iter().peekable();
        while let Some(item) = items.next() {
            let is_missing = ends_line(&item.token) && line_ends.contains(&item.place);
            let comes_next = item.token == Token::LineEnd
                && items
                    .peek()
                    .is_some_and(|next| matches!(next.token, Token::Bar(_) | Token::Overlay | Token::Broken(_)));
            if is_missing && !comes_next {
                completed.push(Item { place: item.place, token: Token::Bar(Bar::PLAIN) });
            }
            completed.push(item);
        }
        self.body = completed;
    }
}

/// Splits the first tune of the text into tokens. `None` if the text holds no field and no music.
pub(crate) fn read_source(text: &str, complaints: &mut Complaints) -> Option<Source> {
    let lines = lines(text);
    let first = lines.iter().position(|line| line.text.starts_with("X:")).or_else(|| {
        let first = lines.iter().position(|line| !line.is_blank())?;
        complaints.add(place_of(&lines[first]), "expected X: and a number, the first field of a tune");
        Some(first)
    })?;
    let source = Source { start: place_of(&lines[first]), ..Source::default() };
    let of_tune = lines.iter().skip(first + 1).take_while(|line| !line.text.starts_with("X:"));
    let key_line = of_tune.into_iter().find(|line| line.text.starts_with("K:")).map_or(0, |line| line.number);
    let (macros, last_field) = (Vec::new(), 'X');
    let mut reader =
        SourceReader { source, in_body: false, in_directive: false, last_field, key_line, macros, complaints };
    for (index, line) in lines.iter().enumerate().skip(first) {
        if index > first && line.text.starts_with("X:") && !reader.in_body {
            reader.complaints.add(place_of(line), "a second X: before K:, the last field of a header");
            break;
        }
        if line.is_blank() {
            if reader.ends_at_blank(lines.get(index..).unwrap_or_default()) {
                break;
            }
            continue;
        }
        reader.line(line);
    }
    let (in_body, mut source) = (reader.in_body, reader.source);
    if !in_body {
        complaints.add(source.start, "this tune has no K:, the last field of a header");
    }
    if let Some(last) = source.body.last().filter(|last| last.token != Token::LineEnd) {
        let place = last.place; // the tune ends in a line that wanted to go on
        source.body.push(Item { place, token: Token::LineEnd });
    }
    if !source.body.iter().any(|item| matches!(item.token, Token::Mark(Mark::Jump { .. }))) {
        source.body.retain(|item| !matches!(item.token, Token::Mark(_))); // nobody comes back to them
    }
    let has_parts = source.header.iter().any(|item| item.token.field('P').is_some());
    header_takes_first_fields(&mut source);
    source.body = merge_bars(std::mem::take(&mut source.body), has_parts);
    Some(source)
}

fn place_of(line: &Line) -> Place {
    Place { line: line.number, column: line.column }
}

/// Whether a line can only be music: it has notes, and bar lines or chords, and nothing that makes no sense.
pub(crate) fn is_music(line: &Line) -> bool {
    if !line.text.contains(['|', '[']) || line.text.starts_with('%') || field_line(line.text).is_some() {
        return false;
    }
    let (mut items, mut complaints) = (Vec::new(), Complaints::default());
    lex_line(line.number, without_comment(line.text), 1, &mut items, &mut complaints);
    let has = |is: fn(&Token) -> bool| items.iter().any(|item| is(&item.token));
    let is_laid_out = |token: &Token| matches!(token, Token::Bar(_) | Token::Chord { .. });
    complaints.into_result().is_ok() && has(Token::is_sounding) && has(is_laid_out)
}

struct SourceReader<'a> {
    source: Source,
    in_body: bool,
    /// Whether a directive goes on in the next line.
    in_directive: bool,
    last_field: char,
    /// The line of the first `K:`, or 0.
    key_line: usize,
    macros: Vec<Macro>,
    complaints: &'a mut Complaints,
}

impl SourceReader<'_> {
    /// Whether the tune ends at the blank line that these begin with.
    fn ends_at_blank(&mut self, lines: &[Line]) -> bool {
        let blank = lines.first().map(place_of).unwrap_or_default();
        if !self.in_body {
            self.complaints.add(blank, "an empty line before K:, the last field of a header");
            return false;
        }
        let mut rest = lines.iter().skip_while(|line| line.is_blank()).take_while(|line| !line.text.starts_with("X:"));
        if !self.source.body.iter().any(|item| item.token.is_sounding()) && rest.clone().next().is_some_and(is_music) {
            self.complaints.add(blank, "an empty line before the music, which ends a tune");
            return false;
        }
        if let Some(lost) = rest.find(|line| is_music(line)) {
            let message = "an empty line above has ended the tune: this music is not read";
            self.complaints.remark(place_of(lost), message);
        }
        true
    }

    fn line(&mut self, line: &Line) {
        let Line { number, column, text } = *line;
        let place = place_of(line);
        let continues_directive = self.in_directive && !text.starts_with("%%");
        self.in_directive = (self.in_directive || text.starts_with("%%")) && text.trim_end().ends_with('\\');
        if continues_directive {
            return;
        }
        if let Some(directive) = text.strip_prefix("%%") {
            return self.push(place, Token::Directive(directive.trim().to_string()));
        }
        let content = without_comment(text);
        if content.trim().is_empty() {
            return;
        }
        if let Some((letter, value)) = field_line(content) {
            return self.field(place, letter, value);
        }
        if !self.in_body {
            if self.last_field == 'H' {
                return; // a history may run on over lines, as it could before standard 2.0
            }
            if number < self.key_line && !is_music(line) {
                return self.complaints.add(place, "neither a field nor music, in a header: a text goes on with +:");
            }
            self.complaints.add(place, "music before K:, the last field of a header");
            self.in_body = true;
        }
        let expanded = self
            .macros
            .iter()
            .fold(String::new(), |expanded, rule| rule.expand(if expanded.is_empty() { content } else { &expanded }));
        let content = if expanded.is_empty() { content } else { &expanded };
        lex_line(number, content, column, &mut self.source.body, self.complaints);
    }

    fn push(&mut self, place: Place, token: Token) {
        if self.in_body { &mut self.source.body } else { &mut self.source.header }.push(Item { place, token });
    }

    fn field(&mut self, place: Place, letter: char, value: &str) {
        if letter == 'm' {
            self.macros.extend(Macro::new(value));
        }
        if let Some(token) = field_token(letter, value) {
            self.push(place, token);
        }
        if self.in_body {
            return;
        }
        self.last_field = letter;
        match letter {
            'T' if self.source.title.is_none() => {
                self.source.title = Some(accented(value)).filter(|title| !title.is_empty());
            }
            'R' => self.source.rhythm = Some(value.to_string()),
            _ => {}
        }
        self.in_body = letter == 'K';
    }
}

/// A line up to its `%`; `\%` is a percent sign in a text.
pub(crate) fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        if c == '%' && before != '\\' {
            return line.get(..at).unwrap_or(line);
        }
        before = c;
    }
    line
}

/// `K: G` is the field K with the value G; `A:|` is a note and a bar line.
pub(crate) fn field_line(line: &str) -> Option<(char, &str)> {
    let mut chars = line.chars();
    let letter = chars.next().filter(|c| c.is_ascii_alphabetic() || *c == '+')?;
    let value = chars.as_str().strip_prefix(':')?;
    let is_bar_line = matches!(letter, 'A'..='G' | 'a'..='g' | 'z' | 'x' | 'Z') && value.starts_with(['|', ':']);
    (!is_bar_line).then_some((letter, value.trim()))
}

/// Fields at the start of the body, before any voice or note, hold for the whole tune as if they stood in the header.
fn header_takes_first_fields(source: &mut Source) {
    let is_single = names_one_voice(source); // then V: makes no difference
    let stays = |token: &Token| match token {
        Token::Space | Token::LineEnd | Token::Dynamic(_) | Token::Field { letter: 'P', .. } => true,
        Token::Field { letter: 'V', .. } => is_single,
        _ => false,
    };
    let moves =
        |token: &Token| matches!(token, Token::Field { letter: 'K' | 'L' | 'M' | 'Q', .. } | Token::Directive(_));
    let is_field = |item: &Item, letter: char| item.token.field(letter).is_some();
    let has_voices = !is_single && source.header.iter().any(|item| is_field(item, 'V'));
    let first_music = source.body.iter().position(|item| !stays(&item.token) && !moves(&item.token));
    let n_first = first_music.filter(|_| !has_voices).unwrap_or(0);
    let (moved, stayed): (Vec<Item>, Vec<Item>) = source.body.drain(..n_first).partition(|item| moves(&item.token));
    if moved.iter().any(|item| is_field(item, 'M')) && !source.header.iter().any(|item| is_field(item, 'L')) {
        let meter = source.header.iter().rev().find_map(|item| fields::meter(item.token.field('M')?).ok());
        let Length { num, den } = fields::default_unit_length(meter.flatten()); // a later metre does not change the unit
        source
            .header
            .push(Item { place: source.start, token: Token::Field { letter: 'L', value: format!("{num}/{den}") } });
    }
    source.header.extend(moved);
    source.body.splice(..0, stayed);
}

/// Whether all `V:` fields, if there are any, are of the same voice.
fn names_one_voice(source: &Source) -> bool {
    let items = source.header.iter().chain(&source.body);
    let mut voices = items.filter_map(|item| Some(fields::voice(item.token.field('V')?).0));
    let first = voices.next();
    voices.all(|voice| Some(voice) == first)
}

/// Bar lines with nothing but space between them are one: `:| |:` is `::`. So is one that ends a line and its like at the
/// start of the next; only a repeat that begins there keeps its own.
fn merge_bars(items: Vec<Item>, has_parts: bool) -> Vec<Item> {
    let mut merged: Vec<Item> = Vec::with_capacity(items.len());
    for item in items {
        let Token::Bar(bar) = item.token else {
            merged.push(item);
            continue;
        };
        let begins = bar.begins > 0;
        let between = |token: &Token| matches!(token, Token::Space) || (!begins && matches!(token, Token::LineEnd));
        let passed_over = |token: &Token| between(token) || changes_nothing(token, has_parts);
        let last_bar = merged.iter().rposition(|item| !passed_over(&item.token));
        let last_bar = last_bar.and_then(|index| merged.get_mut(index));
        match last_bar.map(|item| &mut item.token) {
            Some(Token::Bar(last)) => {
                let style =
                    if matches!(last.style, BarStyle::Plain | BarStyle::Opening) { bar.style } else { last.style };
                *last = Bar { ends: last.ends.max(bar.ends), begins: last.begins.max(bar.begins), style };
            }
            _ => merged.push(item),
        }
    }
    merged
}

/// Fields and directives without effect on the notes.
fn changes_nothing(token: &Token, has_parts: bool) -> bool {
    match token {
        Token::Field { letter: 'P', .. } => !has_parts,
        Token::Field { letter: 'Q', value } => !matches!(fields::tempo(value, Length::ONE), Ok(Some(_))),
        Token::Field { letter: 'K', value } => {
            matches!(fields::key(value), Ok((None, shift)) if shift == Default::default())
        }
        Token::Directive(text) => matches!(fields::midi(text), Ok(None)),
        Token::Dynamic(_) => true,
        _ => false,
    }
}
