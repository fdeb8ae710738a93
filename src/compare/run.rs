//! Runs a trial: both contenders load, read and answer at the same time, each on a thread of its own, so that a
//! slow or broken one does not keep the other from the screen.

use super::pace::PerToken;
use super::pair::{Models, Pair};
use super::support::{Support, support};
use super::trial::{self, Answer, Finish, Rerun, Role, Side, Trial};
use crate::fault::{Error, Result};
use crate::generate::{Contender, Count, Guessing, Kind, Model, Sampling, Step};
use crate::job::{Cancel, Progress};
use crate::prompt::{self, Message, Packed};
use crate::retrieve::{Hit, Index, Settings, SoFar};
use jiff::Timestamp;
use std::sync::Arc;

/// What is asked of whom.
#[derive(Debug, Clone)]
pub struct Request {
    /// The question.
    pub question: String,
    /// The corpus's id.
    pub corpus: String,
    /// The digest of the corpus.
    pub corpus_digest: String,
    /// How its passages were cut.
    pub retrieval: Settings,
    /// How many passages to ask for.
    pub k: usize,
    /// The contenders.
    pub pair: Pair,
    /// How both answers are drawn.
    pub sampling: Sampling,
    /// Whether B answers after A, so that the times of each are its own.
    pub apart: bool,
}

/// What happens in a trial, as it happens.
#[derive(Debug, Clone)]
pub enum Event {
    /// The passages were found, in all of the corpus or in the part of it that is indexed.
    Retrieved(Vec<Hit>, Option<SoFar>),
    /// A model is being loaded.
    Loading(Side, Progress),
    /// The prompt holds this many of the passages; both models are in memory, or have failed.
    Packed(usize),
    /// What both read for each token; comes before either says anything, where both answer at the same time.
    PerToken(PerToken),
    /// A server is waited for, and this is why; what an answer had said by now is void.
    Waiting(Side, String),
    /// A contender has read so many tokens of a prompt of so many.
    Reading(Side, usize, usize),
    /// A piece of an answer, and how many tokens the answer has now.
    Text(Side, String, Count),
    /// An answer came to its end, one way or another.
    Answered(Side, Box<Answer>),
}

/// Where events go; called from several threads, must not block.
pub type Events<'a> = &'a (dyn Fn(Event) + Sync);

/// Asks both contenders. A contender that cannot be loaded or fails gives a failed answer, not a failed trial;
/// one that was stopped gives what it had said.
///
/// # Errors
/// What retrieval fails with, and [`Error::Cancelled`] if stopped before anything could be said.
pub fn run(
    request: &Request,
    index: &Index,
    models: &Models,
    events: Events<'_>,
    cancel: &Cancel,
) -> Result<Trial> {
    let asked_at = Timestamp::now();
    let hits = index.search(&request.question, request.k)?;
    events(Event::Retrieved(hits.clone(), index.settings().part));
    cancel.check()?;
    let contenders = Side::BOTH.map(|side| request.pair.of(side));
    let loaded = load(contenders, models, events, cancel);
    let models = loaded.iter().flatten().map(Arc::as_ref);
    let packed = pack(&request.question, &hits, models, &request.sampling)?;
    events(Event::Packed(packed.passages));
    if !request.apart {
        let [a, b] = &loaded;
        events(Event::PerToken(PerToken::of([a, b].map(|model| model.as_deref().ok()))));
    }
    // Where times are to be each answer's own, nothing is taken from what others said.
    let guessing = if request.apart { Guessing::Text } else { Guessing::Said };
    let asked = Asked { messages: &packed.messages, passages: &hits[..packed.passages], guessing };
    let one = &|side: Side| {
        let (contender, model) = (contenders[side.index()], &loaded[side.index()]);
        told(side, contender, model, &asked, &request.sampling, events, cancel)
    };
    let answers = match request.apart {
        true => Side::BOTH.map(one),
        // Where both are of one base, the engine makes one pass over its weights serve both threads.
        false => std::thread::scope(|scope| {
            let [a, b] = Side::BOTH.map(|side| scope.spawn(move || one(side)));
            [a, b].map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        }),
    };
    Ok(Trial {
        id: trial::new_id(asked_at, &request.question),
        asked_at,
        again_of: None,
        question: request.question.clone(),
        corpus: request.corpus.clone(),
        hits,
        answers,
        rerun: Rerun {
            juxta: env!("CARGO_PKG_VERSION").to_owned(),
            corpus_digest: request.corpus_digest.clone(),
            retrieval: request.retrieval,
            k: request.k,
            passages_used: packed.passages,
            messages: packed.messages,
        },
    })
}

