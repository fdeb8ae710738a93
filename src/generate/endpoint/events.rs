//! Server-sent events: from bytes, however they are cut, to the data of each event (WHATWG HTML, section 9.2.6).

/// The longest event: one of a completion has a few hundred bytes.
const LONGEST: usize = 1 << 20;

/// An event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// The name of the field; `data`, or `error`, which older servers of llama.cpp have.
    pub(super) field: Field,
    /// What it holds, of several lines where there were several.
    pub(super) data: String,
}

/// Which field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Data,
    Error,
}

/// What is wrong with a stream of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    TooLong,
    NotUtf8,
}

/// Takes bytes, gives events.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    after_return: bool,
    begun: bool,
    data: Option<Event>,
}

impl Events {
    /// The events that `bytes` bring to their end. Comments and other fields are left out.
    pub(super) fn push(&mut self, bytes: &[u8], found: &mut Vec<Event>) -> Result<(), Broken> {
        for byte in bytes {
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    self.end_line(found)?;
                }
                _ => {
                    self.after_return = false;
                    self.line.push(*byte);
                    if self.line.len() > LONGEST {
                        return Err(Broken::TooLong);
                    }
                }
            }
        }
        Ok(())
    }

    /// What stands there without an empty line after it, when the stream is at its end: the standard drops it, and some
    /// servers end so.
    pub(super) fn rest(&mut self) -> Result<Option<Event>, Broken> {
        let mut found = Vec::new();
        self.end_line(&mut found)?;
        self.end_event(&mut found);
        Ok(found.pop())
    }

    fn end_line(&mut self, found: &mut Vec<Event>) -> Result<(), Broken> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8(line).map_err(|_| Broken::NotUtf8)?;
        let line = if self.begun { line.as_str() } else { line.trim_start_matches('\u{feff}') };
        self.begun = true;
        if line.is_empty() {
            self.end_event(found);
            return Ok(());
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        let field = match name {
            "data" => Field::Data,
            "error" => Field::Error,
            // A comment begins with the colon and has no name; event, id and retry say nothing of an answer.
            _ => return Ok(()),
        };
        match &mut self.data {
            Some(event) if event.field == field => {
                event.data.push('\n');
                event.data.push_str(value);
                if event.data.len() > LONGEST {
                    return Err(Broken::TooLong);
                }
            }
            _ => {
                self.end_event(found);
                self.data = Some(Event { field, data: value.to_owned() });
            }
        }
        Ok(())
    }

    fn end_event(&mut self, found: &mut Vec<Event>) {
        found.extend(self.data.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(pieces: &[&[u8]]) -> Vec<String> {
        let (mut events, mut found) = (Events::default(), Vec::new());
        for piece in pieces {
            events.push(piece, &mut found).expect("events");
        }
        found.extend(events.rest().expect("a rest"));
        found.into_iter().map(|e| e.data).collect()
    }

    #[test]
    fn lines_end_in_three_ways_comments_are_nothing_and_data_may_have_several_lines() {
        let stream = "\u{feff}: hello\r\ndata: a\r\n\r\ndata:b\ndata: c\n\n: keep alive\n\nevent: x\ndata\n\rid: 3\r\rdata:  d";
        assert_eq!(all(&[stream.as_bytes()]), ["a", "b\nc", "", " d"]);
    }

    #[test]
    fn an_error_field_is_an_event_of_its_own() {
        let (mut events, mut found) = (Events::default(), Vec::new());
        events.push(b"data: a\nerror: {}\n\n", &mut found).expect("events");
        let fields: Vec<Field> = found.iter().map(|e| e.field).collect();
        assert_eq!(fields, [Field::Data, Field::Error]);
    }

    #[test]
    fn a_line_or_an_event_without_end_is_given_up() {
        let mut events = Events::default();
        assert_eq!(events.push(&vec![b'x'; LONGEST + 1], &mut Vec::new()), Err(Broken::TooLong));
        let (mut events, mut found) = (Events::default(), Vec::new());
        let line = format!("data: {}\n", "x".repeat(1000));
        let broken = (0..2000).find_map(|_| events.push(line.as_bytes(), &mut found).err());
        assert_eq!(broken, Some(Broken::TooLong));
        assert_eq!(Events::default().push(b"data: \xff\n", &mut found), Err(Broken::NotUtf8));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_bytes_are_cut(
            stream in "(data: [a-zé漢😀]{0,6}|: [a-z]{0,3}|event: x|)(\r\n|\n|\r)((data: ?[a-zé漢😀]{0,6}|)(\r\n|\n|\r)){0,8}",
            cuts in proptest::collection::vec(0usize..120, 0..8)
        ) {
            let bytes = stream.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|c| &bytes[c[0]..c[1]]).collect();
            prop_assert_eq!(all(&pieces), all(&[bytes]));
        }
    }
}
