//! The form that fine-tuning is started from.

use super::sheet::{Counts, Line, Sheet, letter, turned};
use crate::corpus::Entry;
use crate::fault::{Error, Fault};
use crate::generate::Contender;
use crate::lab::{Recipe, Tuning, tuned_name};
use crate::text::counted;
use ratatui::crossterm::event::KeyEvent;
use std::collections::HashMap;

/// The sizes of the paper's experiment: what the form offers, and together the grid.
const SIZES: [usize; 3] = [200, 500, 1000];
/// What is offered where nothing was chosen.
const USUAL: usize = 500;

/// A line of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The model to start from.
    Base,
    /// The corpus whose training questions are learnt from.
    Corpus,
    /// How many of them; several numbers make one model each.
    Examples,
    /// How often each is seen.
    Epochs,
    /// The highest learning rate.
    Rate,
    /// The rank of the adapter.
    Rank,
    /// What decides order and first values.
    Seed,
}

impl Line for Part {
    const ALL: &'static [Self] =
        &[Self::Base, Self::Corpus, Self::Examples, Self::Epochs, Self::Rate, Self::Rank, Self::Seed];

    fn title(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Corpus => "corpus",
            Self::Examples => "examples",
            Self::Epochs => "epochs",
            Self::Rate => "learning rate",
            Self::Rank => "rank",
            Self::Seed => "seed",
        }
    }

    fn is_typed(self) -> bool {
        !matches!(self, Self::Base | Self::Corpus)
    }

    fn offers(self) -> Vec<String> {
        let texts = |all: &[&str]| all.iter().map(|t| (*t).to_owned()).collect();
        match self {
            Self::Base | Self::Corpus => Vec::new(),
            Self::Examples => SIZES.iter().map(usize::to_string).chain([grid()]).collect(),
            Self::Epochs => texts(&["1", "2", "3", "4", "5", "8", "10"]),
            Self::Rate => texts(&["0.0001", "0.0002", "0.0005", "0.001", "0.002", "0.005"]),
            Self::Rank => texts(&["1", "2", "4", "8", "16", "32", "64"]),
            Self::Seed => texts(&["1", "2", "3", "4", "5"]),
        }
    }
}

fn grid() -> String {
    SIZES.map(|n| n.to_string()).join(", ")
}

/// What there is to choose from: each with what the lab finds it by, its name or a path.
#[derive(Debug)]
pub struct Stock {
    /// Models that can be fine-tuned.
    pub bases: Vec<(Contender, String)>,
    /// Corpora.
    pub corpora: Vec<(Entry, String)>,
    /// Which corpus is open.
    pub open: usize,
}

/// What is filled in so far.
#[derive(Debug)]
pub struct Form {
    stock: Stock,
    base: usize,
    /// Which corpus; the one that is open as long as nobody has chosen.
    corpus: Option<usize>,
    /// What is typed.
    pub sheet: Sheet<Part>,
    /// Training questions of each corpus, by id, as far as they are counted.
    counted: HashMap<String, Result<usize, Fault>>,
}

impl Form {
    /// The form as it opens first: everything filled in. Without a base or a corpus there is nothing to fill in.
    pub fn new(stock: Stock) -> Option<Self> {
        if stock.bases.is_empty() || stock.open >= stock.corpora.len() {
            return None;
        }
        let usual = Recipe::default();
        let sheet = Sheet::new(Part::Examples, |part| match part {
            Part::Base | Part::Corpus => String::new(),
            Part::Examples => USUAL.to_string(),
            Part::Epochs => usual.epochs.to_string(),
            Part::Rate => usual.learning_rate.to_string(),
            Part::Rank => usual.rank.to_string(),
            Part::Seed => usual.seed.to_string(),
        });
        Some(Self { stock, base: 0, corpus: None, sheet, counted: HashMap::new() })
    }

