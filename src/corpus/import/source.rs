//! A file to import from: opened, unpacked where it is compressed, read piece by piece. Holds what every reader must not
//! do itself: how long a line may be, how far a compressed file may unfold, how far along all files the reading is, and
//! whether it was asked to stop.

use crate::fault::{Error, Fault, Result};
use crate::job::{Cancel, Progress, Report};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The longest line, in bytes.
pub(super) const LONGEST_LINE: usize = 64 << 20;
/// A compressed file may unfold to so many times its size, once it is past [`UNSUSPECTED`]. Text packs to a fourth, the
/// most repetitive JSON to a fortieth; an archive that is made to fill a disk goes a thousandfold.
const UNFOLDS: u64 = 200;
const UNSUSPECTED: u64 = 64 << 20;
/// How much of a file is looked at to recognise it.
pub(super) const HEAD: usize = 64 << 10;

/// A file to import from.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Where it lies.
    pub path: PathBuf,
    /// Its path below the folder that was named, with `/`; the file name, where a file was named.
    pub name: String,
    /// Its size in bytes, as it lies there.
    pub size: u64,
}

/// How far along all files the reading is.
#[derive(Clone)]
pub(super) struct Meter<'a> {
    pub report: Report<'a>,
    pub cancel: &'a Cancel,
    pub total: u64,
    done: Rc<Cell<u64>>,
}

impl<'a> Meter<'a> {
    pub(super) fn new(report: Report<'a>, cancel: &'a Cancel, total: u64) -> Self {
        Self { report, cancel, total, done: Rc::default() }
    }

    /// Looks whether the reading was asked to stop, and says how far it is.
    pub(super) fn tick(&self, doing: &str) -> Result<()> {
        self.cancel.check()?;
        let percent = (100 * self.done.get()).checked_div(self.total).unwrap_or(0);
        (self.report)(Progress { doing: format!("reading {doing}"), done: percent.min(100), total: 100 });
        Ok(())
    }

    /// A file that is not read through this counts as read.
    pub(super) fn passed(&self, bytes: u64) {
        self.done.set(self.done.get() + bytes);
    }
}

impl Source {
    /// The path as it is told to a person.
    pub(super) fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// The place of a line.
    pub(super) fn line(&self, number: u64) -> String {
        format!("{}:{number}", self.place())
    }

    /// The name without what only says that it is compressed.
    pub(super) fn plain_name(&self) -> &str {
        let name = self.name.as_str();
        [".gz", ".gzip", ".zst", ".zstd"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
    }

    /// The file name's ending, in lower case.
    pub(super) fn ending(&self) -> String {
        let name = self.plain_name();
        let file = name.rsplit('/').next().unwrap_or(name);
        file.rsplit_once('.').map_or(String::new(), |(_, end)| end.to_ascii_lowercase())
    }

    /// Opens it, unpacked.
    pub(super) fn open(&self, meter: &Meter<'_>) -> Result<Box<dyn BufRead>> {
        self.opened(Rc::clone(&meter.done), meter.cancel.clone())
    }

    fn opened(&self, done: Rc<Cell<u64>>, cancel: Cancel) -> Result<Box<dyn BufRead>> {
        let failed = |e: &io::Error| Error::from(Fault::io(&self.path, "read", e));
        let file = File::open(&self.path).map_err(|e| failed(&e))?;
        let taken = Rc::new(Cell::new(0));
        let counted = Counted { file, done, taken: Rc::clone(&taken), cancel };
        let mut packed = BufReader::with_capacity(1 << 17, counted);
        let start = packed.fill_buf().map_err(|e| failed(&e))?;
        let guard = |inner: Box<dyn Read>| -> Box<dyn BufRead> {
            Box::new(BufReader::with_capacity(
                1 << 17,
                Unfolding { inner, taken: Rc::clone(&taken), given: 0 },
            ))
        };
        Ok(match start {
            [0x1f, 0x8b, ..] => guard(Box::new(flate2::bufread::MultiGzDecoder::new(packed))),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                guard(Box::new(zstd::Decoder::with_buffer(packed).map_err(|e| failed(&e))?))
            }
            _ => Box::new(packed),
        })
    }

    /// The beginning of its content, unpacked.
    pub(super) fn head(&self) -> Result<Vec<u8>> {
        let mut head = Vec::new();
        let reader = self.opened(Rc::default(), Cancel::new())?;
        match reader.take(HEAD as u64).read_to_end(&mut head) {
            Err(e) if head.is_empty() => Err(self.failed(&e)),
            _ => Ok(head),
        }
    }

    /// The whole content, unpacked, of at most so many bytes.
    pub(super) fn whole(&self, meter: &Meter<'_>, most: usize) -> Result<Vec<u8>> {
        let mut whole = Vec::new();
        let reader = self.open(meter)?;
        reader.take(most as u64 + 1).read_to_end(&mut whole).map_err(|e| self.failed_in(&e, meter))?;
        if whole.len() > most {
            return Err(Fault::new(self.place(), format!("more than {} MiB", most >> 20))
                .expected("a file that can be read whole")
                .next("Divide it into smaller files.")
                .into());
        }
        Ok(whole)
    }

    /// What a failed read of this file means.
    pub(super) fn failed_in(&self, error: &io::Error, meter: &Meter<'_>) -> Error {
        if meter.cancel.is_cancelled() { Error::Cancelled } else { self.failed(error) }
    }

