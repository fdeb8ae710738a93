//! The run: from pairs to trained weights, step by step, so that it can be watched, stopped and gone on with.

use super::adamw::{AdamW, clip};
use super::card::{self, Card};
use super::checkpoint::{Part, State};
use super::full::Full;
use super::lora::Lora;
use super::model::Model;
use super::pairs::{Beginning, Pair, Tokens, Vocabulary, batches, order};
use super::recipe::{Method, Recipe};
use super::shape::Shape;
use super::trained::{Trained, decays};
use super::weights::Weights;
use crate::fault::{Error, Fault, Result};
use crate::folder::Folder;
use crate::generate::Checkpoint;
use crate::job::{Cancel, Progress};
use std::path::Path;
use std::time::{Duration, Instant};

/// Tokens that pass through the model at once: more makes larger products, and larger activations.
const BATCH: usize = 1024;

/// How far a run is.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// What comes before: an index, the pairs, the base's weights.
    Preparing(Progress),
    /// Measuring the loss on held-out pairs.
    HeldOut {
        /// Pairs done.
        done: usize,
        /// Pairs in all.
        total: usize,
    },
    /// Training begins, or goes on from where an interrupted run was.
    Begun {
        /// Steps in all.
        steps: usize,
        /// The loss of each step that an interrupted run had done, as [`Status::Step`] would have said it; empty for
        /// a new run.
        losses: Vec<f32>,
        /// The mean loss on held-out pairs before the first step, where there are any.
        held_out: Option<f32>,
    },
    /// Training: after each step.
    Step {
        /// Steps done.
        step: usize,
        /// Steps in all.
        steps: usize,
        /// The step's mean loss, in nats a token of the answers.
        loss: f32,
        /// The step's learning rate.
        rate: f64,
        /// Tokens read a second, since this process started.
        tokens_per_second: f64,
        /// Seconds that are left at that speed.
        seconds_left: f64,
    },
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Steps in all, also those before an interruption.
    pub steps: usize,
    /// The mean loss of each, in nats a token of the answers.
    pub losses: Vec<f32>,
    /// Loss on the pairs that were not trained on, where there were any.
    pub held_out: Option<HeldOut>,
    /// Whether the answers were taught with a space before them, as the base would sooner begin its own.
    pub spaced: bool,
    /// Pairs that were trained on.
    pub examples: usize,
    /// Pairs left out as too long.
    pub skipped: Vec<String>,
    /// Tokens read, prompts included.
    pub tokens: u64,
    /// Seconds spent on the steps.
    pub seconds: f64,
}

/// Mean loss on pairs that were not trained on, in nats a token of the answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeldOut {
    /// How many pairs.
    pub pairs: usize,
    /// The base's.
    pub before: f32,
    /// After training.
    pub after: f32,
}

/// Trains LoRA adapters or all weights on `pairs` and writes a PEFT or a model folder to the new folder `out`. An interrupted run leaves `out.part`, and
/// the same call goes on from there to the same weights.
///
/// # Errors
/// A [`Fault`] if `out` exists, the base is of an architecture that is not known, a setting is out of bounds, a
/// pair is too long, the loss is no number (naming the pair), or something cannot be read or written.
/// [`Error::Cancelled`] when stopped; what was done by then is saved.
#[expect(
    clippy::too_many_arguments,
    reason = "each is what the caller alone knows; a struct would only rename them"
)]
pub fn train(
    base: &Folder,
    pairs: &[Pair],
    held_out: &[Pair],
    recipe: &Recipe,
    out: &Path,
    about: &Card,
    report: &(dyn Fn(Status) + Sync),
    cancel: &Cancel,
) -> Result<Outcome> {
    recipe.check()?;
    refuse_taken(out)?;
    let read = Checkpoint::load(base, &about.base, &|p| report(Status::Preparing(p)), cancel)?;
    let shape = Shape::of(&read.shape, &about.base)?;
    let Checkpoint { weights, codec, digest: base_digest, .. } = read;
    let lesson = Lesson {
        vocabulary: Vocabulary::new(base, &codec, &shape)?,
        shape: &shape,
        pairs,
        held_out,
        recipe,
        report,
        cancel,
    };
    // What is too long or empty is named before the base is laid out.
    lesson.tokens(Beginning::Bare)?;
    let mut laid_out = Weights::of(&weights, &shape)?;
    // Only one copy of the base stays in memory.
    drop(weights);
    cancel.check()?;

    let longest = recipe.max_tokens.min(shape.window);
    let finished = |outcome| card::Finished { base, base_digest: &base_digest, recipe, about, outcome };
    match recipe.method {
        Method::Lora => {
            let mut lora = Lora::new(&shape, recipe);
            let model = Model::new(shape.clone(), laid_out, longest);
            let (outcome, part) = lesson.learn(&model, &mut lora, &base_digest, out)?;
            card::write_adapter(part.path(), out, &lora, &finished(&outcome))?;
            part.remove();
            Ok(outcome)
        }
        Method::Full => {
            let mut full = Full::new(&shape, &mut laid_out);
            let model = Model::new(shape.clone(), laid_out, longest);
            let (outcome, part) = lesson.learn(&model, &mut full, &base_digest, out)?;
            card::write_model(part.path(), out, &full, &finished(&outcome))?;
            part.remove();
            Ok(outcome)
        }
    }
}