    /// Takes in what there is now; what was chosen stays chosen if it is still there.
    pub fn restock(&mut self, stock: Stock) {
        if stock.bases.is_empty() || stock.open >= stock.corpora.len() {
            return;
        }
        let base = self.base().name.clone();
        let corpus = self.corpus.map(|_| self.corpus().folder.clone());
        self.stock = stock;
        self.base = 0;
        self.choose_base(&base);
        self.corpus =
            corpus.and_then(|folder| self.stock.corpora.iter().position(|(e, _)| e.folder == folder));
        self.counted.clear();
        self.sheet.waiting = false;
    }

    /// Chooses a base by its name; false if it is not among those that can be fine-tuned.
    pub fn choose_base(&mut self, name: &str) -> bool {
        let found = self.stock.bases.iter().position(|(c, _)| c.name == name);
        self.base = found.unwrap_or(self.base);
        found.is_some()
    }

    fn chosen_corpus(&self) -> usize {
        self.corpus.unwrap_or(self.stock.open)
    }

    /// The base that is chosen.
    pub fn base(&self) -> &Contender {
        // Neither list is ever empty, and both choices stay within theirs.
        &self.stock.bases[self.base].0
    }

    /// The corpus that is chosen.
    pub fn corpus(&self) -> &Entry {
        &self.stock.corpora[self.chosen_corpus()].0
    }

    /// Which of how many is chosen, from 1, where a line is chosen rather than typed.
    pub fn choice(&self, part: Part) -> Option<(usize, usize)> {
        match part {
            Part::Base => Some((self.base + 1, self.stock.bases.len())),
            Part::Corpus => Some((self.chosen_corpus() + 1, self.stock.corpora.len())),
            _ => None,
        }
    }

    /// What stands in a line.
    pub fn value(&self, part: Part) -> &str {
        match part {
            Part::Base => &self.base().name,
            Part::Corpus => &self.corpus().manifest.id,
            typed => self.sheet.typed(typed),
        }
    }

    /// The training questions of the chosen corpus, if they are counted, or why they cannot be.
    pub fn questions(&self) -> Option<&Result<usize, Fault>> {
        self.counted.get(&self.corpus().manifest.id)
    }

    /// Takes in how many training questions a corpus has. What nobody has typed is fitted to it.
    pub fn count(&mut self, corpus: &str, count: &Result<Counts, Fault>) {
        self.counted.insert(corpus.to_owned(), count.clone().map(|counts| counts.train));
        self.fit();
    }

    fn fit(&mut self) {
        let (examples, Some(Ok(count))) = (self.value(Part::Examples), self.questions()) else { return };
        let too_many = examples.parse::<usize>().is_ok_and(|n| n > *count);
        if too_many && Part::Examples.offers().iter().any(|offer| offer == examples) && *count > 0 {
            let most = SIZES.into_iter().rfind(|n| n <= count).unwrap_or(*count);
            self.sheet.put(Part::Examples, most.to_string());
        }
    }

    /// Goes to the next or the last of what is offered.
    pub fn turn(&mut self, by: isize) {
        match self.sheet.at {
            Part::Base => self.base = turned(self.base, by, self.stock.bases.len()),
            Part::Corpus => {
                self.corpus = Some(turned(self.chosen_corpus(), by, self.stock.corpora.len()));
                self.fit();
            }
            _ => return self.sheet.turn(by),
        }
        self.sheet.mend();
    }

    /// Takes a key that is no key of the lab: a letter.
    pub fn input(&mut self, key: KeyEvent) {
        if let Some(letter) = letter(key) {
            self.sheet.insert(letter.encode_utf8(&mut [0; 4]));
        }
    }

