//! A lab: a data folder with its corpora, models, indices and trials, opened once and asked often. What the
//! headless commands and the terminal lab both call.
//!
//! Knows every room of the core; nothing of the terminal.

mod dense;
mod evaluate;
mod rankings;
mod study;
mod tune;

pub use crate::finetune::{HeldOut, Method, Outcome, Recipe, Status};
pub use evaluate::{
    Difference, Evaluating, Evaluation, Figures, Measure, Measured, OfModel, OnCorpus, evaluated,
};
pub use rankings::{Gain, Ranked};
pub use study::{Failed, Generated, Generating, Planning, WatchGenerating};
pub use tune::{Ended, Grid, Tuned, Tuning, Turn, Watch, WatchGrid, name as tuned_name};

use crate::compare::{self, Event, Models, Pair, Request, Side, Trial};
use crate::config::{self, Paths, SamplingSettings, Settings};
use crate::corpus::{Catalog, Entry, PassageLength};
use crate::fault::{Fault, Result};
use crate::generate::{self, Activations, Contender, Mode, Penalty, Quant, Sampling, Ways};
use crate::job::{Cancel, Report};
use crate::retrieve::{self, Index, Ranking};
use crate::study::Trials;
use std::path::Path;

/// The longest question, in bytes; what is longer is not a question but a file pasted by mistake.
pub const LONGEST_QUESTION: usize = 4_000;

/// A data folder, opened.
#[derive(Debug)]
pub struct Lab {
    /// Where everything lies.
    pub paths: Paths,
    /// How everything is set.
    pub settings: Settings,
    /// Which corpora there are.
    pub catalog: Catalog,
    /// Which models there are, and those in memory.
    pub models: Models,
    /// What was asked before.
    pub trials: Trials,
}

/// What to ask of whom.
#[derive(Debug, Clone)]
pub struct Asking {
    /// The question.
    pub question: String,
    /// The corpus.
    pub corpus: Entry,
    /// The contenders.
    pub pair: Pair,
    /// How many passages.
    pub k: usize,
    /// How the answers are drawn.
    pub sampling: Sampling,
    /// Whether B answers after A.
    pub apart: bool,
}

impl Lab {
    /// Opens the lab of a data folder, or of the system's place for programs. Reads settings and lists, no
    /// weights and no index.
    ///
    /// # Errors
    /// A [`Fault`] for a data folder that cannot be written to, or settings with a mistake.
    pub fn open(data_dir: Option<&Path>) -> Result<Self> {
        let paths = Paths::find(data_dir)?;
        paths.make()?;
        let settings = Settings::load(&paths)?;
        let catalog = Catalog::discover(Some(&paths.corpora()));
        let models = Models::discover(Some(&paths.models()));
        models.set_ways(ways(&settings.engine));
        let trials = Trials::below(paths.trials());
        Ok(Self { paths, settings, catalog, models, trials })
    }

    /// Whether all that a ranking needs is set.
    pub fn can_rank(&self, ranking: Ranking) -> bool {
        ranking != Ranking::Dense || !self.settings.retrieval.encoder.trim().is_empty()
    }

    /// The same lab, its passages ranked so, where that was asked for.
    #[must_use]
    pub fn ranked_by(mut self, ranking: Option<Ranking>) -> Self {
        self.settings.retrieval.ranking = ranking.unwrap_or(self.settings.retrieval.ranking);
        self
    }

    /// How passages are cut and ranked.
    pub fn retrieval(&self) -> retrieve::Settings {
        retrieve::Settings {
            length: PassageLength {
                most_words: self.settings.retrieval.passage_words,
                overlap_words: self.settings.retrieval.passage_overlap,
            },
            ranking: self.settings.retrieval.ranking,
            encoder: None,
            part: None,
        }
    }

    /// The corpus named, or the first one.
    ///
    /// # Errors
    /// A [`Fault`] for a corpus that is not there.
    pub fn corpus(&self, named: Option<&str>) -> Result<Entry> {
        match (named, self.catalog.entries.first()) {
            (Some(named), _) => self.catalog.find(named),
            (None, Some(first)) => Ok(first.clone()),
            (None, None) => Err(Fault::new("corpora", "none")
                .expected("one corpus or more")
                .next(format!("Put a corpus folder into {}.", self.paths.corpora().display()))
                .into()),
        }
    }

    /// The index of a corpus, built first if it is missing or the corpus has changed.
    ///
    /// # Errors
    /// As [`retrieve::open_or_build`].
    pub fn index(&self, corpus: &Entry, report: Report<'_>, cancel: &Cancel) -> Result<Index> {
        self.index_ranked(corpus, self.settings.retrieval.ranking, report, cancel)
    }

    /// As [`Lab::index`], ranked otherwise than the settings say.
    ///
    /// # Errors
    /// As [`retrieve::open_or_build`].
    pub fn index_ranked(
        &self,
        corpus: &Entry,
        ranking: Ranking,
        report: Report<'_>,
        cancel: &Cancel,
    ) -> Result<Index> {
        self.index_with(corpus, retrieve::Settings { ranking, ..self.retrieval() }, report, cancel)
    }

    fn index_with(
        &self,
        corpus: &Entry,
        settings: retrieve::Settings,
        report: Report<'_>,
        cancel: &Cancel,
    ) -> Result<Index> {
        let index = retrieve::open_or_build(corpus, &self.paths.indices(), settings, report, cancel)?;
        self.complete(index, &corpus.manifest.id, report, cancel)
    }

