//! The form that a study is planned with.

use super::asked::{Asked, Model, Several, Shelves, Sums};
use super::sheet::{Counts, Line, Sheet, letter, turned};
use super::study::Made;
use crate::corpus::{Entry, Split};
use crate::fault::{Error, Fault};
use crate::lab::Planning;
use crate::retrieve::Ranking;
use crate::study;
use crate::text::counted;
use ratatui::crossterm::event::KeyEvent;
use std::collections::{HashMap, HashSet};

/// What is offered where nothing was chosen.
const QUESTIONS: usize = 50;
const SPLITS: [(Split, &str); 3] = [(Split::Test, "test"), (Split::Dev, "dev"), (Split::Train, "train")];

/// What is filled in so far.
#[derive(Debug)]
pub struct PlanForm {
    shelves: Shelves,
    corpora: Several,
    split: usize,
    baseline: usize,
    against: Several,
    /// Those against as the lab proposes them, until somebody sets others.
    lined_up: Vec<(String, bool)>,
    /// What those in `against` are found by.
    rivals: Vec<String>,
    /// What is typed.
    pub sheet: Sheet<Asked>,
    /// What the lab proposed as the folder, until somebody types one.
    proposed: Option<String>,
    /// Questions of each corpus, by id, as far as they are counted.
    counted: HashMap<String, Result<Counts, Fault>>,
    /// Corpora given to be counted.
    counting: HashSet<String>,
    /// The study that is in the folder already, until something is changed.
    pub there: Option<Box<Made>>,
}

impl PlanForm {
    /// The form as it opens first: everything filled in. Without a corpus or a model there is nothing to fill in.
    pub fn new(shelves: Shelves) -> Option<Self> {
        if shelves.open >= shelves.corpora.len() || shelves.baseline >= shelves.models.len() {
            return None;
        }
        let sheet = Sheet::new(Asked::Folder, |line| match line {
            Asked::Questions => QUESTIONS.to_string(),
            Asked::Annotators => shelves.annotator.clone(),
            Asked::Overlap => "0.3".to_owned(),
            Asked::Repeat => "0.1".to_owned(),
            Asked::Seed => "7".to_owned(),
            _ => String::new(),
        });
        let (open, baseline) = (shelves.open, shelves.baseline);
        let name = |(n, (entry, _)): (usize, &(Entry, String))| (entry.manifest.id.clone(), n == open);
        let corpora = Several { all: shelves.corpora.iter().enumerate().map(name).collect(), at: open };
        let mut form = Self {
            shelves,
            corpora,
            split: 0,
            baseline,
            against: Several::default(),
            lined_up: Vec::new(),
            rivals: Vec::new(),
            sheet,
            proposed: None,
            counted: HashMap::new(),
            counting: HashSet::new(),
            there: None,
        };
        form.line_up();
        form.proposed = Some(form.proposal());
        form.sheet.put(Asked::Folder, form.proposal());
        Some(form)
    }

    /// Takes in what there is now; what was chosen stays chosen if it is still there, and a model that is new is set
    /// if it was fine-tuned from the baseline.
    pub fn restock(&mut self, shelves: Shelves) {
        if shelves.open >= shelves.corpora.len() || shelves.baseline >= shelves.models.len() {
            return;
        }
        let set: Vec<String> = self.corpora.names().into_iter().map(str::to_owned).collect();
        let named =
            |(entry, _): &(Entry, String)| (entry.manifest.id.clone(), set.contains(&entry.manifest.id));
        self.corpora.all = shelves.corpora.iter().map(named).collect();
        self.corpora.at = turned(self.corpora.at, 0, self.corpora.all.len());
        let baseline = self.baseline().name.clone();
        let before = std::mem::take(&mut self.against.all);
        self.baseline = shelves.models.iter().position(|m| m.name == baseline).unwrap_or(shelves.baseline);
        self.shelves = shelves;
        self.line_up();
        if self.baseline().name == baseline {
            for (name, set) in &mut self.against.all {
                *set = before.iter().find(|(known, _)| known == name).map_or(*set, |(_, was)| *was);
            }
        }
        self.counting.retain(|id| self.counted.contains_key(id));
        self.sheet.waiting = false;
    }