/// What is to be learnt, before it is known how the base spells its answers.
struct Lesson<'a> {
    vocabulary: Vocabulary<'a>,
    shape: &'a Shape,
    pairs: &'a [Pair],
    held_out: &'a [Pair],
    recipe: &'a Recipe,
    report: &'a (dyn Fn(Status) + Sync),
    cancel: &'a Cancel,
}

impl<'a> Lesson<'a> {
    /// Pairs by which it is seen how the base begins an answer.
    const TRIED: usize = 8;

    fn learn(
        &self,
        model: &Model,
        trained: &mut (impl Trained + Send),
        base_digest: &str,
        out: &Path,
    ) -> Result<(Outcome, Part)> {
        trained.changed(&model.weights);
        let beginning = self.beginning(model, trained)?;
        let run = self.tokens(beginning)?;
        let part = Part::open(out, run_digest(base_digest, &run.pairs, &run.held_out, self.recipe))?;
        Ok((run.all(model, trained, &part)?, part))
    }

    /// The pairs as tokens.
    fn tokens(&self, beginning: Beginning) -> Result<Run<'a>> {
        let Self { recipe, report, cancel, .. } = *self;
        let (pairs, skipped) = self.vocabulary.tokens(self.pairs, beginning, recipe, self.shape)?;
        let (held_out, _) = self.vocabulary.tokens(self.held_out, beginning, recipe, self.shape)?;
        if pairs.is_empty() {
            return Err(Fault::new("training pairs", format!("none ({} too long)", skipped.len()))
                .expected("at least one")
                .next("Choose a corpus with training questions, or raise --max-tokens.")
                .into());
        }
        Ok(Run { recipe, beginning, pairs, held_out, skipped, report, cancel })
    }

    /// As the base itself would sooner begin: by its loss on the first pairs either way.
    fn beginning(&self, model: &Model, trained: &mut (impl Trained + Send)) -> Result<Beginning> {
        let tried = Self { pairs: &self.pairs[..self.pairs.len().min(Self::TRIED)], held_out: &[], ..*self };
        let mut loss = |beginning| -> Result<f32> {
            // All of the first may be too long; then nothing speaks for either.
            let Ok(run) = tried.tokens(beginning) else { return Ok(f32::INFINITY) };
            let doing = "seeing how the base begins its answers";
            run.loss(&run.pairs, model, trained, &|done, total| {
                let (done, total) = (done as u64, total as u64);
                (self.report)(Status::Preparing(Progress { doing: doing.into(), done, total }));
            })
        };
        let (bare, spaced) = (loss(Beginning::Bare)?, loss(Beginning::Spaced)?);
        Ok(if spaced < bare { Beginning::Spaced } else { Beginning::Bare })
    }
}

/// Refuses a place where there is something: nothing of a person's is overwritten.
///
/// # Errors
/// A [`Fault`] naming it.
pub fn refuse_taken(out: &Path) -> Result<()> {
    // `symlink_metadata` also sees a link that leads nowhere.
    if out.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(Fault::new(out.display(), "something that is already there")
        .expected("a new folder")
        .next("Choose another --out, or move what is there away.")
        .into())
}

/// What the weights depend on: a checkpoint of anything else is not gone on with.
fn run_digest(base: &str, pairs: &[Tokens], held_out: &[Tokens], recipe: &Recipe) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("juxta finetune 3\n{base}\n{:?}\n", recipe.essence()).as_bytes());
    for pair in pairs.iter().chain(held_out) {
        hasher.update(&(pair.all.len() as u64).to_le_bytes()).update(&(pair.answer as u64).to_le_bytes());
        pair.all.iter().for_each(|t| {
            hasher.update(&t.to_le_bytes());
        });
    }
    hasher.update(&(pairs.len() as u64).to_le_bytes());
    hasher.finalize().to_hex().to_string()
}

