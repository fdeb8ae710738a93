//! What the tests share: loading, copying a model to break it, comparing numbers.

use juxta::fault::{Error, Result};
use juxta::generate::{Model, Registry, Ways};
use juxta::job::{Cancel, SILENT};
use std::path::{Path, PathBuf};

/// Where the tiny models lie.
pub fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models")
}

/// Prints a figure that a test measured; it is seen with `-- --nocapture`.
#[allow(clippy::print_stdout)]
pub fn tell(figure: std::fmt::Arguments<'_>) {
    println!("{figure}");
}

/// A folder of real data beside the repository; `None`, with a message, where there is none.
#[allow(clippy::print_stdout)]
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("JUXTA_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let found = root.join(path);
    if !found.exists() {
        println!("skipped: there is no {} (set JUXTA_TEST_DATA to a folder that has it)", found.display());
        return None;
    }
    Some(found)
}

/// Loads the model of that name or path, with the tiny models known.
pub fn load(name_or_path: &str) -> Result<Model> {
    load_in(Ways::default(), name_or_path)
}

pub fn load_in(ways: Ways, name_or_path: &str) -> Result<Model> {
    let registry = Registry::discover(Some(&models()));
    Model::load_in(ways, &registry.find(name_or_path)?, &registry, SILENT, &Cancel::new())
}

/// A copy of one tiny model, to be broken. The folder is removed when this is dropped.
pub struct Copy {
    dir: tempfile::TempDir,
    name: String,
}

pub fn copy(name: &str) -> Copy {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let to = dir.path().join(name);
    std::fs::create_dir(&to).expect("a folder in it");
    for entry in std::fs::read_dir(models().join(name)).expect("the tiny model") {
        let path = entry.expect("listed").path();
        std::fs::copy(&path, to.join(path.file_name().expect("a file"))).expect("copied");
    }
    Copy { dir, name: name.to_owned() }
}

impl Copy {
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(&self.name).join(file)
    }

    pub fn write(self, file: &str, text: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.path(file), text).expect("written");
        self
    }

    pub fn remove(self, file: &str) -> Self {
        std::fs::remove_file(self.path(file)).expect("was there");
        self
    }

    /// Keeps the first `bytes` of a file.
    pub fn cut(self, file: &str, bytes: u64) -> Self {
        let opened = std::fs::OpenOptions::new().write(true).open(self.path(file)).expect("opens");
        opened.set_len(bytes).expect("cut");
        self
    }

    /// Sets one value of a JSON file; `null` counts as a value.
    pub fn set(self, file: &str, key: &str, value: serde_json::Value) -> Self {
        let text = std::fs::read_to_string(self.path(file)).expect("read");
        let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        json[key] = value;
        self.write(file, json.to_string())
    }

    /// Adds tensors of zeros to a safetensors file, or changes the shape of those that are there.
    pub fn tensors(self, file: &str, change: impl Fn(&mut Vec<(String, Vec<usize>)>)) -> Self {
        let bytes = std::fs::read(self.path(file)).expect("read");
        let there = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
        let mut shapes: Vec<(String, Vec<usize>)> =
            there.iter().map(|(name, view)| (name.to_owned(), view.shape().to_vec())).collect();
        change(&mut shapes);
        let zeros =
            vec![0u8; shapes.iter().map(|(_, s)| s.iter().product::<usize>() * 4).max().expect("some")];
        let views: Vec<(String, safetensors::tensor::TensorView)> = shapes
            .into_iter()
            .map(|(name, shape)| {
                let size = shape.iter().product::<usize>() * 4;
                let view =
                    safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, &zeros[..size]);
                (name, view.expect("fits"))
            })
            .collect();
        let file_bytes = safetensors::serialize(views, None).expect("serialises");
        self.write(file, file_bytes)
    }

    pub fn load(&self) -> Result<Model> {
        load(&self.path("").to_string_lossy())
    }

    /// Loads it, which must fail with a fault whose message has all `parts`.
    #[track_caller]
    pub fn is_refused(&self, parts: &[&str]) {
        refused(self.load(), parts);
    }
}

/// That `result` is a fault with all four parts, and `parts` in its message.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T>, parts: &[&str]) {
    let fault = match result.expect_err("must be refused") {
        Error::Fault(fault) => fault,
        Error::Cancelled => panic!("cancelled"),
    };
    let message = fault.to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    for part in [&fault.place, &fault.found, &fault.expected, &fault.next] {
        assert!(!part.is_empty(), "a part is missing in: {message}");
    }
    assert!(message.len() < 600, "too long for a person: {message}");
}

/// Named tensors of a safetensors file, as f32.
pub fn expected(path: &Path) -> (Vec<u32>, Vec<Vec<f32>>) {
    let tensors = candle_core::safetensors::load(path, &candle_core::Device::Cpu).expect("made by logits.py");
    let tokens =
        tensors["tokens"].to_dtype(candle_core::DType::U32).and_then(|t| t.to_vec1()).expect("numbers");
    let logits = tensors["logits"].to_vec2().expect("numbers in two dimensions");
    (tokens, logits)
}

/// The largest difference.
pub fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The standard deviation.
pub fn spread(values: &[f32]) -> f32 {
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt()
}
