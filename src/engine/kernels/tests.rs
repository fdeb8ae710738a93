//! Every kernel against a scalar loop in f64, on random and extreme numbers.

use super::*;
use crate::format::Format;
use crate::matrix::Matrix;
use crate::tests::{Drawn, matrix_of};
use proptest::prelude::*;

/// Ordinary numbers and the ends of what there is.
fn numbers(n: usize) -> impl Strategy<Value = Vec<f32>> {
    let one = prop_oneof![
        8 => -4.0f32..4.0,
        1 => Just(0.0f32),
        1 => Just(-0.0f32),
        1 => -1e-30f32..1e-30,
        1 => prop_oneof![Just(3e4f32), Just(-3e4f32), Just(1e-8f32)],
    ];
    prop::collection::vec(one, n)
}

fn case() -> impl Strategy<Value = (usize, usize, usize, Vec<f32>, Vec<f32>)> {
    let cases =
        if cfg!(miri) { (1usize..3, 1usize..12, 1usize..4) } else { (1usize..6, 1usize..60, 1usize..28) };
    cases.prop_flat_map(|(blocks, rows, n)| {
        let inner = blocks * BLOCK;
        (Just(inner), Just(rows), Just(n), numbers(rows * inner), numbers(n * inner))
    })
}

/// A matrix of a format and vectors for it, of the numbers given as far as they go: what files alone have is drawn, and blocks
/// of 256 are made of as many numbers as those of 32.
fn given(format: Format, rows: usize, inner: usize, w: &[f32], x: &[f32]) -> (Matrix, Vec<f32>) {
    if Format::MADE.contains(&format) {
        return (Matrix::pack(w, rows, inner, format), x.to_vec());
    }
    let times = if Matrix::suits(inner, format) { 1 } else { 8 };
    let mut drawn = Drawn::new(w.iter().fold(1, |a, w| a.wrapping_mul(31) + u64::from(w.to_bits())));
    let by = [4.0, 1e-3, 3e2][rows % 3];
    let x = x.chunks_exact(inner).flat_map(|x| x.iter().cycle().take(times * inner)).copied().collect();
    (matrix_of(format, rows, times * inner, by, &mut drawn), x)
}

fn quantised(kernel: Kernel, x: &[f32]) -> (Vec<i16>, Vec<f32>, Vec<f32>) {
    let blocks = x.len() / BLOCK;
    let (mut numbers, mut scales, mut sums) = (vec![0; x.len()], vec![0.0; blocks], vec![0.0; blocks]);
    kernel.quantise(x, &mut numbers, &mut scales, &mut sums);
    (numbers, scales, sums)
}