struct Run<'a> {
    recipe: &'a Recipe,
    beginning: Beginning,
    pairs: Vec<Tokens>,
    held_out: Vec<Tokens>,
    skipped: Vec<String>,
    report: &'a (dyn Fn(Status) + Sync),
    cancel: &'a Cancel,
}

impl Run<'_> {
    /// All steps that are left, on a thread of the pool: a product started from outside would have to wake it first,
    /// each time.
    fn all(&self, model: &Model, trained: &mut (impl Trained + Send), part: &Part) -> Result<Outcome> {
        rayon::scope(|_| self.steps(model, trained, part))
    }

    fn steps(&self, model: &Model, trained: &mut impl Trained, part: &Part) -> Result<Outcome> {
        let recipe = self.recipe;
        let decays = decays(&trained.slots(), recipe.weight_decay);
        let fresh = State {
            step: 0,
            adam: AdamW::new(trained.values().len()),
            losses: Vec::new(),
            tokens: 0,
            seconds: 0.0,
            held_out: None,
        };
        let mut state = part.load(trained.both().0)?.unwrap_or(fresh);
        trained.changed(&model.weights);
        if state.step == 0 && state.held_out.is_none() && !self.held_out.is_empty() {
            state.held_out = Some(self.held_out_loss(model, trained)?);
        }

        let a_epoch = self.pairs.len().div_ceil(recipe.accumulate);
        let steps = a_epoch * recipe.epochs;
        (self.report)(Status::Begun { steps, losses: state.losses.clone(), held_out: state.held_out });
        let (started, before) = (Instant::now(), (state.tokens, state.seconds, state.step));
        let mut sequence = Vec::new();
        let mut saves = Saves::default();
        while state.step < steps {
            let (epoch, within) = (state.step / a_epoch, state.step % a_epoch);
            if within == 0 || sequence.is_empty() {
                sequence = order(self.pairs.len(), recipe.seed, epoch);
            }
            let from = within * recipe.accumulate;
            let chosen = &sequence[from..(from + recipe.accumulate).min(sequence.len())];
            let rate = recipe.rate(state.step, steps);
            let (loss, tokens) = match self.gradients(model, trained, state.step, chosen) {
                Ok(done) => done,
                Err(e) => {
                    // Stopped or failed within the step: values and state are those after the last whole one.
                    part.save(&state, trained.values())?;
                    return Err(e);
                }
            };
            let (values, gradient) = trained.both();
            state.adam.step(state.step, rate, &decays, values, gradient);
            trained.changed(&model.weights);
            state.step += 1;
            state.losses.push(loss);
            state.tokens += tokens;
            state.seconds = before.1 + started.elapsed().as_secs_f64();
            let spent = started.elapsed().as_secs_f64();
            (self.report)(Status::Step {
                step: state.step,
                steps,
                loss,
                rate,
                tokens_per_second: (state.tokens - before.0) as f64 / spent,
                seconds_left: spent / (state.step - before.2) as f64 * (steps - state.step) as f64,
            });
            if state.step.is_multiple_of(recipe.checkpoint_every)
                || state.step == steps
                || saves.are_due(Instant::now())
            {
                let begun = Instant::now();
                part.save(&state, trained.values())?;
                saves = Saves::after(begun, begun.elapsed());
            }
        }
        let held_out = match state.held_out {
            Some(before) => Some(HeldOut {
                pairs: self.held_out.len(),
                before,
                after: self.held_out_loss(model, trained)?,
            }),
            None => None,
        };
        Ok(Outcome {
            steps,
            losses: state.losses,
            held_out,
            spaced: self.beginning == Beginning::Spaced,
            examples: self.pairs.len(),
            skipped: self.skipped.clone(),
            tokens: state.tokens,
            seconds: state.seconds,
        })
    }

    /// The clipped gradient of one step; returns the mean loss and the tokens read. The values are not changed.
    fn gradients(
        &self,
        model: &Model,
        trained: &mut impl Trained,
        step: usize,
        chosen: &[usize],
    ) -> Result<(f32, u64)> {
        let predicted: usize = chosen.iter().map(|i| self.pairs[*i].predicted()).sum();
        let scale = 1.0 / predicted as f32;
        trained.both().1.fill(0.0);
        let (mut sum, mut tokens) = (0.0f64, 0u64);
        for (n, (batch, numbers)) in
            batches(chosen.iter().map(|i| (*i, &self.pairs[*i])), BATCH).iter().enumerate()
        {
            self.cancel.check()?;
            // Never the same number twice in a run, as a step has no more batches than pairs.
            trained.begin(Some((step * self.recipe.accumulate + n) as u64));
            let losses = model.gradients(trained, batch, scale);
            self.no_nan(&losses, numbers, step)?;
            sum += losses.iter().map(|l| f64::from(*l)).sum::<f64>();
            tokens += batch.tokens.len() as u64;
        }
        trained.begin(None);
        let norm = clip(trained.both().1, self.recipe.clip);
        if !norm.is_finite() {
            let ids: Vec<&str> = chosen.iter().take(8).map(|i| self.pairs[*i].id.as_str()).collect();
            return Err(diverged(&format!("step {}, pairs {}", step + 1, ids.join(", ")), "a gradient"));
        }
        Ok(((sum / predicted as f64) as f32, tokens))
    }

    /// Mean loss on the held-out pairs, in nats a token.
    fn held_out_loss(&self, model: &Model, trained: &mut impl Trained) -> Result<f32> {
        self.loss(&self.held_out, model, trained, &|done, total| {
            (self.report)(Status::HeldOut { done, total });
        })
    }

    /// Mean loss on pairs, in nats a token; says how many pairs are done.
    fn loss(
        &self,
        pairs: &[Tokens],
        model: &Model,
        trained: &mut impl Trained,
        report: &dyn Fn(usize, usize),
    ) -> Result<f32> {
        let (mut sum, mut count, mut done) = (0.0f64, 0usize, 0);
        trained.begin(None);
        for (batch, numbers) in batches(pairs.iter().enumerate(), BATCH) {
            report(done, pairs.len());
            self.cancel.check()?;
            let losses = model.losses(trained, &batch);
            sum += losses.iter().map(|l| f64::from(*l)).sum::<f64>();
            count += losses.len();
            done += numbers.len();
        }
        Ok((sum / count.max(1) as f64) as f32)
    }

    /// Refuses a loss that is no number, naming its pair.
    fn no_nan(&self, losses: &[f32], numbers: &[usize], step: usize) -> Result<()> {
        let mut at = 0;
        for number in numbers {
            let pair = &self.pairs[*number];
            let its = &losses[at..at + pair.predicted()];
            at += its.len();
            if its.iter().any(|l| !l.is_finite()) {
                return Err(diverged(&format!("pair {} in step {}", pair.id, step + 1), "a loss"));
            }
        }
        Ok(())
    }
}

