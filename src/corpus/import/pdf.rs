//! PDF to text. What reads it can panic, run for ever, or take all memory there is, so that a process of its own does it:
//! this program again, with a command that only reads a PDF. The process is watched, and ended when it goes beyond a
//! minute or a gigabyte. Where there is no such program, as in a test, a thread does it.

use super::sink::New;
use super::source::Source;
use crate::fault::{Error, Fault, Result};
use crate::job::Cancel;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The hidden command that reads a PDF: `juxta read-pdf FROM TO`.
pub const COMMAND: &str = "read-pdf";
const LONGEST: Duration = Duration::from_secs(60);
/// In bytes.
const MOST_MEMORY: u64 = 1 << 30;
const LARGEST: u64 = 512 << 20;
const STACK: usize = 64 << 20;
const LOOK: Duration = Duration::from_millis(20);

/// What a PDF says, or why it could not be read.
#[derive(Debug, Serialize, Deserialize)]
pub enum Said {
    /// The text of each page.
    Pages(Vec<String>),
    /// What was wrong.
    Wrong(String),
}

/// The document in a PDF.
pub(super) fn read(file: &Source, program: Option<&Path>, cancel: &Cancel) -> Result<New> {
    let place = file.place();
    if file.size > LARGEST {
        return Err(Fault::new(&place, format!("{} MiB", file.size >> 20))
            .expected(format!("a PDF of at most {} MiB", LARGEST >> 20))
            .next("Divide it, or extract its text by other means.")
            .into());
    }
    let said = match program {
        Some(program) => in_a_process(&file.path, program, cancel)?,
        None => on_a_thread(&file.path, cancel)?,
    };
    match said {
        Said::Pages(pages) if pages.iter().all(|p| p.trim().is_empty()) => Err(Fault::new(
            &place,
            match pages.len() {
                1 => "one page without text".to_owned(),
                n => format!("{n} pages without text"),
            },
        )
        .expected("a PDF with text; this may be a scan")
        .next("Put text under its pages (ocrmypdf does), and add it again.")
        .into()),
        Said::Pages(pages) => Ok(document(&pages)),
        Said::Wrong(found) => Err(Fault::new(&place, found)
            .expected("a PDF whose text can be read")
            .next("Print it to a PDF again, or extract its text by other means (pdftotext does).")
            .into()),
    }
}

/// Reads a PDF here and now, whatever happens. For the process that is there for nothing else.
pub fn extract(path: &Path) -> Said {
    match pdf_extract::extract_text_by_pages(path) {
        Ok(pages) => Said::Pages(pages),
        Err(e) => Said::Wrong(e.to_string()),
    }
}

/// What the process does that was started for one PDF: reads it, and writes what it says to a file.
///
/// # Errors
/// A [`Fault`] if the file cannot be written.
pub fn extract_to(from: &Path, to: &Path) -> Result<()> {
    let path = from.to_owned();
    let reading = std::thread::Builder::new().stack_size(STACK).spawn(move || extract(&path));
    let said = match reading.map(std::thread::JoinHandle::join) {
        Ok(Ok(said)) => said,
        Ok(Err(_)) => Said::Wrong("a PDF that its reader cannot take".into()),
        Err(e) => Said::Wrong(e.to_string()),
    };
    let json = serde_json::to_vec(&said).map_err(|e| Fault::new(to.display(), e))?;
    std::fs::write(to, json).map_err(|e| Fault::io(to, "write", &e).into())
}

fn in_a_process(path: &Path, program: &Path, cancel: &Cancel) -> Result<Said> {
    let failed = |e: &std::io::Error| Error::from(Fault::io(program, "start", e));
    let dir = tempfile::tempdir().map_err(|e| failed(&e))?;
    let to = dir.path().join("pages.json");
    let mut child = Command::new(program)
        .arg(COMMAND)
        .arg(path)
        .arg(&to)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| failed(&e))?;
    let started = Instant::now();
    loop {
        match child.try_wait().map_err(|e| failed(&e))? {
            Some(_) => break,
            None if cancel.is_cancelled() => {
                end(&mut child);
                return Err(Error::Cancelled);
            }
            None if started.elapsed() > LONGEST => {
                end(&mut child);
                return Ok(Said::Wrong(format!(
                    "a PDF that takes more than {} s to read",
                    LONGEST.as_secs()
                )));
            }
            None if memory(&child).is_some_and(|bytes| bytes > MOST_MEMORY) => {
                end(&mut child);
                return Ok(Said::Wrong(format!(
                    "a PDF that takes more than {} MiB to read",
                    MOST_MEMORY >> 20
                )));
            }
            None => std::thread::sleep(LOOK.min(started.elapsed() / 4 + Duration::from_millis(1))),
        }
    }
    let said = std::fs::read(&to).ok().and_then(|json| serde_json::from_slice(&json).ok());
    Ok(said.unwrap_or_else(|| Said::Wrong("a PDF that its reader cannot take".into())))
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// How much memory the process has, where the system says so.
fn memory(child: &Child) -> Option<u64> {
    let about = std::fs::read_to_string(format!("/proc/{}/statm", child.id())).ok()?;
    let pages: u64 = about.split_whitespace().nth(1)?.parse().ok()?;
    // Pages of 4 KiB; where they are larger, the limit is higher.
    Some(pages * 4096)
}