    /// Puts those against the baseline that were fine-tuned from it on one of the corpora, or if there are none all that were
    /// fine-tuned from it, and offers the others below them.
    fn line_up(&mut self) {
        let baseline = self.baseline().name.clone();
        let corpora = self.corpora.names();
        let is_tuned = |m: &&Model| m.base.as_deref() == Some(baseline.as_str());
        let others = self.shelves.models.iter().filter(|m| m.name != baseline);
        let (tuned, others): (Vec<&Model>, Vec<&Model>) = others.partition(is_tuned);
        let on_them = |m: &Model| m.corpus.as_deref().is_some_and(|corpus| corpora.contains(&corpus));
        let any = tuned.iter().any(|m| on_them(m));
        let rivals =
            || tuned.iter().map(|m| (*m, !any || on_them(m))).chain(others.iter().map(|m| (*m, false)));
        self.lined_up = rivals().map(|(m, set)| (m.name.clone(), set)).collect();
        self.rivals = rivals().map(|(m, _)| m.found.clone()).collect();
        self.against = Several { all: self.lined_up.clone(), at: 0 };
    }

    /// The model that the others are compared with.
    pub fn baseline(&self) -> &Model {
        // The list is never empty, and the choice stays within it.
        &self.shelves.models[self.baseline]
    }

    /// How many passages a question gets, and how they are ranked: as the lab stood when the form was opened.
    pub fn passages(&self) -> (usize, Ranking) {
        (self.shelves.k, self.shelves.ranking)
    }

    /// What is chosen in a line of several.
    pub fn several(&self, line: Asked) -> Option<&Several> {
        match line {
            Asked::Corpora => Some(&self.corpora),
            Asked::Against => Some(&self.against),
            _ => None,
        }
    }

    fn several_mut(&mut self) -> Option<&mut Several> {
        match self.sheet.at {
            Asked::Corpora => Some(&mut self.corpora),
            Asked::Against => Some(&mut self.against),
            _ => None,
        }
    }

    /// Which of how many is chosen, from 1, in a line of which one is chosen.
    pub fn choice(&self, line: Asked) -> Option<(usize, usize)> {
        match line {
            Asked::Split => Some((self.split + 1, SPLITS.len())),
            Asked::Baseline => Some((self.baseline + 1, self.shelves.models.len())),
            _ => None,
        }
    }

    /// What stands in a line.
    pub fn value(&self, line: Asked) -> String {
        match line {
            Asked::Split => SPLITS[self.split].1.to_owned(),
            Asked::Baseline => self.baseline().name.clone(),
            Asked::Corpora | Asked::Against => {
                let several = if line == Asked::Corpora { &self.corpora } else { &self.against };
                let names = several.names();
                let of = format!("{} of {}", names.len(), several.all.len());
                if names.is_empty() { of } else { format!("{of}: {}", names.join(", ")) }
            }
            typed => self.sheet.typed(typed).to_owned(),
        }
    }

    /// The folder that the lab proposes.
    pub fn proposal(&self) -> String {
        let first = self.corpora.names().first().copied().unwrap_or("my");
        format!("{first}-study")
    }

    /// Whether the lab's proposal stands, so that a free name may take its place.
    pub fn is_proposed(&self) -> bool {
        self.proposed.is_some()
    }

    /// Takes in a folder that is free, for one that was proposed.
    pub fn propose(&mut self, asked: &str, free: &str) {
        if self.proposed.as_deref() == Some(asked) {
            self.sheet.put(Asked::Folder, free);
        }
    }

    /// The corpora that are set and not counted yet, to be counted once.
    pub fn uncounted(&mut self) -> Vec<Entry> {
        let set: Vec<usize> = self.corpora.set().collect();
        let entries = set.into_iter().map(|n| &self.shelves.corpora[n].0);
        let mut wanted = Vec::new();
        for entry in entries {
            let id = &entry.manifest.id;
            if !self.counted.contains_key(id) && self.counting.insert(id.clone()) {
                wanted.push(entry.clone());
            }
        }
        wanted
    }

    /// Takes in how many questions a corpus has. What nobody has typed is fitted to it.
    pub fn count(&mut self, corpus: &str, counts: &Result<Counts, Fault>) {
        self.counted.insert(corpus.to_owned(), counts.clone());
        self.fit();
    }

    fn fit(&mut self) {
        let questions = self.sheet.typed(Asked::Questions).to_owned();
        let offers = Asked::Questions.offers();
        let Some(most) = self.counts().iter().filter_map(|(_, n)| n.as_ref()?.as_ref().ok().copied()).min()
        else {
            return;
        };
        if most > 0 && offers.contains(&questions) && questions.parse::<usize>().is_ok_and(|n| n > most) {
            let numbers = offers.iter().filter_map(|o| o.parse::<usize>().ok());
            let fits = numbers.filter(|n| *n <= most).max().unwrap_or(most);
            self.sheet.put(Asked::Questions, fits.to_string());
        }
    }

