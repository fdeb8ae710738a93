//! juxta's own engine behind the door of `generate`: base weights that are in memory once, whoever answers from them.
//!
//! A baseline and its adapters, or two adapters of one base, share a [`Base`]. Each answer is a [`Session`] on it, made on
//! a thread of its own as ever; where several are under way, `desk` has one pass over the weights serve them all. What one
//! says hangs on nothing but its own tokens, bit for bit, whether it is alone or not: `juxta_engine::kernels` says why.
//!
//! Knows decoders whose make the engine has (see [`suits`]); everything else is candle's.

mod desk;
mod pack;
mod said;
mod shelf;

use super::adapter::Adapter;
use super::checkpoint::{self, Unread};
use super::codec::Codec;
use super::decoder::Parts;
use super::inspect::check_memory;
use super::shape::Shape;
use super::ways::{Activations, Quant, Ways};
use crate::fault::Result;
use crate::folder::Folder;
use crate::job::{Cancel, Progress, Report, threads};
use desk::Desk;
use juxta_engine::{Kernel, Network, Pool};
pub(super) use pack::{has, has_formats, suits};
use said::Said;
use shelf::Shelf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

pub(super) use desk::Session;

/// Tokens of a prompt that are read at once: enough for products to be bound by computing. A pass can be stopped before
/// every layer.
const PIECE: usize = 64;
/// Those of a small model: a pass has a hundred moments at which its threads wait for each other, a few percent of its time.
const LARGE_PIECE: usize = 2 * PIECE;
/// Bytes of weights that make a model a small one: what a pass of a large piece takes for a moment is little beside them.
const SMALL: u64 = 64 << 20;

/// A base's weights, packed, and what is going on with them.
pub(super) struct Base {
    network: Network,
    /// Its shape, and that which its settings give before its tensors were looked at.
    pub(super) shape: Shape,
    read: Shape,
    /// BLAKE3 of its weights.
    pub(super) digest: String,
    ways: Ways,
    desk: Desk,
    shelf: Shelf,
    said: Said,
    speed: OnceLock<f64>,
}

impl Base {
    /// From a decoder's parts, whose shape [`suits`].
    pub(super) fn new(parts: Parts, read: Shape, digest: String, ways: Ways) -> candle_core::Result<Self> {
        let shape = parts.shape.clone();
        Ok(Self::with(pack::network(parts, ways.quant)?, shape, read, digest, ways))
    }

    fn with(network: Network, shape: Shape, read: Shape, digest: String, ways: Ways) -> Self {
        let network = match ways.activations {
            Activations::Bits16 => network,
            Activations::Bits8 => network.keeping_floats(),
        };
        let (desk, shelf, said, speed) =
            (Desk::default(), Shelf::default(), Said::default(), OnceLock::new());
        Self { network, shape, read, digest, ways, desk, shelf, said, speed }
    }

    /// Bytes of weights that one pass reads.
    pub(super) fn weight_bytes(&self) -> u64 {
        self.network.bytes_of_a_pass() as u64
    }

    /// Tokens of a prompt that are read at once, at most.
    pub(super) fn piece(&self) -> usize {
        if self.weight_bytes() <= SMALL { LARGE_PIECE } else { PIECE }
    }

    /// Bytes a second at which the engine's threads can read them, measured once.
    pub(super) fn memory_speed(&self) -> f64 {
        *self.speed.get_or_init(|| juxta_engine::memory_speed(pool(), &self.network))
    }

    /// What was said to a prompt by whoever answers from these weights, the latest last.
    pub(super) fn said(&self, prompt: &[u32]) -> Vec<Arc<[u32]>> {
        self.said.to(prompt)
    }

    /// Remembers what was said to a prompt.
    pub(super) fn keep_said(&self, prompt: &[u32], answer: &[u32]) {
        self.said.keep(prompt, answer);
    }

    /// What computes it, in which numbers, as records say it.
    pub(super) fn engine(&self) -> String {
        let numbers = self.network.formats();
        let rounding = match self.ways.activations {
            Activations::Bits8 if self.network.is_rounded() => " 8-bit activations",
            _ => "",
        };
        format!("juxta-engine {} {numbers} {}{rounding}", self.shape.family, self.kernel().name())
    }

    /// The loops that compute it.
    fn kernel(&self) -> Kernel {
        static BEST: OnceLock<Kernel> = OnceLock::new();
        BEST.get_or_init(Kernel::best).rounding_to(match self.ways.activations {
            Activations::Bits16 => juxta_engine::Activations::Bits16,
            Activations::Bits8 => juxta_engine::Activations::Bits8,
        })
    }
}

/// The base weights in `folder`, called `name` in reports, with their tokenizer: those in memory, if somebody has them, else
/// loaded. Whoever wants the same ones meanwhile waits.
pub(super) fn shared(
    folder: &Folder,
    name: &str,
    ways: Ways,
    report: Report,
    cancel: &Cancel,
) -> Result<(Arc<Base>, Codec)> {
    let read = Shape::read(folder)?;
    let digest = checkpoint::digest(folder)?;
    let codec = Codec::read(folder, &read.eos)?;
    let base = in_memory(&read, &digest, ways, cancel, || {
        let Unread { shape, mut listing, .. } = Unread::open(folder)?;
        cancel.check()?;
        check_memory(&folder.place(""), pack::bytes_read(&shape, &listing, ways.quant))?;
        let (mut done, total) = (0, shape.tensors().count() as u64);
        let mut step = || -> Result<()> {
            cancel.check()?;
            report(Progress { doing: format!("loading {name}"), done, total });
            done += 1;
            Ok(())
        };
        let network = pack::read(&shape, &mut listing, ways.quant, &mut step)?;
        Ok(Base::with(network, shape, read.clone(), digest.clone(), ways))
    })?;
    Ok((base, codec))
}

/// The base weights with this `digest` and with settings `read`, computed in these `ways`: those in memory, if somebody has them, else what
/// `load` gives. Whoever wants the same ones meanwhile waits.
pub(super) fn in_memory(
    read: &Shape,
    digest: &str,
    ways: Ways,
    cancel: &Cancel,
    load: impl FnOnce() -> Result<Base>,
) -> Result<Arc<Base>> {
    static SHARED: Mutex<Vec<Weak<Base>>> = Mutex::new(Vec::new());
    let mut all = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    cancel.check()?;
    all.retain(|base| base.strong_count() > 0);
    let same = |base: &Arc<Base>| base.digest == digest && base.ways == ways && base.read == *read;
    if let Some(base) = all.iter().filter_map(Weak::upgrade).find(same) {
        return Ok(base);
    }
    let base = Arc::new(load()?);
    all.push(Arc::downgrade(&base));
    Ok(base)
}

/// An adapter beside the weights of its base; `None` where it replaces some of them or changes embeddings or head: such a
/// one is merged.
pub(super) fn beside(adapter: &Adapter, base: &Base) -> Result<Option<Arc<juxta_engine::Adapter>>> {
    let Some(halves) = adapter.halves(&base.shape)? else { return Ok(None) };
    let quantised = base.ways.quant != Quant::None;
    let packed = pack::adapter(adapter, halves, &base.shape, &base.network, quantised)?;
    Ok(Some(Arc::new(packed)))
}

/// The threads of all answers: as many as the mathematics of everything else has.
fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| Pool::new(threads::all()))
}