    /// As [`Lab::index_ranked`]; while it is being built, `watch` is given what is there so far. There is nothing to
    /// search by vectors until all is there.
    ///
    /// # Errors
    /// As [`retrieve::open_or_watch`].
    pub fn index_watched(
        &self,
        corpus: &Entry,
        ranking: Ranking,
        watch: &dyn Fn(Index),
        report: Report<'_>,
        cancel: &Cancel,
    ) -> Result<Index> {
        let (indices, settings) = (self.paths.indices(), retrieve::Settings { ranking, ..self.retrieval() });
        let part = |part| if ranking == Ranking::Dense { drop(part) } else { watch(part) };
        let index = retrieve::open_or_watch(corpus, &indices, settings, &part, report, cancel)?;
        self.complete(index, &corpus.manifest.id, report, cancel)
    }

    /// Asks both contenders, and keeps the trial before it is returned.
    ///
    /// # Errors
    /// For an empty or endless question, and as [`compare::run`] and [`Trials::save`].
    pub fn ask(
        &self,
        asking: &Asking,
        index: &Index,
        events: compare::Events<'_>,
        cancel: &Cancel,
    ) -> Result<Trial> {
        let trial = compare::run(&request(asking, index)?, index, &self.models, events, cancel)?;
        self.trials.save(&trial)?;
        Ok(trial)
    }

    /// Has the models read what they would be asked, before it is; see [`compare::read_ahead`].
    ///
    /// # Errors
    /// As [`compare::read_ahead`].
    pub fn read_ahead(&self, asking: &Asking, index: &Index, cancel: &Cancel) -> Result<()> {
        compare::read_ahead(&request(asking, index)?, index, &self.models, cancel)
    }

    /// What should be known before the two of a pair are compared, as [`generate::remarks_on_pair`] has it. Reads no
    /// weights and asks no server.
    pub fn remarks(&self, pair: &Pair) -> Vec<Fault> {
        let registry = self.models.registry();
        let [baseline, tuned] = [&pair.baseline, &pair.tuned].map(|c| generate::look(c, &registry));
        generate::remarks_on_pair(&baseline, &tuned)
    }

    /// Asks one contender of a trial again with another seed; see [`compare::again`].
    ///
    /// # Errors
    /// As [`compare::again`] and [`Trials::save`].
    pub fn again(
        &self,
        old: &Trial,
        side: Side,
        sampling: &Sampling,
        events: &(dyn Fn(Event) + Sync),
        cancel: &Cancel,
    ) -> Result<Trial> {
        let contender: Contender = self.models.registry().find(&old.answer(side).contender)?;
        let trial = compare::again(old, side, &contender, sampling, &self.models, events, cancel)?;
        self.trials.save(&trial)?;
        Ok(trial)
    }
}

/// What is asked of whom, from which corpus.
fn request(asking: &Asking, index: &Index) -> Result<Request> {
    Ok(Request {
        question: question(&asking.question)?.to_owned(),
        corpus: asking.corpus.manifest.id.clone(),
        corpus_digest: asking.corpus.digest()?,
        retrieval: index.settings(),
        k: asking.k,
        pair: asking.pair.clone(),
        sampling: asking.sampling.clone(),
        apart: asking.apart,
    })
}

/// A question as it is asked: without the space around it.
///
/// # Errors
/// A [`Fault`] if nothing is left of it, or more than [`LONGEST_QUESTION`].
pub fn question(typed: &str) -> Result<&str> {
    let question = typed.trim();
    let next = match question.len() {
        0 => "Type a question.",
        1..=LONGEST_QUESTION => return Ok(question),
        _ => "Shorten it, or put the text into a corpus and ask about it.",
    };
    Err(Fault::new("question", format!("{} bytes of text", question.len()))
        .expected(format!("a question of 1 to {LONGEST_QUESTION} bytes"))
        .next(next)
        .into())
}

/// How settings have models computed.
pub fn ways(settings: &config::Engine) -> Ways {
    let quant = match settings.quant {
        config::Quant::None => Quant::None,
        config::Quant::Q8_0 => Quant::Q8_0,
        config::Quant::Q4_0 => Quant::Q4_0,
    };
    let activations = match settings.activations {
        config::Activations::Bits16 => Activations::Bits16,
        config::Activations::Bits8 => Activations::Bits8,
    };
    Ways { quant, activations, ..Ways::default() }
}

/// The sampling that settings describe.
///
/// # Errors
/// A [`Fault`] naming the value that is out of its range.
pub fn sampling(settings: &SamplingSettings) -> Result<Sampling> {
    let top_k = (settings.top_k > 0).then_some(settings.top_k);
    let top_p = (settings.top_p < 1.0).then_some(settings.top_p);
    let mode = Mode::at(settings.temperature, top_k, top_p)?;
    let repetition_penalty = Penalty::new(settings.repetition_penalty)?;
    Ok(Sampling { mode, repetition_penalty, seed: settings.seed, max_tokens: settings.max_tokens })
}

/// The sampling for asking again: the next seed, and a temperature where greedy would only repeat itself.
///
/// # Errors
/// As [`sampling`].
pub fn sampling_again(old: &Sampling, settings: &SamplingSettings) -> Result<Sampling> {
    let mode = match old.mode {
        Mode::Greedy => Mode::at(settings.again_temperature, None, None)?,
        drawn @ Mode::Draw(_) => drawn,
    };
    Ok(Sampling { mode, seed: old.seed.wrapping_add(1), ..old.clone() })
}
