//! How fast juxta's own engine reads and answers, with weights that are drawn: what it costs hangs on their shape alone.
//!
//! `cargo bench --bench engine -- [SHAPE] [FORMAT] [THREADS] [--json] [--passes]`: SHAPE is `smollm2-135m` (the default), `smollm2-360m`,
//! `qwen2.5-0.5b`, `reader`, or vocabulary,hidden,feed-forward,layers,heads,key-heads,head; FORMAT `f32`, `f16`, `bf16`, `q8_0`,
//! `q4_0`, `q4_1`, `q5_0`, `q5_1`, or `q4_k`, `q5_k` and `q6_k`, of which rows that are no multiples of 256 are in `q5_0`, `q5_1`
//! and `q8_0`, as llama-quantize makes them; or `q4_k_m`: `q4_k`, but values and down in `q6_k` in every second layer, and the
//! embedding too. Answers are of 64 tokens behind a prompt of 128; two answers are those of a base and of a rank-16 adapter of all its
//! linear layers, in lock-step. `tests/reference/llama_cpp_speed.py` runs it beside llama.cpp.
#![allow(clippy::print_stdout)]

use juxta_engine::{
    Adapter, Delta, Deltas, Format, Kernel, Layer, Matrix, Network, Pool, Reading, Row, Shape,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PROMPT: usize = 512;
const BEFORE: usize = 128;
const ANSWER: usize = 64;
const RANK: usize = 16;
const REPEATS: usize = 3;
/// How long each is measured at least: some small models do it all in hundredths of a second.
const LEAST: Duration = Duration::from_millis(400);
const PIECE: usize = 64;

struct Drawn(u64);

impl Drawn {
    fn some(&mut self, n: usize, by: f32) -> Vec<f32> {
        let mut next = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            ((self.0 >> 40) as f32 / (1u64 << 24) as f32 * 2.0 - 1.0) * by
        };
        (0..n).map(|_| next()).collect()
    }

    fn byte(&mut self) -> u8 {
        (self.some(1, 128.0)[0] + 128.0) as u8
    }
}

/// Vocabulary, hidden, feed-forward, layers, heads, key heads, head.
fn sizes(named: &str) -> [usize; 7] {
    match named {
        "smollm2-135m" => [49_152, 576, 1_536, 30, 9, 3, 64],
        "smollm2-360m" => [49_152, 960, 2_560, 32, 15, 5, 64],
        "qwen2.5-0.5b" => [151_936, 896, 4_864, 24, 14, 2, 64],
        "reader" => [12_288, 320, 640, 7, 5, 5, 64],
        other => {
            let numbers: Vec<usize> = other.split(',').filter_map(|n| n.trim().parse().ok()).collect();
            numbers.try_into().expect("seven numbers, or a shape by its name")
        }
    }
}

/// What the matrices are in.
#[derive(Clone, Copy)]
struct Mix {
    most: Format,
    /// Of values and down in every second layer, and of the embedding.
    finer: Format,
}

impl Mix {
    fn named(name: &str) -> Self {
        if name == "q4_k_m" {
            return Self { most: Format::Q4K, finer: Format::Q6K };
        }
        let known = Format::ALL.into_iter().find(|f| f.name() == name);
        let most =
            known.unwrap_or_else(|| panic!("{name} is no format: {:?}", Format::ALL.map(Format::name)));
        Self { most, finer: most }
    }
}

/// What llama-quantize takes where rows are no multiples of 256.
fn suiting(inner: usize, format: Format) -> Format {
    match format {
        _ if Matrix::suits(inner, format) => format,
        Format::Q4K => Format::Q5_0,
        Format::Q5K => Format::Q5_1,
        _ => Format::Q8_0,
    }
}