    /// The runs that the form describes, from the smallest. Of several, those whose result is `taken` already are
    /// left out.
    ///
    /// # Errors
    /// What will not do, by line.
    pub fn tunings(&self, taken: &dyn Fn(&str) -> bool) -> Result<Vec<Tuning>, Vec<(Part, String)>> {
        let mut wrong = Vec::new();
        if let Some(Err(fault)) = self.questions() {
            wrong.push((Part::Corpus, fault.to_string()));
        }
        let mut note = |part, result: Result<(), String>| {
            if let Err(why) = result {
                wrong.push((part, why));
            }
        };
        let sizes = self.sizes();
        note(Part::Examples, sizes.as_ref().map(|_| ()).map_err(Clone::clone));
        let mut recipe = Recipe::default();
        let (epochs, rank) = (self.sheet.whole(Part::Epochs), self.sheet.whole(Part::Rank));
        note(Part::Epochs, epochs.and_then(|n| within(&mut recipe, |r| r.epochs = n as usize)));
        let rate = self.value(Part::Rate).trim().parse::<f64>();
        note(
            Part::Rate,
            match rate {
                Ok(rate) => within(&mut recipe, |r| r.learning_rate = rate),
                Err(_) => Err("Write a number, such as 0.001 or 1e-3.".into()),
            },
        );
        note(Part::Rank, rank.and_then(|n| within(&mut recipe, |r| r.rank = n as usize)));
        note(Part::Seed, self.sheet.whole(Part::Seed).map(|n| recipe.seed = n));
        let (Ok(sizes), true) = (sizes, wrong.is_empty()) else { return Err(wrong) };
        let names: Vec<String> = sizes.iter().map(|n| self.name(*n, &recipe)).collect();
        let wanted: Vec<usize> =
            sizes.iter().zip(&names).filter(|(_, name)| !taken(name)).map(|(n, _)| *n).collect();
        if wanted.is_empty() {
            let there = if names.len() == 1 { "is there already" } else { "are there already" };
            let why = format!("{} {there}: another seed makes another.", names.join(", "));
            return Err(vec![(Part::Seed, why)]);
        }
        let tuning = |examples| Tuning {
            base: self.stock.bases[self.base].1.clone(),
            corpus: Some(self.stock.corpora[self.chosen_corpus()].1.clone()),
            examples,
            recipe: recipe.clone(),
            out: None,
        };
        Ok(wanted.into_iter().map(tuning).collect())
    }

    /// What will be made as the form stands, and in how many steps each; empty while something will not do.
    pub fn plan(&self) -> Vec<(String, usize)> {
        let Ok(tunings) = self.tunings(&|_| false) else { return Vec::new() };
        tunings.iter().map(|t| (self.name(t.examples, &t.recipe), super::training::steps(t))).collect()
    }

    /// What the result for so many examples is called.
    pub fn name(&self, examples: usize, recipe: &Recipe) -> String {
        tuned_name(&self.base().name, &self.corpus().manifest.id, examples, recipe)
    }

    /// How many examples, each number once, from the smallest.
    fn sizes(&self) -> Result<Vec<usize>, String> {
        let text = self.value(Part::Examples).trim();
        let text = if text.eq_ignore_ascii_case("grid") { grid() } else { text.to_owned() };
        let numbers = text.split([',', ' ']).filter(|t| !t.is_empty()).map(str::parse::<usize>);
        let mut sizes: Vec<usize> = numbers
            .collect::<Result<_, _>>()
            .map_err(|_| "Write a number, such as 500, or several with commas between them.".to_owned())?;
        sizes.sort_unstable();
        sizes.dedup();
        let count = self.questions().and_then(|c| c.as_ref().ok());
        match (sizes.first(), sizes.last(), count) {
            (None | Some(0), ..) => Err("Write a number from 1 on.".into()),
            (_, Some(most), Some(count)) if most > count => Err(format!(
                "{} has {}: at most that many.",
                self.corpus().manifest.id,
                counted(*count, "training question")
            )),
            _ => Ok(sizes),
        }
    }
}

/// Sets a value, if the trainer takes it.
fn within(recipe: &mut Recipe, set: impl Fn(&mut Recipe)) -> Result<(), String> {
    // With the other values as usual, whatever the trainer says is about this one.
    let mut alone = Recipe::default();
    set(&mut alone);
    match alone.check() {
        Ok(()) => {
            set(recipe);
            Ok(())
        }
        Err(Error::Fault(fault)) => Err(format!("{} will not do: {} will.", fault.found, fault.expected)),
        Err(Error::Cancelled) => Ok(()),
    }
}
