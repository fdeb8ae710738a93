//! The lines of a file, handed on one by one together with the sink; those that are no text, or no JSON object, are counted
//! there. Knows no format.

use super::found::Wrong;
use super::json;
use super::sink::Sink;
use super::source::{Line, Lines, Source};
use crate::fault::{Fault, Result};
use serde_json::Value;

/// Hands on every line of text with its number, from 1; blank ones too.
pub(super) fn each_text<'a>(
    file: &Source,
    sink: &mut Sink<'a>,
    see: &mut dyn FnMut(&mut Sink<'a>, u64, &str) -> Result<()>,
) -> Result<()> {
    // The meter is needed to read while the sink takes in what was read.
    let meter = sink.meter.clone();
    let mut lines = Lines::of(file, &meter)?;
    while let Some((number, line)) = lines.next()? {
        match line {
            Line::Text(line) => see(sink, number, line)?,
            Line::Wrong(fault) => sink.wrong(Wrong::Unreadable, || fault),
        }
    }
    Ok(())
}

/// Hands on every line that is a JSON object, with its place.
pub(super) fn each_object<'a>(
    file: &Source,
    sink: &mut Sink<'a>,
    see: &mut dyn FnMut(&mut Sink<'a>, Value, &str) -> Result<()>,
) -> Result<()> {
    each_text(file, sink, &mut |sink, number, line| {
        if line.trim().is_empty() {
            return Ok(());
        }
        let place = file.line(number);
        match serde_json::from_str::<Value>(line) {
            Ok(value) if value.is_object() => return see(sink, value, &place),
            Ok(_) => sink.wrong(Wrong::Shape, || {
                Fault::new(place, "no JSON object").expected("one a line").next("The line is left out.")
            }),
            Err(e) => sink.wrong(Wrong::Unreadable, || {
                json::refused(&format!("{place}:{}", e.column()), &e).next("The other lines are read.")
            }),
        }
        Ok(())
    })
}
