//! Where the documents of a corpus stand, so that a corpus of any size is never in memory whole: one of them is
//! read when it is asked for, all of them one after the other.

use super::Document;
use super::document::Section;
use crate::fault::{Fault, Result};
use crate::folder::Folder;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;

/// One file of documents beside `documents/`; what a person writes who has them as lines.
pub(super) const LINES: &str = "documents.jsonl";
/// The longest line that is read, in bytes: a file that is one endless line must not fill the memory.
pub(super) const LONGEST_LINE: usize = 64 << 20;

/// Where the documents of a corpus stand.
#[derive(Debug, Clone)]
pub struct Documents {
    folder: Folder,
    /// The files, in the order of their names.
    files: Arc<[String]>,
    /// In the order of their keys.
    places: Arc<[Place]>,
}

/// Where one document stands. Its id is not kept, only enough of its digest to tell ids apart: a corpus of millions
/// of documents has as many of these in memory.
#[derive(Debug, Clone, Copy)]
struct Place {
    key: [u8; 16],
    file: u32,
    start: u64,
    bytes: u32,
}

/// A document as a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub id: String,
    pub title: String,
    pub text: String,
    /// Heading, first and last byte of each section; without any the text is one section.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<(Option<String>, usize, usize)>,
}

/// A document as it stands in a file.
pub(super) struct Raw<'a> {
    pub file: u32,
    pub start: u64,
    pub bytes: &'a [u8],
    /// `path:line` of a line, the path of a file.
    pub place: String,
}