/// Has both contenders read what they would be asked, so that answers begin sooner if it is: nothing is said, kept on disk or
/// sent to a server.
///
/// # Errors
/// What would be wrong if it were asked, and [`Error::Cancelled`].
pub fn read_ahead(request: &Request, index: &Index, models: &Models, cancel: &Cancel) -> Result<()> {
    let contenders = Side::BOTH.map(|side| request.pair.of(side));
    if contenders.iter().any(|contender| matches!(contender.kind, Kind::Endpoint { .. })) {
        return Ok(());
    }
    let hits = index.search(&request.question, request.k)?;
    cancel.check()?;
    let [a, b] = load(contenders, models, &|_| {}, cancel);
    let loaded = [a?, b?];
    let asked = pack(&request.question, &hits, loaded.iter().map(Arc::as_ref), &request.sampling)?;
    let read = |model: &Model| model.read_ahead(&model.render(&asked.messages)?, &request.sampling, cancel);
    std::thread::scope(|scope| {
        let both = loaded.each_ref().map(|model| scope.spawn(|| read(model)));
        both.into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Asks one contender of a trial again, drawn otherwise. The result is a trial of its own, so that what was judged
/// stays what it was.
///
/// # Errors
/// [`Error::Cancelled`] if stopped before anything could be said.
pub fn again(
    old: &Trial,
    side: Side,
    contender: &Contender,
    sampling: &Sampling,
    models: &Models,
    events: Events<'_>,
    cancel: &Cancel,
) -> Result<Trial> {
    let asked_at = Timestamp::now();
    let model = load_one(side, contender, models, events, cancel);
    cancel.check()?;
    let asked = Asked { messages: &old.rerun.messages, passages: old.passages(), guessing: Guessing::Text };
    let mut new = old.clone();
    new.answers[side.index()] = told(side, contender, &model, &asked, sampling, events, cancel);
    new.id = trial::new_id(asked_at, &old.question);
    new.asked_at = asked_at;
    new.again_of = Some(old.id.clone());
    Ok(new)
}

/// What contenders are asked: the same for all that are compared.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The conversation.
    pub messages: &'a [Message],
    /// The passages that are in it, in the order of their numbers.
    pub passages: &'a [Hit],
    /// What tokens of the answer are guessed from.
    pub guessing: Guessing,
}

type Loaded = Result<Arc<Model>>;

fn load(contenders: [&Contender; 2], models: &Models, events: Events<'_>, cancel: &Cancel) -> [Loaded; 2] {
    std::thread::scope(|scope| {
        let [a, b] = Side::BOTH.map(|side| {
            scope.spawn(move || load_one(side, contenders[side.index()], models, events, cancel))
        });
        [a, b].map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

fn load_one(
    side: Side,
    contender: &Contender,
    models: &Models,
    events: Events<'_>,
    cancel: &Cancel,
) -> Loaded {
    models.get(contender, &|progress| events(Event::Loading(side, progress)), cancel)
}

/// The messages that ask the question about as many of the hits as every one of the models can read.
///
/// # Errors
/// As [`prompt::pack`].
pub fn pack<'a>(
    question: &str,
    hits: &[Hit],
    models: impl Iterator<Item = &'a Model> + Clone,
    sampling: &Sampling,
) -> Result<Packed> {
    prompt::pack(question, hits, &mut |messages| {
        Ok(models.clone().all(|model| fits(model, messages, sampling)))
    })
}

/// Whether a model can read the messages and still answer at length. A template that fails is told by the answer.
pub fn fits(model: &Model, messages: &[Message], sampling: &Sampling) -> bool {
    let Ok(prompt) = model.render(messages) else { return true };
    let Ok(tokens) = model.count_tokens(&prompt) else { return true };
    // A small window is shared: at most half of it is kept free for the answer.
    let window = model.facts().context_tokens;
    // A server that does not say how much it holds says so when it is asked too much.
    if window == 0 {
        return true;
    }
    tokens + sampling.max_tokens.min(window / 2) <= window
}

/// The answer of a side, told as it comes.
fn told(
    side: Side,
    contender: &Contender,
    model: &Loaded,
    asked: &Asked<'_>,
    sampling: &Sampling,
    events: Events<'_>,
    cancel: &Cancel,
) -> Answer {
    let mut steps = |step| match step {
        Step::Reading { read, prompt_tokens } => events(Event::Reading(side, read, prompt_tokens)),
        Step::Text { piece, count } => events(Event::Text(side, piece, count)),
        Step::Waiting { why } => events(Event::Waiting(side, why)),
        // It is part of the answer.
        Step::Served(_) => {}
    };
    let answer = answer(contender, Pair::role(side), model, asked, sampling, &mut steps, cancel);
    events(Event::Answered(side, Box::new(answer.clone())));
    answer
}

/// Has one contender answer: where everything that is compared is answered. A model that could not be loaded or fails
/// gives a failed answer that says why, one that was stopped what it had said.
pub fn answer(
    contender: &Contender,
    role: Role,
    model: &Result<Arc<Model>>,
    asked: &Asked<'_>,
    sampling: &Sampling,
    steps: &mut dyn FnMut(Step),
    cancel: &Cancel,
) -> Answer {
    let mut answer = Answer {
        contender: contender.name.clone(),
        role,
        text: String::new(),
        tokens: 0,
        passes: None,
        prompt_tokens: 0,
        seconds_to_first_token: None,
        seconds: 0.0,
        tokens_per_second: None,
        finish: Finish::Failed,
        error: None,
        support: Support::default(),
        sampling: sampling.clone(),
        model: None,
        prompt_digest: None,
        system_folded: false,
        served: None,
    };
    let result = match model {
        Ok(model) => fill(&mut answer, model, asked, steps, cancel),
        Err(e) => Err(e.clone()),
    };
    match result {
        Ok(()) => {}
        Err(Error::Cancelled) => answer.finish = Finish::Cancelled,
        Err(Error::Fault(fault)) => answer.error = Some(fault.to_string()),
    }
    answer.support = support(&answer.text, asked.passages.iter().map(|hit| hit.text.as_str()));
    answer
}

fn fill(
    answer: &mut Answer,
    model: &Model,
    asked: &Asked<'_>,
    steps: &mut dyn FnMut(Step),
    cancel: &Cancel,
) -> Result<()> {
    answer.model = Some(model.facts().clone());
    let prompt = model.render(asked.messages)?;
    answer.system_folded = model.codec().is_some_and(|codec| codec.folds_system(asked.messages));
    answer.prompt_digest = Some(blake3::hash(prompt.as_bytes()).to_hex().to_string());
    let mut served = None;
    let said =
        model.generate_from((&prompt, asked.guessing), &answer.sampling, cancel, &mut |step| match step {
            Step::Served(told) => served = Some(told),
            step => steps(step),
        });
    answer.served = served;
    let said = said?;
    answer.text = said.text;
    answer.tokens = said.tokens;
    answer.passes = said.passes;
    answer.prompt_tokens = said.prompt_tokens;
    answer.seconds_to_first_token = said.seconds_to_first_token;
    answer.seconds = said.seconds;
    answer.tokens_per_second = said.tokens_per_second;
    answer.finish = said.finish.into();
    Ok(())
}