    fn failed(&self, error: &io::Error) -> Error {
        let fault = Fault::new(self.place(), error);
        match error.kind() {
            io::ErrorKind::UnexpectedEof => fault
                .expected("a compressed file to its end")
                .next("Fetch it again; a part of it is missing."),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::Other => {
                fault.expected("a sound file").next("Unpack it by hand, or fetch it again.")
            }
            _ => Fault::io(&self.path, "read", error),
        }
        .into()
    }
}

/// Counts what is read of a file, and stops when it is asked to.
struct Counted {
    file: File,
    done: Rc<Cell<u64>>,
    taken: Rc<Cell<u64>>,
    cancel: Cancel,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("stopped"));
        }
        let read = self.file.read(into)?;
        self.done.set(self.done.get() + read as u64);
        self.taken.set(self.taken.get() + read as u64);
        Ok(read)
    }
}

/// Refuses what unfolds beyond belief.
struct Unfolding {
    inner: Box<dyn Read>,
    taken: Rc<Cell<u64>>,
    given: u64,
}

impl Read for Unfolding {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.given += read as u64;
        if self.given > UNSUSPECTED && self.given / UNFOLDS > self.taken.get() {
            return Err(io::Error::other(format!(
                "{} MiB unpacked from {} KiB, more than {UNFOLDS} times as much",
                self.given >> 20,
                self.taken.get() >> 10
            )));
        }
        Ok(read)
    }
}

/// The lines of a file, one after the other.
pub(super) struct Lines<'a> {
    source: &'a Source,
    meter: &'a Meter<'a>,
    reader: Box<dyn BufRead>,
    line: Vec<u8>,
    number: u64,
}

/// A line without its end, or what is wrong with it.
pub(super) enum Line<'a> {
    Text(&'a str),
    Wrong(Fault),
}

impl<'a> Lines<'a> {
    pub(super) fn of(source: &'a Source, meter: &'a Meter<'a>) -> Result<Self> {
        Ok(Self { source, meter, reader: source.open(meter)?, line: Vec::new(), number: 0 })
    }

    /// The next line with its number, from 1. A line that is too long is passed over, one that is not UTF-8 refused.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Line<'_>)>> {
        let failed = |e: io::Error| self.source.failed_in(&e, self.meter);
        self.line.clear();
        self.number += 1;
        if self.number % 1024 == 1 {
            self.meter.tick(&self.source.name)?;
        }
        let most = LONGEST_LINE as u64 + 1;
        let read = (&mut self.reader).take(most).read_until(b'\n', &mut self.line).map_err(failed)?;
        if read == 0 {
            return Ok(None);
        }
        if read > LONGEST_LINE && self.line.last() != Some(&b'\n') {
            loop {
                let buffer = self.reader.fill_buf().map_err(failed)?;
                let end = buffer.iter().position(|b| *b == b'\n');
                let passed = end.map_or(buffer.len(), |at| at + 1);
                self.reader.consume(passed);
                if end.is_some() || passed == 0 {
                    break;
                }
            }
            let fault =
                Fault::new(self.source.line(self.number), format!("more than {} MiB", LONGEST_LINE >> 20))
                    .expected("a shorter line")
                    .next("Divide it; the other lines are read.");
            return Ok(Some((self.number, Line::Wrong(fault))));
        }
        while let Some(b'\n' | b'\r') = self.line.last() {
            self.line.pop();
        }
        let start = if self.number == 1 && self.line.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Ok(Some((
            self.number,
            match std::str::from_utf8(&self.line[start..]) {
                Ok(text) => Line::Text(text),
                Err(e) => {
                    let bad = self.line[start + e.valid_up_to()];
                    Line::Wrong(
                        Fault::new(self.source.line(self.number), format!("the byte 0x{bad:02x}"))
                            .expected("text in UTF-8")
                            .next(
                                "Save the file as UTF-8 (for instance with iconv); the other lines are read.",
                            ),
                    )
                }
            },
        )))
    }
}

/// The files at a path: itself, or those below it, in order. Ignore files are respected, hidden files and links are
/// passed over, so that nothing outside of the folder is read.
pub(super) fn files(path: &Path) -> Result<(Vec<Source>, Vec<Fault>)> {
    let about = std::fs::metadata(path).map_err(|e| Fault::io(path, "read", &e))?;
    let name_of = |path: &Path| path.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
    if about.is_file() {
        return Ok((
            vec![Source { path: path.to_owned(), name: name_of(path), size: about.len() }],
            Vec::new(),
        ));
    }
    if !about.is_dir() {
        return Err(Fault::new(path.display(), "something that is neither file nor folder")
            .expected("a file or a folder")
            .next("Name a file or a folder.")
            .into());
    }
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    let walk = ignore::WalkBuilder::new(path)
        .follow_links(false)
        .require_git(false)
        .parents(false)
        .git_global(false)
        .sort_by_file_path(Path::cmp)
        .build();
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) => {
                faults.push(
                    Fault::new(path.display(), e)
                        .expected("a folder that can be listed")
                        .next("Give yourself permission; the other files are read."),
                );
                continue;
            }
        };
        let Some(kind) = entry.file_type().filter(|_| entry.depth() > 0) else { continue };
        if kind.is_symlink() {
            faults.push(
                Fault::new(entry.path().display(), "a link")
                    .expected("a file")
                    .next("Put the file itself there; links are not followed."),
            );
        } else if kind.is_file() {
            let below = entry.path().strip_prefix(path).unwrap_or(entry.path());
            found.push(Source {
                path: entry.path().to_owned(),
                name: below.to_string_lossy().replace('\\', "/"),
                size: entry.metadata().map_or(0, |m| m.len()),
            });
        }
    }
    Ok((found, faults))
}
