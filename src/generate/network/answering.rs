//! How a network answers: the prompt is read, then token after token is chosen, some of them read ahead.

use super::super::ahead::{Ahead, Guessing};
use super::super::answer::{Completion, Finish, Growing, Step};
use super::super::sampling::{Sampler, Sampling};
use super::{Engine, Network, Session};
use crate::fault::Result;
use crate::job::Cancel;
use std::time::Instant;

impl Network {
    /// Answers `prompt`, a rendered one; tells each step to `on` as it happens. A cancelled answer is one with
    /// the text so far; `cancel` is looked at before every token, and about every tenth of a second
    /// while the prompt is read.
    ///
    /// # Errors
    /// A [`Fault`] if the prompt is empty or longer than the model's window, or the engine fails.
    pub(in super::super) fn generate(
        &self,
        (prompt, guessing): (&str, Guessing),
        sampling: &Sampling,
        cancel: &Cancel,
        on: &mut dyn FnMut(Step),
    ) -> Result<Completion> {
        let asked = Instant::now();
        let ids = self.codec.encode_prompt(prompt)?;
        self.check_prompt(&ids)?;
        let mut answer = Growing::default();
        let mut stream = self.codec.stream();
        let mut sampler = Sampler::new(sampling);
        let mut session = self.session(&ids, sampling.max_tokens);
        let read = |read, on: &mut dyn FnMut(Step)| on(Step::Reading { read, prompt_tokens: ids.len() });
        read(0, on);
        let mut at = session.known();
        if at > 0 {
            read(at, on);
        }
        let mut logits = None;
        for chunk in ids[at..].chunks(self.piece(ids.len() - at)) {
            if cancel.is_cancelled() {
                break;
            }
            logits = self.forward(&mut session, chunk, (at, ids.len()), cancel)?;
            at += chunk.len();
            read(at, on);
        }
        let said = match &self.engine {
            Engine::Own { base, .. } if guessing == Guessing::Said => base.said(&ids),
            _ => Vec::new(),
        };
        let mut ahead = Ahead::new(&ids, said);
        let mut guessed = false;
        let finish = loop {
            if cancel.is_cancelled() {
                break Finish::Cancelled;
            }
            if answer.tokens() >= sampling.max_tokens {
                break Finish::Length;
            }
            let Some(token) = logits.take().and_then(|logits| sampler.choose(&logits)) else {
                return Err(self.failed("logits that are no numbers"));
            };
            if self.codec.stops(token) {
                break Finish::Stop;
            }
            answer.took(asked, guessed);
            if let Some(piece) = stream.push(token)? {
                answer.add(&piece, on);
            }
            // The position of the token just chosen is the first one that the window must still have.
            let position = ids.len() + answer.tokens() - 1;
            if position >= self.facts.context_tokens {
                break Finish::Length;
            }
            logits = ahead.choose(token);
            guessed = logits.is_some();
            let left = sampling.max_tokens - answer.tokens();
            if left > 0 && !guessed && !cancel.is_cancelled() {
                let room = (left - 1).min(self.facts.context_tokens - 1 - position);
                let room = if guessing == Guessing::Nothing { 0 } else { room };
                logits = self.step(&mut session, (token, position), &mut ahead, room, cancel)?;
            }
        };
        if let Some(piece) = stream.finish()? {
            answer.add(&piece, on);
        }
        if let Engine::Own { base, .. } = &self.engine {
            base.keep_said(&ids, ahead.answer());
        }
        Ok(answer.completion(ids.len(), asked, finish))
    }

    /// Reads a prompt but for its last token, and keeps what it read for whoever asks next: for the engine's own models alone.
    ///
    /// # Errors
    /// As [`Self::generate`].
    pub(in super::super) fn read_ahead(
        &self,
        prompt: &str,
        sampling: &Sampling,
        cancel: &Cancel,
    ) -> Result<()> {
        let Engine::Own { .. } = &self.engine else { return Ok(()) };
        let ids = self.codec.encode_prompt(prompt)?;
        self.check_prompt(&ids)?;
        let mut session = self.session(&ids, sampling.max_tokens);
        let mut at = session.known();
        let rest = &ids[at..ids.len() - 1];
        for chunk in rest.chunks(self.piece(rest.len())) {
            cancel.check()?;
            self.forward(&mut session, chunk, (at, ids.len()), cancel)?;
            at += chunk.len();
        }
        Ok(())
    }

