//! A model behind a server, as it answers: asked, asked again where that helps, and what it said of itself.

use super::asking::{Again, Asking, Said, Wrong};
use super::settings::Endpoint;
use super::told::Told;
use super::{Served, asking::shown};
use crate::fault::{Fault, Result};
use crate::generate::answer::{Completion, Finish, Step};
use crate::generate::model::Facts;
use crate::generate::registry::Contender;
use crate::generate::sampling::{Mode, Penalty, Sampling};
use crate::job::{Cancel, Progress, Report, time};
use crate::net::{Address, Key, pause};
use crate::prompt::Message;
use serde_json::{Map, Value, json};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// How often one question is asked at most.
const TRIES: u32 = 6;
/// A server that wants to be left alone longer is told of, not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// Bytes of a prompt that count as a token, and tokens that a message has beside its text: English has more bytes to a
/// token, so that rather too few passages are packed than too many.
const BYTES_A_TOKEN: usize = 3;
const TOKENS_A_MESSAGE: usize = 8;

/// A model behind a server.
pub(in crate::generate) struct Remote {
    endpoint: Endpoint,
    /// Of the chat completions.
    address: Address,
    key: Option<Key>,
    context_tokens: Option<usize>,
    facts: Facts,
    place: String,
}

impl Remote {
    /// Asks the server for its models: one that is not there is told of before a question is lost on it.
    pub(in crate::generate) fn load(
        contender: &Contender,
        report: Report<'_>,
        cancel: &Cancel,
    ) -> Result<Self> {
        let mut endpoint = Endpoint::read(&contender.folder)?;
        report(Progress { doing: format!("asking {}", endpoint.host()), done: 0, total: 0 });
        let kept = endpoint.clone();
        let told = endpoint.ask(cancel)?;
        let place = format!("the endpoint {} ({})", contender.name, kept.url);
        unchanged(&kept, &told, &place)?;
        let context_tokens = kept.context_tokens.map(NonZeroUsize::get).or(told.context_tokens);
        let address =
            endpoint.address(&place)?.below("chat/completions").map_err(|e| Fault::new(&place, e))?;
        Ok(Self {
            facts: Facts {
                name: contender.name.clone(),
                digest: kept.digest(),
                base_digest: None,
                template_digest: None,
                architecture: "unknown".to_owned(),
                engine: format!("{} at {}", kept.model, kept.url),
                context_tokens: context_tokens.unwrap_or(0),
            },
            key: kept.key()?,
            endpoint: kept,
            address,
            context_tokens,
            place,
        })
    }

    pub(in crate::generate) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(in crate::generate) fn in_flight(&self) -> NonZeroUsize {
        self.endpoint.in_flight
    }

    /// The messages as they are sent: the template is the server's.
    pub(in crate::generate) fn render(&self, messages: &[Message]) -> Result<String> {
        serde_json::to_string(messages).map_err(|e| Fault::new(&self.place, e).into())
    }

    /// An estimate: the tokenizer is the server's.
    pub(in crate::generate) fn count_tokens(&self, prompt: &str) -> usize {
        prompt.len().div_ceil(BYTES_A_TOKEN) + TOKENS_A_MESSAGE * prompt.matches("\"role\":").count()
    }

    pub(in crate::generate) fn generate(
        &self,
        prompt: &str,
        sampling: &Sampling,
        cancel: &Cancel,
        on: &mut dyn FnMut(Step),
    ) -> Result<Completion> {
        let messages: Value = serde_json::from_str(prompt)
            .map_err(|e| Fault::new(&self.place, e).expected("messages, as this model renders them"))?;
        let mut sent = self.parameters(sampling);
        let (mut tries, mut refusals) = (1, 0);
        on(Step::Waiting { why: format!("Asking {}.", self.endpoint.host()) });
        loop {
            let mut said = Said::nothing();
            let asking = Asking {
                address: &self.address,
                key: self.key.as_ref(),
                place: &self.place,
                body: self.body(&messages, &sent),
                first: Duration::from_secs(self.endpoint.timeout_seconds.get().into()),
                max_tokens: sampling.max_tokens,
            };
            let (fault, again) = match asking.once(&mut said, cancel, on) {
                Ok(()) => {
                    on(Step::Served(Box::new(self.served(&said, sent, tries))));
                    return Ok(self.completion(said));
                }
                Err(Wrong::Cancelled) => {
                    said.finish = Some(Finish::Cancelled);
                    on(Step::Served(Box::new(self.served(&said, sent, tries))));
                    return Ok(self.completion(said));
                }
                // At most once for each thing that can be said otherwise.
                Err(Wrong::Refused { fault, said }) => {
                    refusals += 1;
                    if refusals <= 2 && otherwise(&mut sent, &said) {
                        continue;
                    }
                    return Err(fault.into());
                }
                Err(Wrong::Fault { fault, again }) => (fault, again),
            };
            let Again::After(asked) = again else { return Err(fault.into()) };
            if let Some(asked) = asked.filter(|asked| *asked > LONGEST_PAUSE) {
                let asked = time(asked.as_secs_f64());
                return Err(fault.next(format!("It wants to be left alone for {asked}: ask then.")).into());
            }
            if tries >= TRIES {
                return Err(Fault { found: format!("{} ({tries} times)", fault.found), ..fault }.into());
            }
            tries += 1;
            let pause = pause(tries, asked);
            on(Step::Waiting {
                why: format!(
                    "{}: found {}. Asking again in {}.",
                    fault.place,
                    fault.found,
                    time(pause.as_secs_f64())
                ),
            });
            tracing::info!(endpoint = %self.facts.name, tries, "asking again: {}", fault.found);
            if cancel.rest(pause).is_err() {
                let said = Said { finish: Some(Finish::Cancelled), ..Said::nothing() };
                return Ok(self.completion(said));
            }
        }
    }