    /// The corpora that are set, with how many questions of the split they have, as far as they are counted.
    pub fn counts(&self) -> Vec<(&str, Option<Result<usize, &Fault>>)> {
        let split = SPLITS[self.split].0;
        let of = |counts: &Counts| match split {
            Split::Train => counts.train,
            Split::Dev => counts.dev,
            Split::Test => counts.test,
        };
        let count = |id: &str| self.counted.get(id).map(|counts| counts.as_ref().map(of));
        self.corpora.names().into_iter().map(|id| (id, count(id))).collect()
    }

    /// Goes to the next or the last of what is offered.
    pub fn turn(&mut self, by: isize) {
        match self.sheet.at {
            Asked::Split => {
                self.split = turned(self.split, by, SPLITS.len());
                self.changed();
            }
            Asked::Baseline => {
                self.baseline = turned(self.baseline, by, self.shelves.models.len());
                self.line_up();
                self.changed();
            }
            Asked::Corpora | Asked::Against => {
                if let Some(several) = self.several_mut() {
                    several.at = turned(several.at, by, several.all.len());
                }
            }
            _ => {
                self.sheet.turn(by);
                self.changed();
            }
        }
    }

    /// Takes a key that is no key of the lab: a letter.
    pub fn input(&mut self, key: KeyEvent) {
        let Some(letter) = letter(key) else { return };
        if self.sheet.at.is_several() {
            if matches!(letter, 'a' | 'A') {
                self.several_mut().into_iter().for_each(Several::toggle_all);
                self.changed();
            }
            return;
        }
        self.insert(letter.encode_utf8(&mut [0; 4]));
    }

    /// The space bar: sets or removes what is marked, or is a space.
    pub fn space(&mut self) {
        if self.sheet.at.is_several() {
            self.several_mut().into_iter().for_each(Several::toggle);
            self.changed();
        } else {
            self.insert(" ");
        }
    }

    /// Inserts text, as it is typed or pasted.
    pub fn insert(&mut self, text: &str) {
        self.sheet.insert(text);
        if self.sheet.at == Asked::Folder {
            self.proposed = None;
        }
        self.changed();
    }

    /// Removes the last letter, or what nobody has typed.
    pub fn erase(&mut self) {
        self.sheet.erase();
        if self.sheet.at == Asked::Folder {
            self.proposed = None;
        }
        self.changed();
    }

    /// What was said of what has changed no longer holds.
    fn changed(&mut self) {
        self.there = None;
        self.sheet.mend();
        if self.against.all == self.lined_up {
            let at = self.against.at;
            self.line_up();
            self.against.at = at;
        }
        let proposal = self.proposal();
        if self.proposed.as_ref().is_some_and(|last| *last != proposal) {
            self.sheet.put(Asked::Folder, proposal.as_str());
            self.proposed = Some(proposal);
        }
        // Too many questions may be few enough now.
        if matches!(self.sheet.at, Asked::Corpora | Asked::Split) {
            self.fit();
            self.sheet.wrong.retain(|(line, _)| *line != Asked::Questions);
        }
    }

    /// Whether the corpora that are set are counted, so that it can be said whether there are enough questions.
    pub fn is_counted(&self) -> bool {
        self.counts().iter().all(|(_, count)| count.is_some())
    }