/// When the state was last saved in this process. The first step is saved at once, so that a disk that takes nothing is
/// found out before hours are spent; slow steps are saved one by one, so that little is lost with the process.
#[derive(Debug, Clone, Copy, Default)]
struct Saves(Option<(Instant, Duration)>);

impl Saves {
    /// What may be lost at most, where saving is quick.
    const APART: Duration = Duration::from_secs(10);

    /// One that was begun then and took so long.
    fn after(begun: Instant, took: Duration) -> Self {
        Self(Some((begun + took, took)))
    }

    /// Never more than a twentieth of the time goes into saving.
    fn are_due(self, now: Instant) -> bool {
        self.0.is_none_or(|(last, took)| now.duration_since(last) >= Self::APART.max(took * 20))
    }
}

fn diverged(place: &str, what: &str) -> Error {
    Fault::new(place, format!("{what} that is not a number"))
        .expected("finite figures")
        .next("Check the pair and the base's weights, or start anew with a lower --lr; the state before this step is kept in the folder ending in .part.")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_is_saved_at_once_and_then_one_every_ten_seconds_or_twenty_times_what_it_took() {
        assert!(Saves::default().are_due(Instant::now()));
        let begun = Instant::now();
        for (took, due) in [(0.0, 10.0), (0.5, 10.0), (3.0, 60.0)]
            .map(|(a, b)| (Duration::from_secs_f64(a), Duration::from_secs_f64(b)))
        {
            let saves = Saves::after(begun, took);
            assert!(!saves.are_due(begun + took + due - Duration::from_millis(1)));
            assert!(saves.are_due(begun + took + due));
        }
    }
}