fn product(kernel: Kernel, matrix: &Matrix, x: &[f32], n: usize) -> Vec<f32> {
    let (numbers, scales, sums) = quantised(kernel, x);
    let quants = Some(Quants { numbers: &numbers, scales: &scales, sums: &sums });
    let x = Vectors { floats: x, quants, n, inner: matrix.inner() };
    let mut out = vec![f32::NAN; n * matrix.tiles() * TILE];
    kernel.multiply(matrix.some(0..matrix.tiles()), &x, &mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 128 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn products_are_those_of_a_scalar_loop((inner, rows, n, w, x) in case()) {
        for format in Format::ALL {
            let (matrix, x) = given(format, rows, inner, &w, &x);
            let inner = matrix.inner();
            let mut row = vec![0.0; inner];
            for kernel in Kernel::all() {
                let out = product(kernel, &matrix, &x, n);
                let width = matrix.tiles() * TILE;
                for r in 0..rows {
                    matrix.row(r, &mut row);
                    for v in 0..n {
                        let pairs = row.iter().zip(&x[v * inner..][..inner]);
                        let exact: f64 = pairs.clone().map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                        // Rounding of each term and, where there are blocks, of vectors to 16 bits of their largest.
                        let largest = x[v * inner..][..inner].iter().fold(0.0f64, |a, x| a.max(f64::from(x.abs())));
                        // With a least number they are a difference of two, each as large as the row's largest.
                        let apart = if !matches!(format, Format::F32 | Format::F16 | Format::Bf16 | Format::Q8_0 | Format::Q6K) { 3.0 * row.iter().fold(0.0f64, |a, w| a.max(f64::from(w.abs()))) } else { 0.0 };
                        let slack: f64 = pairs.map(|(w, x)| (f64::from(w.abs()) + apart) * (f64::from(x.abs()) * 1e-5 + largest * 2e-5)).sum();
                        let got = f64::from(out[v * width + r]);
                        prop_assert!((got - exact).abs() <= slack + 1e-30, "{format:?} {} row {r}: {got}, not {exact}", kernel.name());
                    }
                }
                // What fills the last tile up is nought.
                prop_assert!((0..n).all(|v| out[v * width + rows..(v + 1) * width].iter().all(|o| *o == 0.0)));
            }
        }
    }

    #[test]
    fn a_vector_has_the_same_product_alone_as_among_others((inner, rows, n, w, x) in case()) {
        for format in Format::ALL {
            let (matrix, x) = given(format, rows, inner, &w, &x);
            let inner = matrix.inner();
            for kernel in Kernel::all() {
                let all = product(kernel, &matrix, &x, n);
                let width = matrix.tiles() * TILE;
                for v in 0..n {
                    let alone = product(kernel, &matrix, &x[v * inner..][..inner], 1);
                    let same = alone.iter().zip(&all[v * width..]).all(|(a, b)| a.to_bits() == b.to_bits());
                    prop_assert!(same, "{format:?} {}", kernel.name());
                }
            }
        }
    }

    /// So that an answer is the same on every processor that has some.
    #[test]
    fn all_vector_instructions_give_the_same_bits((inner, rows, n, w, x) in case()) {
        let all = Kernel::all();
        let (_, in_vectors) = all.split_last().expect("the portable one");
        for format in Format::ALL {
            let (matrix, x) = given(format, rows, inner, &w, &x);
            for to in [Activations::Bits16, Activations::Bits8] {
                let bits = |kernel: &Kernel| -> Vec<u32> {
                    product(kernel.rounding_to(to), &matrix, &x, n).into_iter().map(f32::to_bits).collect()
                };
                for pair in in_vectors.windows(2) {
                    prop_assert_eq!(bits(&pair[0]), bits(&pair[1]), "{:?} {}", format, pair[0].name());
                }
            }
        }
    }

    #[test]
    fn vectors_in_whole_numbers_are_themselves_to_half_a_step(x in numbers(BLOCK * 4)) {
        let all = Kernel::all().into_iter();
        for kernel in all.flat_map(|k| [k, k.rounding_to(Activations::Bits8)]) {
            // A scale in half precision is off by a 2048th, 127 times over, or by a half step of the least ones.
            let (of_scale, least) = if kernel.activations() == Activations::Bits8 { (0.063, 4e-6) } else { (0.01, 1e-37) };
            let (numbers, scales, sums) = quantised(kernel, &x);
            for (b, numbers) in numbers.chunks_exact(BLOCK).enumerate() {
                let sum: f64 = numbers.iter().map(|n| f64::from(*n)).sum::<f64>() * f64::from(scales[b]);
                prop_assert!((f64::from(sums[b]) - sum).abs() <= sum.abs() * 1e-6 + 1e-37);
            }
            for (n, (x, q)) in x.iter().zip(&numbers).enumerate() {
                let scale = scales[n / BLOCK];
                prop_assert!((f32::from(*q) * scale - x).abs() <= scale * (0.5 + of_scale) + least, "{x} as {q} of {scale}");
            }
        }
    }

    #[test]
    fn softmax_norm_and_gate_are_those_of_f64(x in numbers(77), up in numbers(77)) {
        for kernel in Kernel::all() {
            let mut soft: Vec<f32> = x.iter().map(|x| x.clamp(-60.0, 60.0)).collect();
            let top = soft.iter().fold(f64::MIN, |a, x| a.max(f64::from(*x)));
            let powers: Vec<f64> = soft.iter().map(|x| (f64::from(*x) - top).exp()).collect();
            let sum: f64 = powers.iter().sum();
            kernel.softmax(&mut soft);
            for (got, power) in soft.iter().zip(&powers) {
                prop_assert!((f64::from(*got) - power / sum).abs() < 1e-6);
            }
            let mut normed = vec![0.0; x.len()];
            kernel.norm(&x, &up, 1e-5, &mut normed);
            let mean = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / x.len() as f64;
            for ((got, x), w) in normed.iter().zip(&x).zip(&up) {
                let exact = f64::from(*x) / (mean + 1e-5).sqrt() * f64::from(*w);
                prop_assert!((f64::from(*got) - exact).abs() <= exact.abs() * 1e-5 + 1e-30, "{got}, not {exact}");
            }
            let mut gate = x.clone();
            kernel.gated(&mut gate, &up);
            for ((got, x), up) in gate.iter().zip(&x).zip(&up) {
                let exact = f64::from(*x) / (1.0 + (-f64::from(*x)).exp()) * f64::from(*up);
                prop_assert!((f64::from(*got) - exact).abs() <= exact.abs() * 1e-5 + 1e-28, "{got}, not {exact}");
            }
        }
    }
}

#[test]
fn the_largest_bytes_and_vectors_do_not_overflow() {
    for kernel in Kernel::all() {
        for (byte, sign) in [(-128i8, 1.0f32), (-128, -1.0), (127, 1.0), (127, -1.0)] {
            let mut tile = [Q8_0::EMPTY];
            let mut bytes = half(1.0).to_le_bytes().to_vec();
            bytes.extend([byte.to_le_bytes()[0]; BLOCK]);
            (0..TILE).for_each(|row| tile[0].put(row, &bytes));
            let floats = [sign; BLOCK];
            let (numbers, scales, sums) = quantised(kernel, &floats);
            let quants = Some(Quants { numbers: &numbers, scales: &scales, sums: &sums });
            let mut out = [0.0; TILE];
            kernel.multiply(
                Tiles::Q8_0(&tile),
                &Vectors { floats: &floats, quants, n: 1, inner: BLOCK },
                &mut out,
            );
            assert!(out.iter().all(|o| (o - f32::from(byte) * sign * BLOCK as f32).abs() < 0.01), "{out:?}");
        }
    }
}

#[test]
fn numbers_that_are_none_are_not_hidden() {
    for kernel in Kernel::all() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = vec![1.0; 2 * BLOCK];
            x[40] = bad;
            for format in Format::ALL {
                let (matrix, x) = given(format, 3, 2 * BLOCK, &[1.0; 3 * 2 * BLOCK], &x);
                let out = product(kernel, &matrix, &x, 1);
                assert!(out[..3].iter().all(|o| !o.is_finite()), "{format:?} {out:?}");
            }
            let mut soft = [0.0, bad.abs(), 1.0];
            kernel.softmax(&mut soft);
            assert!(soft.iter().any(|s| s.is_nan()));
        }
    }
}

