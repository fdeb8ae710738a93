//! The files inside the binary, as `pack.rs` put them there.

/// One file, compressed.
#[derive(Debug)]
pub(super) struct Packed {
    /// Its path in the repository.
    pub path: &'static str,
    /// Its size in bytes, unpacked.
    pub size: usize,
    /// BLAKE3 of its contents, as hex.
    pub blake3: &'static str,
    /// Its contents.
    pub zstd: &'static [u8],
}

static FILES: &[Packed] = &include!(concat!(env!("OUT_DIR"), "/bundle.rs"));

/// Every file, sorted by path.
pub(super) fn files() -> &'static [Packed] {
    FILES
}

/// The file of that path.
pub(super) fn find(path: &str) -> Option<&'static Packed> {
    FILES.iter().find(|f| f.path == path)
}

impl Packed {
    pub(super) fn unpack(&self) -> Vec<u8> {
        // The build script wrote these bytes and this size: that they do not unpack would be a broken binary.
        zstd::bulk::decompress(self.zstd, self.size).expect("the binary holds what its build packed")
    }
}