    /// Reads the token at a position of the answer, and what `ahead` guesses to follow it, up to `room` tokens: the logits
    /// behind the token. `None` if the work was cancelled meanwhile.
    fn step(
        &self,
        session: &mut Session,
        (token, position): (u32, usize),
        ahead: &mut Ahead,
        room: usize,
        cancel: &Cancel,
    ) -> Result<Option<Vec<f32>>> {
        let Session::Own(own) = session else {
            // Nothing is guessed for candle: its answers are what others are held against.
            return self.forward(session, &[token], (position, position + 1), cancel);
        };
        own.keep(position);
        let guesses = ahead.guess(room);
        let tokens: Vec<u32> = std::iter::once(token).chain(guesses.iter().copied()).collect();
        let read = own.forward(&tokens, tokens.len(), cancel).map_err(|e| self.failed(e))?;
        Ok(read.and_then(|logits| ahead.read(guesses, logits)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Mode, Penalty, Quant, Registry, Ways};
    use crate::job::SILENT;

    #[test]
    fn a_prompt_that_was_read_ahead_is_not_read_again_and_is_answered_the_same() {
        let registry = Registry::default();
        let reader = Registry::discover(None).find("reader").expect("bundled");
        // Nobody else who is tested meanwhile has these weights, and takes what was read.
        let ways = Ways { quant: Quant::Q4_0, ..Ways::default() };
        let load = || Network::load(&reader, &registry, ways, SILENT, &Cancel::new()).expect("loads");
        let asked = |what: &str| {
            let content =
                format!("[1] Kettles\nA kettle boils water for tea.\n\nQuestion: What does {what} boil?");
            [crate::prompt::Message { role: crate::prompt::Role::User, content }]
        };
        let sampling = Sampling { max_tokens: 12, ..Sampling::default() };
        let answer = |model: &Network, prompt: &str| {
            let mut known = 0;
            let mut first = |step| {
                if let Step::Reading { read, prompt_tokens } = step
                    && read < prompt_tokens
                {
                    known = read;
                }
            };
            let said = model
                .generate((prompt, Guessing::Text), &sampling, &Cancel::new(), &mut first)
                .expect("answers");
            (said.text, said.prompt_tokens, known)
        };
        let prompt = load().render(&asked("a kettle")).expect("renders");
        // Each on weights of its own, which what the other has read is not kept with.
        let (expected, tokens, _) = answer(&load(), &prompt);
        let model = load();
        model.read_ahead(&prompt, &sampling, &Cancel::new()).expect("reads");
        assert_eq!(answer(&model, &prompt), (expected.clone(), tokens, tokens - 1));
        let other = model.render(&asked("a very old kettle")).expect("renders");
        model.read_ahead(&other, &sampling, &Cancel::new()).expect("reads");
        let stopped = Cancel::new();
        stopped.cancel();
        let third = model.render(&asked("nobody")).expect("renders");
        model.read_ahead(&third, &sampling, &stopped).expect_err("cancelled");
        let (said, tokens, known) = answer(&model, &prompt);
        assert_eq!(said, expected);
        assert!(known > tokens / 2 && known < tokens - 1, "{known} of {tokens} are the same in both");
        // What was read is not read again either where the question has become longer than there was room for.
        let longer = model.render(&asked(&"a kettle or a pot or ".repeat(40))).expect("renders");
        let (expected, _, _) = answer(&load(), &longer);
        let (said, tokens, known) = answer(&model, &longer);
        assert!(tokens > 200 && known > 16, "{known} of {tokens} were read");
        assert_eq!(said, expected);
    }

    #[test]
    fn an_answer_is_the_same_whatever_was_guessed_of_it_and_takes_fewer_passes() {
        let registry = Registry::default();
        let reader = Registry::discover(None).find("reader").expect("bundled");
        // Nobody else who is tested meanwhile has these weights, and says something to the same prompt.
        let ways = Ways { quant: Quant::Q8_0, ..Ways::default() };
        let model = Network::load(&reader, &registry, ways, SILENT, &Cancel::new()).expect("loads");
        let passage =
            "The kettle was invented in 1891 by Arthur Leslie Large, who put its element below the water.";
        let messages = [crate::prompt::Message {
            role: crate::prompt::Role::User,
            content: format!("[1] Kettles\n{passage}\n\nQuestion: Who invented the kettle in 1891?"),
        }];
        let prompt = model.render(&messages).expect("renders");
        let drawing = Sampling {
            mode: Mode::at(0.7, None, None).expect("a draw"),
            repetition_penalty: Penalty::new(1.1).expect("a penalty"),
            seed: 7,
            ..Sampling::default()
        };
        for sampling in [Sampling { max_tokens: 40, ..Sampling::default() }, drawing] {
            let ask = |guessing| {
                let asked = (&*prompt, guessing);
                model.generate(asked, &sampling, &Cancel::new(), &mut |_| {}).expect("answers")
            };
            let [text, plain, said] = [Guessing::Text, Guessing::Nothing, Guessing::Said].map(ask);
            for ahead in [&text, &said] {
                assert_eq!(
                    (&plain.text, plain.tokens, plain.finish),
                    (&ahead.text, ahead.tokens, ahead.finish)
                );
                assert!(ahead.passes <= plain.passes, "{:?}", ahead.passes);
            }
            assert_eq!(plain.passes, Some(plain.tokens));
            // It was said before: all but the first token is guessed, two and four and seven at once.
            let few = plain.tokens.div_ceil(8) + 3;
            assert!(said.passes <= Some(few), "{:?} of {}", said.passes, plain.tokens);
            if sampling.mode == Mode::Greedy {
                assert!(text.passes < plain.passes, "nothing was guessed of {:?}", text.text);
            }
        }
    }
}
