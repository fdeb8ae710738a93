//! `juxta model eval`: measures models on test questions and prints the figures, for people, as Markdown or as JSON.

use super::out::{self, Bar};
use crate::analysis::Figure;
use crate::corpus::{Entry, Split};
use crate::fault::Fault;
use crate::job::interrupt::interruptible;
use crate::lab::{self, Difference, Evaluating, Evaluation, Figures, Lab, Measure, OfModel, OnCorpus};
use crate::text::{counted, json, one_line, visible};
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// What to measure on what.
#[derive(Debug, clap::Args)]
#[command(after_long_help = METHOD)]
pub(super) struct Args {
    /// The models: names or paths. The base of a fine-tuned model is measured too. If left out: the bundled reader and
    /// all that was fine-tuned from it.
    #[arg(value_name = "MODEL")]
    models: Vec<String>,
    /// Measure all that was fine-tuned from the named models as well.
    #[arg(long)]
    adapters: bool,
    /// The corpora: ids, or paths of corpus folders. All that have such questions if left out.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    corpus: Vec<String>,
    /// Which questions.
    #[arg(long, value_enum, default_value_t = Questions::Test)]
    split: Questions,
    /// How many questions of each corpus at most, from the first.
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// How many questions are answered at a time, each on one thread. One a processor if left out.
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
    /// Print one JSON object.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print tables in Markdown.
    #[arg(long)]
    markdown: bool,
    /// The file to write; standard output if left out. A file that is there is not overwritten.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What is measured, as the long help says it.
const METHOD: &str = "\
Each model answers greedily from the passages that retrieval finds, packed as the lab packs them. Of an answer the \
citations are taken out, and then:

  F1           token F1 against the reference answer, as the SQuAD v1.1 evaluation computes it
  ROUGE-L      F against the reference answer, as the package rouge-score computes it without stemming
  key phrases  the part of the question's key points that the answer contains, as runs of whole words, without \
regard to case, accents and punctuation between words
  cites gold   of the answers to questions with a gold passage among those shown (one that holds the greater part of \
a gold quote), the share that cites one; an answer that cites nothing does not
  abstains     the share of answers that begin with \"The passages do not say\", apart for questions with and without \
an answer in the corpus; other wordings are not recognised

F1, ROUGE-L and key phrases are over the questions that have an answer. Intervals are 95 %: Wilson's for shares, for \
means and differences that of the percentile bootstrap over gold documents (2,000 resamples, seed 0). A figure that \
does not exist is shown as –. Answers are kept in the data folder: a run that was stopped goes on where it was, and \
figures of answers that are all there come at once.";

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Questions {
    /// Those to judge by.
    Test,
    /// Those to choose settings by.
    Dev,
}

impl From<Questions> for Split {
    fn from(questions: Questions) -> Self {
        match questions {
            Questions::Test => Self::Test,
            Questions::Dev => Self::Dev,
        }
    }
}

pub(super) fn run(lab: &Lab, args: &Args) -> anyhow::Result<()> {
    // Before an hour's work.
    new_file(args.out.as_deref())?;
    let wanted = Evaluating {
        models: lab::evaluated(&lab.models.registry(), &args.models, args.adapters)?,
        corpora: corpora(lab, args)?,
        split: args.split.into(),
        limit: args.limit,
        workers: args.workers,
    };
    let evaluation = {
        let bar = Bar::new();
        lab.evaluate(&wanted, &|p| bar.show(&p), &interruptible())
            .map_err(out::stopped("Every answer by then is kept; the same command goes on from there."))?
    };
    for remark in &evaluation.remarks {
        out::remark(&remark.to_string());
    }
    let text = if args.json {
        json(&evaluation)? + "\n"
    } else if args.markdown {
        markdown(&evaluation, &command(args))
    } else {
        for_people(&evaluation)
    };
    let Some(path) = &args.out else {
        return if args.json { out::json(&evaluation) } else { out::text(&text) };
    };
    new_file(Some(path))?;
    crate::folder::replace(path, visible(&text).as_bytes())?;
    out::remark(&format!("written to {}", path.display()));
    Ok(())
}

fn new_file(path: Option<&Path>) -> anyhow::Result<()> {
    match path.filter(|path| path.exists()) {
        None => Ok(()),
        Some(path) => Err(Fault::new(path.display(), "a file that is already there")
            .expected("a new file")
            .next("Choose another name, or remove it first.")
            .into()),
    }
}

fn corpora(lab: &Lab, args: &Args) -> anyhow::Result<Vec<Entry>> {
    if !args.corpus.is_empty() {
        return Ok(args.corpus.iter().map(|named| lab.corpus(Some(named))).collect::<Result<_, _>>()?);
    }
    let mut found = Vec::new();
    for entry in &lab.catalog.entries {
        if entry.read()?.split(args.split.into()).next().is_some() {
            found.push(entry.clone());
        }
    }
    if found.is_empty() {
        return Err(Fault::new("corpora", "none with questions to measure models by")
            .expected("one or more")
            .next("Name one with --corpus; `juxta corpus list` shows what there is.")
            .into());
    }
    Ok(found)
}

/// The command that prints the same again.
fn command(args: &Args) -> String {
    let mut parts = vec!["juxta model eval".to_owned()];
    let plain = |c: char| c.is_alphanumeric() || "-_./,:".contains(c);
    let quoted = |word: &str| {
        let word = one_line(word);
        if word.chars().all(plain) { word } else { format!("'{}'", word.replace('\'', "'\\''")) }
    };
    parts.extend(args.models.iter().map(|m| quoted(m)));
    if args.adapters {
        parts.push("--adapters".into());
    }
    if !args.corpus.is_empty() {
        parts.push(format!("--corpus {}", quoted(&args.corpus.join(","))));
    }
    if let Questions::Dev = args.split {
        parts.push("--split dev".into());
    }
    if let Some(limit) = args.limit {
        parts.push(format!("--limit {limit}"));
    }
    parts.push("--markdown".into());
    parts.join(" ")
}

/// Two decimals; what is shown as nothing has no sign.
fn number(value: f64, signed: bool) -> String {
    let text = format!("{value:.2}");
    match text.strip_prefix('-') {
        Some("0.00") => "0.00".to_owned(),
        Some(digits) => format!("−{digits}"),
        None if signed && text != "0.00" => format!("+{text}"),
        None => text,
    }
}

/// `0.43 [0.38, 0.48]`; without brackets where there is no interval, and – where there is no figure.
fn shown(figure: &Figure, signed: bool) -> String {
    let Some(estimate) = figure.estimate() else { return "–".to_owned() };
    let value = number(estimate.value, signed);
    match estimate.interval {
        Some(interval) => {
            format!("{value} [{}, {}]", number(interval.low, signed), number(interval.high, signed))
        }
        None => value,
    }
}

fn n_of(figure: &Figure) -> usize {
    figure.estimate().map_or(0, |e| e.n)
}

fn heading(measure: Measure) -> &'static str {
    match measure {
        Measure::TokenF1 => "token F1",
        Measure::RougeL => "ROUGE-L",
        Measure::KeyPhrases => "key phrases contained (mean part)",
        Measure::AllKeyPhrases => "every key phrase contained",
        Measure::GoldShown => "a gold passage among those shown",
        Measure::CitesGold => "cites a gold passage, where one was shown",
        Measure::GoldCitations => "citations that are gold, where one was shown",
        Measure::Abstains => "abstains where the corpus has no answer",
        Measure::FalselyAbstains => "abstains where it has one",
    }
}