    /// How the answer is to be drawn, in the API's words. What it has no word for, and is not used, is not sent.
    fn parameters(&self, sampling: &Sampling) -> Map<String, Value> {
        let mut sent = Map::new();
        let mut put = |name: &str, value: Value| sent.insert(name.to_owned(), value);
        match sampling.mode {
            Mode::Greedy => put("temperature", json!(0.0)),
            Mode::Draw(draw) => {
                if let Some(p) = draw.top_p() {
                    put("top_p", json!(p));
                }
                if let Some(k) = draw.top_k() {
                    put("top_k", json!(k));
                }
                put("temperature", json!(draw.temperature()))
            }
        };
        put("seed", json!(sampling.seed));
        put("max_tokens", json!(sampling.max_tokens));
        if sampling.repetition_penalty != Penalty::NONE {
            // vLLM's word, and llama.cpp's. Both count the prompt too, which juxta's own engines do not.
            put("repetition_penalty", json!(sampling.repetition_penalty.get()));
            put("repeat_penalty", json!(sampling.repetition_penalty.get()));
        }
        if !self.endpoint.stop.is_empty() {
            put("stop", json!(self.endpoint.stop));
        }
        put("stream_options", json!({"include_usage": true}));
        sent
    }

    fn body(&self, messages: &Value, sent: &Map<String, Value>) -> String {
        let mut body = Map::new();
        body.insert("model".into(), json!(self.endpoint.model));
        body.insert("messages".into(), messages.clone());
        body.insert("stream".into(), json!(true));
        body.extend(sent.clone());
        Value::Object(body).to_string()
    }

    fn served(&self, said: &Said, sent: Map<String, Value>, tries: u32) -> Served {
        Served {
            url: self.endpoint.url.clone(),
            asked_for: self.endpoint.model.clone(),
            sent,
            template: "the server's".to_owned(),
            context_tokens: self.context_tokens,
            model: said.model.clone(),
            system_fingerprint: said.system_fingerprint.clone(),
            finish_reason: said.finish_reason.clone(),
            usage: said.usage.clone(),
            thinking_bytes: said.thinking,
            tries,
        }
    }

    /// Times are those of the try that was answered: what went before says nothing of the model.
    fn completion(&self, said: Said) -> Completion {
        let counted = |name: &str| said.usage.get(name).and_then(|n| usize::try_from(*n).ok());
        let tokens = counted("completion_tokens").unwrap_or(said.pieces);
        let between = said.first.zip(said.last).map(|(first, last)| (last - first).as_secs_f64());
        #[allow(clippy::cast_precision_loss)] // Counts of tokens.
        let rate = between.filter(|s| *s > 0.0 && tokens > 1).map(|s| (tokens - 1) as f64 / s);
        Completion {
            tokens,
            passes: None,
            prompt_tokens: counted("prompt_tokens").unwrap_or(0),
            seconds_to_first_token: said.first.map(|first| (first - said.asked).as_secs_f64()),
            seconds: Instant::now().duration_since(said.asked).as_secs_f64(),
            tokens_per_second: rate,
            finish: said.finish.unwrap_or(Finish::Stop),
            text: said.text,
        }
    }
}

/// Changes what a server will not take for what it says it would; `false` where there is nothing to change.
fn otherwise(sent: &mut Map<String, Value>, refusal: &str) -> bool {
    if refusal.contains("max_completion_tokens")
        && let Some(most) = sent.remove("max_tokens")
    {
        sent.insert("max_completion_tokens".to_owned(), most);
        return true;
    }
    refusal.contains("stream_options") && sent.remove("stream_options").is_some()
}

/// A server that says another thing of the model than when it was added has another model.
fn unchanged(kept: &Endpoint, told: &Told, place: &str) -> Result<()> {
    for (name, then) in &kept.said {
        if let Some(now) = told.said.get(name).filter(|now| *now != then) {
            let (now, then) = (shown(now.as_bytes(), None), shown(then.as_bytes(), None));
            return Err(Fault::new(place, format!("another model than when it was added: {name} = {now:?}"))
                .expected(format!("{name} = {then:?}"))
                .next(
                    "Have the server serve the model that was, or add what it serves now under another name.",
                )
                .into());
        }
    }
    Ok(())
}