#[test]
fn every_piece_is_done_once_however_many_threads() {
    for threads in [1, 2, 5] {
        let pool = Pool::new(threads);
        for n in [0, 1, 2, 7, 100] {
            let counts: Vec<std::sync::atomic::AtomicUsize> = (0..n).map(|_| Default::default()).collect();
            pool.each(n, &|i| {
                counts[i].fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            });
            assert!(counts.iter().all(|c| c.load(std::sync::atomic::Ordering::Relaxed) == 1));
        }
    }
}

#[test]
fn columns_cover_all_of_a_slice_without_overlap() {
    let pool = Pool::new(3);
    for (width, rows, grain) in [(1, 1, 1), (10, 3, 4), (64, 2, 8), (5, 4, 100)] {
        let mut out = vec![0.0; width * rows];
        pool.columns(&mut out, width, grain, &|columns| {
            let from = columns.columns().start;
            for row in 0..rows {
                for (n, o) in columns.row(row).iter_mut().enumerate() {
                    *o += (row * width + from + n) as f32 + 1.0;
                }
            }
        });
        assert!(out.iter().enumerate().all(|(n, o)| *o == n as f32 + 1.0), "{out:?}");
    }
}

#[test]
fn parts_cover_all_of_a_slice_without_overlap() {
    let pool = Pool::new(3);
    for (width, rows, grain) in [(1, 1, (1, 1)), (10, 3, (2, 4)), (64, 5, (1, 64)), (5, 4, (100, 2))] {
        let mut out = vec![0.0; width * rows];
        pool.parts(&mut out, width, grain, &|part| {
            for row in part.rows() {
                part.row(row).iter_mut().for_each(|o| *o += 1.0);
            }
        });
        assert!(out.iter().all(|o| *o == 1.0), "{out:?}");
    }
}