/// A thread cannot be ended: where it goes beyond the time, it is left to itself.
fn on_a_thread(path: &Path, cancel: &Cancel) -> Result<Said> {
    let (sender, receiver) = crossbeam_channel::bounded(1);
    let owned = path.to_owned();
    std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || {
            let said = std::panic::catch_unwind(|| extract(&owned));
            let _ =
                sender.send(said.unwrap_or_else(|_| Said::Wrong("a PDF that its reader cannot take".into())));
        })
        .map_err(|e| Fault::io(path, "read", &e))?;
    let started = Instant::now();
    loop {
        cancel.check()?;
        match receiver.recv_timeout(LOOK) {
            Ok(said) => return Ok(said),
            Err(crossbeam_channel::RecvTimeoutError::Timeout) if started.elapsed() < LONGEST => {}
            Err(_) => return Ok(Said::Wrong("a PDF that takes too long to read".into())),
        }
    }
}

/// Pages as one text: lines of a paragraph together, words that were divided at a line's end joined.
fn document(pages: &[String]) -> New {
    let mut text = String::new();
    for page in pages {
        let mut lines: Vec<&str> = page.lines().map(str::trim).collect();
        // A number alone above or below is that of the page.
        let number =
            |line: &&str| !line.is_empty() && line.len() <= 4 && line.bytes().all(|b| b.is_ascii_digit());
        if let Some(at) = lines.iter().rposition(|l| !l.is_empty()).filter(|at| number(&lines[*at])) {
            lines.remove(at);
        }
        let mut blank = true;
        for line in lines {
            if line.is_empty() {
                blank = true;
                continue;
            }
            let hyphen = text.ends_with('-') && line.starts_with(|c: char| c.is_lowercase());
            if hyphen && !blank {
                text.pop();
            } else if !text.is_empty() {
                // A sentence that goes on over a page goes on in the text.
                let ends = text.ends_with(['.', '!', '?', ':', ';', '”', '"', ')']);
                let begins = line.starts_with(|c: char| c.is_lowercase());
                text.push_str(if blank && (ends || !begins) { "\n\n" } else { "\n" });
            }
            push_words(line, &mut text);
            blank = false;
        }
    }
    let text = text.replace('\0', "");
    let title = title_line(&text);
    New { id: String::new(), title, text, sections: Vec::new() }
}

/// The words of a line, without the dots that lead to page numbers.
fn push_words(line: &str, text: &mut String) {
    let mut first = true;
    let leads = |word: &str| word.len() > 3 && word.bytes().all(|b| b == b'.') || word == ".";
    let mut words = line.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let mut shown = word;
        if leads(word) && (word != "." || words.peek().is_some_and(|next| leads(next))) {
            while words.next_if(|next| leads(next)).is_some() {}
            shown = "…";
        }
        if !first {
            text.push(' ');
        }
        text.push_str(shown);
        first = false;
    }
}

/// The first line, if it reads like a title.
fn title_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let words = line.split_whitespace().count();
    let plain = (2..=16).contains(&words) && line.chars().any(char::is_alphabetic) && !line.ends_with('.');
    if plain { line.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_page_become_paragraphs() {
        let pages =
            ["A Short Paper\n\nWe show that re-\nsults hold. They do\nso often.\n\nNext part.\n3".to_owned()];
        let new = document(&pages);
        assert_eq!(
            document(&["2.1 Syntax . . . . . 2\nEnd . So.".to_owned()]).text,
            "2.1 Syntax … 2\nEnd . So."
        );
        assert_eq!(new.title, "A Short Paper");
        assert_eq!(new.text, "A Short Paper\n\nWe show that results hold. They do\nso often.\n\nNext part.");
    }
}
