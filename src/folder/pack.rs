//! Build script: packs `corpora/` and `assets/` into the binary, each file compressed and digested on its own,
//! so that one file can be opened without touching the others.

#![allow(missing_docs, clippy::print_stdout)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

const ROOTS: [&str; 2] = ["assets", "corpora"];
// 16 MiB of weights gain 2 % from level 19 and take a minute; level 9 takes a second.
const LEVEL: i32 = 9;

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    let mut files = Vec::new();
    for dir in ROOTS {
        println!("cargo::rerun-if-changed={dir}");
        walk(&root.join(dir), &mut files);
    }
    files.sort();
    let mut table = String::from("[\n");
    for (n, file) in files.iter().enumerate() {
        let name = file
            .strip_prefix(&root)
            .expect("under the root")
            .to_str()
            .expect("UTF-8 names")
            .replace('\\', "/");
        let bytes = fs::read(file).expect("readable");
        let packed = out.join(format!("{n}.zst"));
        fs::write(&packed, zstd::encode_all(&bytes[..], LEVEL).expect("compresses")).expect("writable");
        writeln!(
            table,
            "Packed {{ path: {name:?}, size: {}, blake3: {:?}, zstd: include_bytes!({:?}) }},",
            bytes.len(),
            blake3::hash(&bytes).to_hex().as_str(),
            packed.to_str().expect("UTF-8 path"),
        )
        .expect("a string takes it");
    }
    table.push(']');
    fs::write(out.join("bundle.rs"), table).expect("writable");
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries {
        let path = entry.expect("readable folder").path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}