fn about(corpus: &OnCorpus, split: Split) -> String {
    format!(
        "{}, {} with an answer in the corpus",
        counted(
            corpus.questions,
            match split {
                Split::Train => "training question",
                Split::Dev => "development question",
                Split::Test => "test question",
            }
        ),
        corpus.answerable
    )
}

fn for_people(evaluation: &Evaluation) -> String {
    let names: Vec<String> = evaluation.models.iter().map(|m| one_line(&m.name)).collect();
    let wide = names.iter().map(|n| n.chars().count()).max().unwrap_or_default().min(40);
    let mut text = String::new();
    // Writing into a string cannot fail.
    for corpus in &evaluation.corpora {
        let _ = writeln!(text, "{} · {}", one_line(&corpus.corpus), about(corpus, evaluation.split));
        for measure in Measure::ALL {
            let _ = writeln!(text, "\n  {}", heading(measure));
            for (result, name) in corpus.results.iter().zip(&names) {
                let figure = result.figures.of(measure);
                let _ =
                    write!(text, "    {name:<wide$}  {:<20}  n = {}", shown(&figure, false), n_of(&figure));
                if let Some(difference) = result.difference.as_ref().filter(|_| !measure.is_of_retrieval()) {
                    let by = shown(&difference.figures.of(measure), true);
                    let _ = write!(text, "  {by} against {}", one_line(&difference.to));
                }
                text.push('\n');
            }
        }
        for remark in remarks(corpus) {
            let _ = writeln!(text, "\n  {remark}");
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "[ ] hold 95 %: Wilson's interval for shares; for means and differences, which are paired by question, the \
         percentile bootstrap over gold documents (2,000 resamples, seed 0). `juxta model eval --help` says more."
    );
    text
}

/// What else is to be known of a corpus's results.
fn remarks(corpus: &OnCorpus) -> Vec<String> {
    let mut found = Vec::new();
    for result in &corpus.results {
        if result.cut_off > 0 {
            found.push(format!(
                "{} of {} cut off at the limit of tokens.",
                counted(result.cut_off, "answer"),
                one_line(&result.model)
            ));
        }
        if let Some(Difference { to, other_passages, .. }) = &result.difference
            && *other_passages > 0
        {
            found.push(format!(
                "{} and {} were shown different passages for {}: their prompts hold different amounts.",
                one_line(&result.model),
                one_line(to),
                counted(*other_passages, "question")
            ));
        }
    }
    found
}

const COLUMNS: [(Measure, &str); 6] = [
    (Measure::TokenF1, "F1"),
    (Measure::RougeL, "ROUGE-L"),
    (Measure::KeyPhrases, "key phrases"),
    (Measure::CitesGold, "cites gold"),
    (Measure::Abstains, "abstains, no answer"),
    (Measure::FalselyAbstains, "abstains, answerable"),
];

fn markdown(evaluation: &Evaluation, command: &str) -> String {
    let mut text = String::new();
    for corpus in &evaluation.corpora {
        let _ = writeln!(text, "**`{}`**: {}.\n", code(&corpus.corpus), about(corpus, evaluation.split));
        let rows = corpus.results.iter().map(|r| (format!("`{}`", code(&r.model)), &r.figures));
        table(&mut text, "model", rows.collect(), false);
        let differences: Vec<_> = corpus
            .results
            .iter()
            .filter_map(|r: &OfModel| Some((r, r.difference.as_ref()?)))
            .map(|(r, d)| (format!("`{}` − `{}`", code(&r.model), code(&d.to)), &d.figures))
            .collect();
        if !differences.is_empty() {
            table(&mut text, "difference on the same questions", differences, true);
        }
        let shown_to = corpus.results.first().map(|r| r.figures.of(Measure::GoldShown));
        if let Some(figure) = shown_to.filter(|f| f.value().is_some()) {
            let _ = writeln!(
                text,
                "A gold passage was among those shown (up to {}) for {} of the questions that have an answer (n = {}).\n",
                evaluation.k,
                shown(&figure, false),
                n_of(&figure)
            );
        }
        for remark in remarks(corpus) {
            let _ = writeln!(text, "{}\n", remark.replace(['`', '|', '<', '*', '_', '['], "·"));
        }
    }
    let _ = writeln!(
        text,
        "Greedy answers; citations taken out before answers are compared. In brackets 95 % intervals: Wilson's for \
         shares (cites gold, abstains), else those of the percentile bootstrap over gold documents (2,000 resamples, \
         seed 0); differences are paired by question. `{}` prints this.",
        code(command)
    );
    text
}

fn table(text: &mut String, first: &str, rows: Vec<(String, &Figures)>, signed: bool) {
    let ns = |measure| -> Vec<usize> { rows.iter().map(|(_, figures)| n_of(&figures.of(measure))).collect() };
    let of_all = COLUMNS.map(|(measure, _)| {
        let ns = ns(measure);
        ns.first().copied().filter(|n| ns.iter().all(|other| other == n))
    });
    let head = COLUMNS.iter().zip(&of_all).map(|((_, name), n)| match n {
        Some(n) => format!("{name} (n = {n})"),
        None => (*name).to_owned(),
    });
    let _ = writeln!(text, "| {first} | {} |", head.collect::<Vec<_>>().join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(COLUMNS.len()));
    for (name, figures) in &rows {
        let cells = COLUMNS.iter().zip(&of_all).map(|((measure, _), n)| {
            let figure = figures.of(*measure);
            match n {
                Some(_) => shown(&figure, signed),
                None => format!("{} (n = {})", shown(&figure, signed), n_of(&figure)),
            }
        });
        let _ = writeln!(text, "| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    text.push('\n');
}

/// Text between backticks in a cell: on one line, and without what would end either.
fn code(text: &str) -> String {
    one_line(text).replace('`', "'").replace('|', "¦")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Interval;

    fn figure(value: f64, interval: Option<(f64, f64)>) -> Figure {
        let interval = interval.map(|(low, high)| Interval { low, high, level: 0.95 });
        Figure::known(value, 9, "mean").with_interval(interval)
    }

    #[test]
    fn figures_have_two_decimals_their_interval_and_a_sign_where_they_differ() {
        assert_eq!(shown(&figure(0.426, Some((0.384, 0.475))), false), "0.43 [0.38, 0.47]");
        assert_eq!(shown(&figure(-0.026, Some((-0.0049, 0.1))), true), "−0.03 [0.00, +0.10]");
        assert_eq!(shown(&figure(1.0, None), false), "1.00");
        assert_eq!(shown(&Figure::absent("nothing"), true), "–");
    }

    #[test]
    fn a_hostile_name_stays_in_its_cell_and_shows_nothing_that_a_terminal_obeys() {
        let name = code("a`|\n\u{1b}[2J\u{202e}b");
        assert!(!name.contains(['`', '|', '\n', '\u{1b}', '\u{202e}']), "{name:?}");
    }

    #[test]
    fn the_command_is_one_that_a_shell_takes() {
        let args = |models: &[&str]| Args {
            models: models.iter().map(|m| (*m).to_owned()).collect(),
            adapters: true,
            corpus: vec!["a".into(), "my corpus".into()],
            split: Questions::Dev,
            limit: NonZeroUsize::new(3),
            workers: None,
            json: false,
            markdown: true,
            out: None,
        };
        assert_eq!(
            command(&args(&["reader", "it's mine"])),
            "juxta model eval reader 'it'\\''s mine' --adapters --corpus 'a,my corpus' --split dev --limit 3 --markdown"
        );
    }
}
