//! What the form for a study asks: its lines, and what there is to choose from.

use super::sheet::Line;
use crate::corpus::Entry;
use crate::retrieve::Ranking;

/// A line of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The new folder.
    Folder,
    /// What the study is called.
    Title,
    /// The corpora that questions are drawn from.
    Corpora,
    /// Which of their questions.
    Split,
    /// How many from each.
    Questions,
    /// What every other contender is compared with.
    Baseline,
    /// The others.
    Against,
    /// Who judges, or how many.
    Annotators,
    /// The share that everyone judges.
    Overlap,
    /// The share that comes back.
    Repeat,
    /// What decides everything that is drawn but the sides.
    Seed,
}

impl Asked {
    /// Whether several are chosen.
    pub fn is_several(self) -> bool {
        matches!(self, Self::Corpora | Self::Against)
    }
}

impl Line for Asked {
    const ALL: &'static [Self] = &[
        Self::Folder,
        Self::Title,
        Self::Corpora,
        Self::Split,
        Self::Questions,
        Self::Baseline,
        Self::Against,
        Self::Annotators,
        Self::Overlap,
        Self::Repeat,
        Self::Seed,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Title => "title",
            Self::Corpora => "corpora",
            Self::Split => "split",
            Self::Questions => "questions",
            Self::Baseline => "baseline",
            Self::Against => "against",
            Self::Annotators => "annotators",
            Self::Overlap => "overlap",
            Self::Repeat => "repeat",
            Self::Seed => "seed",
        }
    }

    fn is_typed(self) -> bool {
        !matches!(self, Self::Corpora | Self::Split | Self::Baseline | Self::Against)
    }

    fn offers(self) -> Vec<String> {
        let texts = |all: &[&str]| all.iter().map(|t| (*t).to_owned()).collect();
        match self {
            Self::Questions => texts(&["10", "20", "30", "50", "80", "100", "200"]),
            Self::Annotators => texts(&["1", "2", "3", "4", "5"]),
            Self::Overlap => texts(&["0", "0.1", "0.2", "0.3", "0.5", "1"]),
            Self::Repeat => texts(&["0", "0.05", "0.1", "0.2", "0.3"]),
            Self::Seed => texts(&["1", "2", "3", "4", "5", "6", "7", "8", "9"]),
            _ => Vec::new(),
        }
    }

    fn longest(self) -> usize {
        match self {
            Self::Folder | Self::Title | Self::Annotators => 400,
            _ => 60,
        }
    }
}

/// A model that can be in a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// What it is called.
    pub name: String,
    /// What the lab finds it by: its name or a path.
    pub found: String,
    /// The name of what it was fine-tuned from, if it was.
    pub base: Option<String>,
    /// The corpus that it was fine-tuned on, if that is known.
    pub corpus: Option<String>,
}

/// What there is to choose from.
#[derive(Debug)]
pub struct Shelves {
    /// Corpora, each with what the lab finds it by.
    pub corpora: Vec<(Entry, String)>,
    /// Which corpus is open.
    pub open: usize,
    /// Models.
    pub models: Vec<Model>,
    /// Which of them is asked as baseline.
    pub baseline: usize,
    /// Who sits here.
    pub annotator: String,
    /// How many passages the lab's next question gets.
    pub k: usize,
    /// How they are ranked.
    pub ranking: Ranking,
}

/// Several of a row, each set or not.
#[derive(Debug, Default)]
pub struct Several {
    /// What there is, and whether it is set.
    pub all: Vec<(String, bool)>,
    /// Which is marked.
    pub at: usize,
}

impl Several {
    /// The places of those that are set.
    pub fn set(&self) -> impl Iterator<Item = usize> + '_ {
        self.all.iter().enumerate().filter(|(_, (_, set))| *set).map(|(n, _)| n)
    }

    /// The names of those that are set.
    pub fn names(&self) -> Vec<&str> {
        self.all.iter().filter(|(_, set)| *set).map(|(name, _)| name.as_str()).collect()
    }

    /// Sets the one that is marked, or removes it.
    pub fn toggle(&mut self) {
        if let Some((_, set)) = self.all.get_mut(self.at) {
            *set = !*set;
        }
    }

    /// Sets all, or removes all if all are set.
    pub fn toggle_all(&mut self) {
        let to = !self.all.iter().all(|(_, set)| *set);
        self.all.iter_mut().for_each(|(_, set)| *set = to);
    }
}

/// What a plan comes to, in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    /// Questions of all corpora.
    pub questions: usize,
    /// Comparisons to judge.
    pub items: usize,
    /// Answers to generate.
    pub answers: usize,
    /// People who judge.
    pub annotators: usize,
    /// About how many judgments each of them gives.
    pub each: usize,
}
