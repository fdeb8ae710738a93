//! The bytes of a file of weights, read piece by piece from disk or from the unpacked bundle, so that a model of
//! gigabytes is never in memory twice. Sizes that a header claims are checked against the file before any
//! memory is asked for.

use crate::fault::{Fault, Result};
use crate::folder::Folder;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};

/// A file opened for reading anywhere in it.
pub(super) struct Source {
    bytes: Bytes,
    /// The file's size in bytes.
    pub(super) len: u64,
    /// The file's path as it is told to a person.
    pub(super) place: String,
}

enum Bytes {
    Disk(BufReader<File>),
    Memory(Cursor<Vec<u8>>),
}

impl Source {
    pub(super) fn open(folder: &Folder, file: &str) -> Result<Self> {
        let place = folder.place(file);
        let (bytes, len) = match folder {
            Folder::Disk(path) if folder.has(file) => {
                let path = path.join(file);
                let opened = File::open(&path).map_err(|e| Fault::io(&path, "read", &e))?;
                let len = opened.metadata().map_err(|e| Fault::io(&path, "read", &e))?.len();
                (Bytes::Disk(BufReader::with_capacity(1 << 16, opened)), len)
            }
            _ => {
                let bytes = folder.read(file)?.into_owned();
                let len = bytes.len() as u64;
                (Bytes::Memory(Cursor::new(bytes)), len)
            }
        };
        Ok(Self { bytes, len, place })
    }

    /// `len` bytes from `at`.
    pub(super) fn piece(&mut self, at: u64, len: u64) -> Result<Vec<u8>> {
        let mut piece = Vec::new();
        self.put(at, len, &mut piece)?;
        Ok(piece)
    }

    /// `len` bytes from `at`, in the place of what `to` has.
    pub(super) fn put(&mut self, at: u64, len: u64, to: &mut Vec<u8>) -> Result<()> {
        if at.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(self.cut_short(&format!("{len} bytes from offset {at}")));
        }
        to.resize(usize::try_from(len).map_err(|e| self.unreadable(&e))?, 0);
        self.seek(SeekFrom::Start(at)).and_then(|_| self.read_exact(to)).map_err(|e| self.unreadable(&e))
    }

    /// The fault of a file that ends before what it promises.
    pub(super) fn cut_short(&self, expected: &str) -> crate::fault::Error {
        Fault::new(&self.place, format!("a file that ends after {} bytes", self.len))
            .expected(expected)
            .next("Copy or download the file again: it is cut short or damaged.")
            .into()
    }

    fn unreadable(&self, error: &dyn std::fmt::Display) -> crate::fault::Error {
        Fault::new(&self.place, error).expected("to read it").next("Check the disk and try again.").into()
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match &mut self.bytes {
            Bytes::Disk(file) => file.read(buffer),
            Bytes::Memory(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        match &mut self.bytes {
            Bytes::Disk(file) => file.seek(to),
            Bytes::Memory(bytes) => bytes.seek(to),
        }
    }
}