#[test]
fn tiles_that_lie_apart_have_the_products_of_those_that_do_not() {
    let (inner, stride, count) = (5, 7 * TILE, 3);
    let apart: Vec<f32> = (0..stride * count).map(|n| (n % 13) as f32 - 6.0).collect();
    let halves: Vec<u16> = apart.iter().map(|x| half(*x).to_bits()).collect();
    let beside: Vec<f32> = apart.chunks_exact(stride).flat_map(|t| &t[..inner * TILE]).copied().collect();
    for n in [2, 9] {
        let floats: Vec<f32> = (0..n * inner).map(|n| n as f32 / 3.0).collect();
        let x = Vectors { floats: &floats, quants: None, n, inner };
        for kernel in Kernel::all() {
            let product = |tiles| {
                let mut out = vec![1.0; n * count * TILE];
                kernel.multiply(tiles, &x, &mut out);
                out
            };
            let expected = product(Tiles::F32(&beside));
            assert_eq!(product(Tiles::Apart(&apart, stride)), expected);
            assert_eq!(product(Tiles::HalvesApart(&halves, stride)), expected);
        }
    }
}

#[test]
fn many_vectors_of_many_numbers_have_the_products_that_each_has_alone() {
    let mut drawn = Drawn::new(11);
    // More numbers than are multiplied at once, and no whole pieces of them; tiles that are no whole pairs.
    let shapes: Vec<(usize, usize, usize)> = match cfg!(miri) {
        true => vec![(259, 9, 8), (131, 20, 17), (131, 33, 17)],
        false => [8, 127, 128, 255, 256, 257, 700]
            .into_iter()
            .flat_map(|inner| {
                [(8, 7), (24, 8), (31, 14), (5, 25), (20, 17), (50, 21)].map(|(rows, n)| (inner, rows, n))
            })
            .collect(),
    };
    for (inner, rows, n) in shapes {
        let (weights, x) = (drawn.some(rows * inner, 1.0), drawn.some(n * inner, 1.0));
        for format in [Format::F32, Format::F16, Format::Bf16] {
            let matrix = Matrix::pack(&weights, rows, inner, format);
            let width = matrix.tiles() * TILE;
            let of = |kernel: Kernel, floats: &[f32]| {
                let n = floats.len() / inner;
                let mut out = vec![f32::NAN; n * width];
                let x = Vectors { floats, quants: None, n, inner };
                kernel.multiply(matrix.some(0..matrix.tiles()), &x, &mut out);
                out
            };
            for kernel in Kernel::all() {
                let alone = x.chunks_exact(inner).flat_map(|x| of(kernel, x));
                let same = alone.zip(of(kernel, &x)).all(|(a, b)| a.to_bits() == b.to_bits());
                assert!(same, "{format} [{rows}, {inner}] of {n}, {}", kernel.name());
            }
        }
    }
}

#[test]
fn a_pool_asked_from_many_threads_serves_one_after_the_other() {
    let pool = Pool::new(2);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..if cfg!(miri) { 2 } else { 300 } {
                    let mut out = [0.0; 16];
                    pool.columns(&mut out, 16, 4, &|c| c.row(0).fill(1.0));
                    assert_eq!(out, [1.0; 16]);
                }
            });
        }
    });
}

#[test]
fn a_panic_of_the_work_is_told_and_the_pool_lives_on() {
    let pool = Pool::new(2);
    for bad in 0..4 {
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pool.each(4, &|n| assert!(n != bad, "on purpose"));
        }));
        assert!(told.is_err());
        pool.each(4, &|_| {});
    }
}

#[test]
fn sleeping_threads_wake_for_work() {
    let pool = Pool::new(2);
    for _ in 0..if cfg!(miri) { 1 } else { 20 } {
        std::thread::sleep(std::time::Duration::from_millis(3));
        let mut out = [0.0; 8];
        pool.columns(&mut out, 8, 1, &|c| c.row(0)[0] = 1.0);
        assert_eq!(out, [1.0; 8]);
    }
}