impl Documents {
    /// Finds the documents among a folder's files and hands each of them to `see`, which may refuse it.
    pub(super) fn scan(
        folder: &Folder,
        names: &[String],
        see: &mut dyn FnMut(&Document) -> Result<()>,
    ) -> Result<Self> {
        let files: Arc<[String]> = names.iter().filter(|n| is_file(n)).cloned().collect();
        let mut places = Vec::new();
        let mut documents = Self { folder: folder.clone(), files, places: Arc::new([]) };
        documents.raw(&mut |raw| {
            let document = documents.parse(&raw)?;
            // Checked by the longest line: a file of Markdown is no longer either.
            let bytes = u32::try_from(raw.bytes.len()).unwrap_or(u32::MAX);
            places.push(Place { key: key(&document.id), file: raw.file, start: raw.start, bytes });
            see(&document)
        })?;
        if places.is_empty() {
            return Err(Fault::new(folder.place("documents"), "no documents")
                .expected("one or more files documents/*.md, or a documents.jsonl")
                .next("Add documents; a corpus without any cannot be searched.")
                .into());
        }
        places.sort_by_key(|p| p.key);
        let twice = places.windows(2).find(|p| p[0].key == p[1].key).map(|p| p[0]);
        documents.places = places.into();
        match twice {
            Some(place) => Err(Fault::new(
                folder.place("documents"),
                format!("two documents with the id {:?}", documents.at(place)?.id),
            )
            .expected("every id once")
            .next("Rename one of them.")
            .into()),
            None => Ok(documents),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none, which no corpus that was read has.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The document of that id, read from its file.
    ///
    /// # Errors
    /// A [`Fault`] if its file cannot be read any more, or has changed.
    pub fn get(&self, id: &str) -> Result<Option<Document>> {
        let key = key(id);
        let Ok(at) = self.places.binary_search_by_key(&key, |p| p.key) else { return Ok(None) };
        let document = self.at(self.places[at])?;
        if document.id == id {
            return Ok(Some(document));
        }
        Err(Fault::new(self.folder.place("documents"), format!("{:?} where {id:?} stood", document.id))
            .expected("files that stay as they are while they are read")
            .next("Try again.")
            .into())
    }

    /// Every document, in the order of the files.
    ///
    /// # Errors
    /// Those of `see`, and a [`Fault`] if a file cannot be read any more.
    pub fn each(&self, see: &mut dyn FnMut(Document) -> Result<()>) -> Result<()> {
        self.raw(&mut |raw| see(self.parse(&raw)?))
    }

    fn at(&self, place: Place) -> Result<Document> {
        let file = &self.files[place.file as usize];
        let bytes = match &self.folder {
            _ if !is_lines(file) => self.folder.read(file)?.into_owned(),
            Folder::Bundled(_) => {
                let whole = self.folder.read(file)?;
                let start = usize::try_from(place.start).unwrap_or(usize::MAX);
                whole.get(start..start.saturating_add(place.bytes as usize)).unwrap_or_default().to_vec()
            }
            Folder::Disk(dir) => {
                let path = dir.join(file);
                let mut bytes = vec![0; place.bytes as usize];
                File::open(&path)
                    .and_then(|mut f| {
                        f.seek(SeekFrom::Start(place.start))?;
                        f.read_exact(&mut bytes)
                    })
                    .map_err(|e| Fault::io(&path, "read", &e))?;
                bytes
            }
        };
        self.parse(&Raw {
            file: place.file,
            start: place.start,
            bytes: &bytes,
            place: self.folder.place(file),
        })
    }

    fn raw(&self, see: &mut dyn FnMut(Raw<'_>) -> Result<()>) -> Result<()> {
        for (n, file) in self.files.iter().enumerate() {
            // A corpus has far fewer files than 2^32.
            each_raw(&self.folder, file, u32::try_from(n).unwrap_or(u32::MAX), see)?;
        }
        Ok(())
    }

    fn parse(&self, raw: &Raw<'_>) -> Result<Document> {
        parse(&self.files[raw.file as usize], raw)
    }
}

/// Every document of one file, as it stands there.
pub(super) fn each_raw(
    folder: &Folder,
    file: &str,
    number: u32,
    see: &mut dyn FnMut(Raw<'_>) -> Result<()>,
) -> Result<()> {
    let place = folder.place(file);
    if !is_lines(file) {
        let bytes = folder.read(file)?;
        return see(Raw { file: number, start: 0, bytes: &bytes, place });
    }
    let mut reader: Box<dyn BufRead> = match folder {
        Folder::Bundled(_) => Box::new(Cursor::new(folder.read(file)?)),
        Folder::Disk(dir) => {
            let path = dir.join(file);
            Box::new(BufReader::with_capacity(
                1 << 18,
                File::open(&path).map_err(|e| Fault::io(&path, "read", &e))?,
            ))
        }
    };
    let (mut line, mut start, mut number_of_line) = (Vec::new(), 0u64, 0u64);
    loop {
        line.clear();
        number_of_line += 1;
        let read = (&mut reader)
            .take(LONGEST_LINE as u64 + 1)
            .read_until(b'\n', &mut line)
            .map_err(|e| Fault::new(&place, e).expected("a file that can be read").next("Check the disk."))?;
        if read == 0 {
            return Ok(());
        }
        if read > LONGEST_LINE {
            return Err(Fault::new(
                format!("{place}:{number_of_line}"),
                format!("a line of more than {} MiB", LONGEST_LINE >> 20),
            )
            .expected("one document a line")
            .next("Divide the document.")
            .into());
        }
        let text = line.trim_ascii_end();
        if !text.is_empty() {
            see(Raw { file: number, start, bytes: text, place: format!("{place}:{number_of_line}") })?;
        }
        start += read as u64;
    }
}

/// The document that stands there.
pub(super) fn parse(file: &str, raw: &Raw<'_>) -> Result<Document> {
    if is_lines(file) {
        return line(raw);
    }
    let id = file.strip_prefix("documents/").unwrap_or(file);
    let id = id.rsplit_once('.').map_or(id, |(stem, _)| stem).replace('/', "-");
    let text = crate::folder::utf8(raw.bytes.to_vec(), &raw.place)?;
    if text.trim().is_empty() {
        return Err(Fault::new(&raw.place, "an empty file")
            .expected("the text of a document")
            .next("Fill the file or remove it.")
            .into());
    }
    Ok(match file.ends_with(".md") {
        true => Document::markdown(id, &text),
        false => Document::plain(id.clone(), id, text),
    })
}

fn line(raw: &Raw<'_>) -> Result<Document> {
    if let Err(e) = std::str::from_utf8(raw.bytes) {
        let bad = raw.bytes[e.valid_up_to()];
        return Err(Fault::new(&raw.place, format!("the byte 0x{bad:02x} at offset {}", e.valid_up_to()))
            .expected("text in UTF-8")
            .next("Save the file as UTF-8 (for instance with iconv) and try again.")
            .into());
    }
    let d: Line = serde_json::from_slice(raw.bytes).map_err(|e| {
        Fault::new(
            format!("{}:{}", raw.place, e.column()),
            e.to_string().split(" at line").next().unwrap_or_default(),
        )
        .expected("one JSON object with the strings id, title and text")
        .next("Correct that line.")
    })?;
    if d.id.is_empty() || d.text.trim().is_empty() {
        return Err(Fault::new(&raw.place, "an empty id or text")
            .expected("a document with an id and a text")
            .next("Fill it or remove the line.")
            .into());
    }
    if d.sections.is_empty() {
        return Ok(Document::plain(d.id, d.title, d.text));
    }
    let mut sections = Vec::with_capacity(d.sections.len());
    let mut end = 0;
    for (heading, from, to) in d.sections {
        if from < end || d.text.get(from..to).is_none() {
            return Err(Fault::new(&raw.place, format!("a section from byte {from} to {to}"))
                .expected("sections within the text, in order, between characters")
                .next("Correct the sections, or leave them out.")
                .into());
        }
        end = to;
        sections.push(Section { heading, range: from..to });
    }
    Ok(Document { id: d.id, title: d.title, text: d.text, sections })
}

/// Whether a file of a corpus holds documents.
pub(super) fn is_file(name: &str) -> bool {
    name == LINES
        || name
            .strip_prefix("documents/")
            .is_some_and(|n| [".md", ".txt", ".jsonl"].iter().any(|end| n.ends_with(end)))
}

/// Whether a file holds a document a line.
pub(super) fn is_lines(name: &str) -> bool {
    name.ends_with(".jsonl")
}

pub(super) fn key(id: &str) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&blake3::hash(id.as_bytes()).as_bytes()[..16]);
    key
}

/// Quotes that are looked for while the documents pass: by document, each with the number of who asks.
#[derive(Debug, Default)]
pub(super) struct Wanted<'a> {
    by_document: HashMap<[u8; 16], Vec<(usize, &'a str)>>,
    /// Numbers whose document passed, and of those whose quote stood in it.
    pub there: Vec<bool>,
    pub stands: Vec<bool>,
}

impl<'a> Wanted<'a> {
    /// Looks for another quote; the number of the asker counts up from 0.
    pub fn push(&mut self, document: &str, quote: &'a str) {
        let number = self.there.len();
        self.by_document.entry(key(document)).or_default().push((number, quote));
        self.there.push(false);
        self.stands.push(false);
    }

    /// A document passes.
    pub fn see(&mut self, document: &Document) {
        for (number, quote) in self.by_document.get(&key(&document.id)).into_iter().flatten() {
            self.there[*number] = true;
            self.stands[*number] = !quote.trim().is_empty() && document.text.contains(quote);
        }
    }
}