/// A matrix of drawn numbers, or of drawn bits with scales that make them about as large.
fn matrix(drawn: &mut Drawn, rows: usize, inner: usize, format: Format) -> Matrix {
    let (format, by) = (suiting(inner, format), 1.0 / (inner as f32).sqrt());
    let Some((of_one, size)) = format.block().filter(|_| !Format::MADE.contains(&format)) else {
        return Matrix::pack(&drawn.some(rows * inner, by), rows, inner, format);
    };
    let mut bytes: Vec<u8> = (0..rows * inner / of_one * size).map(|_| drawn.byte()).collect();
    for block in bytes.chunks_exact_mut(size) {
        let mut put = |at: usize, x: f32| {
            block[at..at + 2].copy_from_slice(&half::f16::from_f32(x).to_le_bytes());
        };
        match format {
            Format::Q5_0 => put(0, by / 16.0),
            Format::Q5_1 => [(0, by / 16.0), (2, -by)].into_iter().for_each(|(at, x)| put(at, x)),
            Format::Q6K => put(208, by / 2048.0),
            _ => [(0, by / 256.0), (2, by / 32.0)].into_iter().for_each(|(at, x)| put(at, x)),
        }
    }
    Matrix::read(&bytes, rows, inner, format).expect("whole blocks")
}

fn made(
    [vocabulary, hidden, feed_forward, layers, heads, key_heads, head]: [usize; 7],
    mix: Mix,
) -> (Network, Arc<Adapter>) {
    let mut drawn = Drawn(0x9e37_79b9_7f4a_7c15);
    let (wide, keys) = (heads * head, key_heads * head);
    let shape = Shape {
        vocabulary,
        hidden,
        feed_forward,
        heads,
        key_heads,
        head,
        epsilon: 1e-5,
        scale: 1.0 / (head as f32).sqrt(),
        frequencies: (0..head / 2).map(|i| 10_000f32.powf(-2.0 * i as f32 / head as f32)).collect(),
        beside: false,
    };
    let mut of = |rows: usize, inner: usize, format: Format| matrix(&mut drawn, rows, inner, format);
    let parts = (0..layers).map(|n| {
        let finer = if n % 2 == 0 { mix.finer } else { mix.most };
        Layer {
            input_norm: vec![1.0; hidden],
            queries: of(wide, hidden, mix.most).into(),
            keys: of(keys, hidden, mix.most).into(),
            values: of(keys, hidden, finer).into(),
            head_norms: None,
            output: of(hidden, wide, mix.most).into(),
            feed_norm: vec![1.0; hidden],
            gate: of(feed_forward, hidden, mix.most).into(),
            up: of(feed_forward, hidden, mix.most).into(),
            down: of(hidden, feed_forward, finer).into(),
        }
    });
    let parts = parts.collect();
    let embedding = Arc::new(of(vocabulary, hidden, mix.finer));
    let network =
        Network::new(shape, Arc::clone(&embedding), parts, vec![1.0; hidden], embedding).expect("fits");
    let mut delta = |rows: usize, inner: usize| {
        let (a, b) = (drawn.some(RANK * inner, 0.02), drawn.some(rows * RANK, 0.02));
        Some(Delta::new(&a, &b, RANK, 1.0, mix.most.block().is_some()))
    };
    let deltas = (0..layers).map(|_| Deltas {
        queries: delta(wide, hidden),
        keys: delta(keys, hidden),
        values: delta(keys, hidden),
        output: delta(hidden, wide),
        gate: delta(feed_forward, hidden),
        up: delta(feed_forward, hidden),
        down: delta(hidden, feed_forward),
    });
    let adapter = Adapter::new(deltas.collect(), &network).expect("fits");
    (network, Arc::new(adapter))
}

/// So many tokens a second, again and again for as long as makes a figure.
fn rate(tokens: usize, mut some: impl FnMut()) -> f64 {
    let (start, mut all) = (Instant::now(), 0);
    while start.elapsed() < LEAST {
        some();
        all += tokens;
    }
    all as f64 / start.elapsed().as_secs_f64()
}

struct Bench {
    network: Network,
    adapter: Arc<Adapter>,
    pool: Pool,
    kernel: Kernel,
}