    /// The study that the form describes: its folder as it was typed, and the rest.
    ///
    /// # Errors
    /// What will not do, by line from the top.
    pub fn planning(&self) -> Result<(String, Planning), Vec<(Asked, String)>> {
        let mut wrong = Vec::new();
        let folder = self.sheet.typed(Asked::Folder).trim().to_owned();
        if folder.is_empty() {
            wrong.push((Asked::Folder, "Write the path of a new folder.".to_owned()));
        }
        if self.corpora.names().is_empty() {
            wrong.push((Asked::Corpora, "Set one or more: ← → and Space.".to_owned()));
        }
        let mut take = |line, value: Result<f64, String>| match value {
            Ok(value) => value,
            Err(why) => {
                wrong.push((line, why));
                0.0
            }
        };
        let (overlap, repeat) = (take(Asked::Overlap, self.share(Asked::Overlap)), {
            let repeat = self.share(Asked::Repeat);
            take(Asked::Repeat, repeat)
        });
        let questions = self.questions().unwrap_or_else(|why| {
            wrong.push(why);
            0
        });
        if self.against.names().is_empty() {
            wrong.push((Asked::Against, "Set one or more: ← → and Space.".to_owned()));
        }
        let annotators = self.annotators().unwrap_or_else(|why| {
            wrong.push((Asked::Annotators, why));
            Vec::new()
        });
        let seed = match self.sheet.whole(Asked::Seed) {
            Ok(seed) if i64::try_from(seed).is_ok() => seed,
            _ => {
                wrong.push((Asked::Seed, "Write a whole number.".to_owned()));
                0
            }
        };
        if !wrong.is_empty() {
            wrong.sort_by_key(|(line, _)| line.number());
            return Err(wrong);
        }
        let title = self.sheet.typed(Asked::Title).trim();
        let planning = Planning {
            title: (!title.is_empty()).then(|| title.to_owned()),
            corpora: self.corpora.set().map(|n| self.shelves.corpora[n].1.clone()).collect(),
            split: SPLITS[self.split].0,
            questions,
            baseline: self.baseline().found.clone(),
            against: self.against.set().map(|n| self.rivals[n].clone()).collect(),
            annotators,
            overlap,
            repeat,
            seed,
            k: Some(self.shelves.k),
            ranking: Some(self.shelves.ranking),
        };
        Ok((folder, planning))
    }

    /// What it comes to as the form stands; nothing while something will not do.
    pub fn sums(&self) -> Option<Sums> {
        let (_, planning) = self.planning().ok()?;
        let questions = planning.questions * planning.corpora.len();
        let items = questions * planning.against.len();
        let annotators = planning.annotators.len();
        let shared = items as f64 * planning.overlap;
        let own = (items as f64 - shared) / annotators as f64;
        let each = ((shared + own) * (1.0 + planning.repeat)).round() as usize;
        Some(Sums { questions, items, answers: questions + items, annotators, each })
    }

    /// Takes in why the study could not be made.
    pub fn refused(&mut self, fault: &Fault) {
        self.sheet.refuse(vec![(line_of(fault), fault.to_string())]);
    }

    /// Takes in that there is a study in the folder: the next Enter opens it.
    pub fn found(&mut self, made: Box<Made>) {
        let why = format!(
            "This is a study already: {}. Enter opens it as it is; for a new one, name another folder.",
            made.title
        );
        self.sheet.refuse(vec![(Asked::Folder, why)]);
        self.there = Some(made);
    }

    fn questions(&self) -> Result<usize, (Asked, String)> {
        for (_, count) in self.counts() {
            if let Some(Err(fault)) = count {
                return Err((Asked::Corpora, fault.to_string()));
            }
        }
        let wanted = self.sheet.whole(Asked::Questions).map_err(|why| (Asked::Questions, why))? as usize;
        if wanted == 0 {
            return Err((Asked::Questions, "Write a number from 1 on.".to_owned()));
        }
        let least = self.counts().into_iter().filter_map(|(id, n)| Some((n?.ok()?, id))).min();
        match least {
            Some((there, id)) if there < wanted => Err((
                Asked::Questions,
                format!(
                    "{id} has {} in the split {}: at most that many.",
                    counted(there, "question"),
                    SPLITS[self.split].1
                ),
            )),
            _ => Ok(wanted),
        }
    }

    fn annotators(&self) -> Result<Vec<String>, String> {
        let names = match study::annotators(self.sheet.typed(Asked::Annotators)) {
            Ok(names) => names,
            Err(Error::Fault(fault)) => return Err(format!("Write {}.", fault.expected)),
            Err(Error::Cancelled) => Vec::new(),
        };
        let fits = |name: &String| !name.is_empty() && study::annotator(name) == *name;
        if names.iter().all(fits) {
            return Ok(names);
        }
        Err("Write a number, or names of letters, digits, hyphens, dots and underscores with commas between them."
            .to_owned())
    }

    fn share(&self, line: Asked) -> Result<f64, String> {
        let share = self.sheet.typed(line).trim().parse::<f64>();
        share.ok().filter(|s| (0.0..=1.0).contains(s)).ok_or("Write a share from 0 to 1, such as 0.3.".into())
    }
}

/// The line that a fault of making a study is about; what is about none stands at the folder.
fn line_of(fault: &Fault) -> Asked {
    let value = fault.place.rsplit(", ").next().unwrap_or_default();
    let named = Asked::ALL.iter().find(|line| line.title() == value);
    match named {
        Some(line) => *line,
        None if fault.place.starts_with("corpus ") => Asked::Questions,
        None => Asked::Folder,
    }
}