impl Bench {
    fn rows(&self, n: usize) -> Vec<Row> {
        let of = |n: usize| (n == 1).then(|| Arc::clone(&self.adapter));
        (0..n).map(|n| Row::new(&self.network, of(n), PROMPT + ANSWER)).collect()
    }

    fn read(&self, rows: &mut [Row], tokens: &[u32], answers: usize) {
        let mut readings: Vec<Reading> =
            rows.iter_mut().map(|row| Reading { row, tokens, answers }).collect();
        self.network.pass(&self.pool, self.kernel, &mut readings, &|| true);
    }

    /// Tokens of prompts a second, and tokens of answers, of so many rows at once.
    fn rates(&self, n: usize) -> [f64; 2] {
        let tokens: Vec<u32> = (0..PROMPT as u32).map(|i| i * 31 % 8_000).collect();
        let mut rows = self.rows(n);
        let prefill = rate(n * PROMPT, || {
            rows.iter_mut().for_each(|row| row.keep(0));
            for piece in tokens.chunks(PIECE) {
                self.read(&mut rows, piece, 0);
            }
        });
        let answers = rate(n * ANSWER, || {
            rows.iter_mut().for_each(|row| row.keep(BEFORE));
            for token in 0..ANSWER as u32 {
                self.read(&mut rows, &[token + 5], 1);
            }
        });
        [prefill, answers]
    }
}

/// What a pass of two rows costs that reads so many tokens of each, beside one that reads one: the price of checking guessed
/// tokens. Guessing gains only where more of them are right than that.
fn passes(bench: &Bench) {
    let mut times = [f64::MAX; 4];
    for _ in 0..REPEATS * 8 {
        for (n, time) in times.iter_mut().enumerate() {
            let mut rows = bench.rows(2);
            let tokens: Vec<u32> = (0..BEFORE as u32).collect();
            bench.read(&mut rows, &tokens, 0);
            let start = Instant::now();
            for _ in 0..4 {
                bench.read(&mut rows, &tokens[..=n], n + 1);
            }
            *time = time.min(start.elapsed().as_secs_f64() / 4.0);
        }
    }
    for (n, time) in times.iter().enumerate() {
        println!(
            "a pass of {} tokens of two rows: {:.2} ms, {:.2} of one token",
            n + 1,
            time * 1e3,
            time / times[0]
        );
    }
}

fn main() {
    // Cargo passes --bench.
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let json = args.iter().any(|a| a == "--json");
    let words: Vec<&String> = args.iter().filter(|a| !a.starts_with("--")).collect();
    let shape = words.first().map_or("smollm2-135m", |s| s.as_str());
    let named = words.get(1).map_or("q8_0", |s| s.as_str());
    let threads = words.get(2).and_then(|n| n.parse().ok()).unwrap_or_else(juxta::job::threads::count);
    let (network, adapter) = made(sizes(shape), Mix::named(named));
    let bench = Bench { network, adapter, pool: Pool::new(threads), kernel: Kernel::best() };
    let (mb, kernel) = (bench.network.bytes() / 1_000_000, bench.kernel.name());
    if !json {
        println!(
            "{shape} {named} ({}), {mb} MB, {threads} threads, {kernel}; tokens/s",
            bench.network.formats()
        );
    }
    if args.iter().any(|a| a == "--passes") {
        return passes(&bench);
    }
    for _ in 0..REPEATS {
        let ([prefill, one], [prefill_two, two]) = (bench.rates(1), bench.rates(2));
        match json {
            true => println!(
                "{{\"one\": {one:.1}, \"two\": {two:.1}, \"prefill\": {prefill:.1}, \"prefill_two\": {prefill_two:.1}}}"
            ),
            false => println!(
                "one answer {one:.0}; base and adapter together {two:.0} ({:.2} times); prompt of {PROMPT} {prefill:.0}, two \
                 {prefill_two:.0}",
                two / one
            ),
        }
    }
}
