//! `juxta model add NAME --endpoint URL --model M`: a model behind a server as a contender.

use super::out;
use crate::fault::Fault;
use crate::generate::{ENDPOINT, Endpoint, IN_FLIGHT, Listed, TIMEOUT_SECONDS};
use crate::job::interrupt::interruptible;
use crate::lab::Lab;
use crate::text::one_line;
use std::num::{NonZeroU32, NonZeroUsize};

/// A model behind a server.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "A model behind a server")]
pub(super) struct Args {
    /// The server's API, as http://host:8000/v1: chat completions as OpenAI's API has them (vLLM, llama.cpp, Ollama, TGI).
    #[arg(long, value_name = "URL", requires = "model", conflicts_with_all = ["recorded", "source"])]
    pub(super) endpoint: Option<String>,
    /// The model, as the server calls it.
    #[arg(long, value_name = "M", requires = "endpoint")]
    model: Option<String>,
    /// The variable of the environment that holds the server's key. The key itself is kept nowhere.
    #[arg(long, value_name = "VAR", requires = "endpoint")]
    key_env: Option<String>,
    /// How many requests the server gets at a time when many answers are made.
    #[arg(long, value_name = "N", requires = "endpoint", default_value_t = IN_FLIGHT)]
    in_flight: NonZeroUsize,
    /// Seconds that the first word of an answer is waited for.
    #[arg(long, value_name = "S", requires = "endpoint", default_value_t = TIMEOUT_SECONDS)]
    timeout: NonZeroU32,
    /// Tokens that prompt and answer may have together, where the server does not say.
    #[arg(long, value_name = "N", requires = "endpoint")]
    context: Option<NonZeroUsize>,
    /// What ends an answer, beside what ends it for the model; may be given several times.
    #[arg(long, value_name = "TEXT", requires = "endpoint")]
    stop: Vec<String>,
    /// Add it without asking the server: for one that is not running yet.
    #[arg(long, requires = "endpoint")]
    unseen: bool,
}

pub(super) fn add(lab: &Lab, name: &str, args: &Args) -> anyhow::Result<()> {
    let (Some(url), Some(model)) = (&args.endpoint, &args.model) else {
        return Err(Fault::new("--endpoint", "no URL or no --model").expected("both").into());
    };
    let mut endpoint = Endpoint {
        key_env: args.key_env.clone(),
        in_flight: args.in_flight,
        timeout_seconds: args.timeout,
        context_tokens: args.context,
        stop: args.stop.clone(),
        ..Endpoint::new(plain(url), model)
    };
    endpoint.check("--endpoint")?;
    let address = endpoint.address("--endpoint")?;
    if endpoint.key_env.is_some() && !address.is_encrypted() && !address.is_loopback() {
        out::remark(
            "the key goes to that server unencrypted: fine in a network that you trust, else use https://",
        );
    }
    if !args.unseen {
        let cancel = interruptible();
        let told = endpoint.ask(&cancel).map_err(|e| match e {
            crate::fault::Error::Fault(fault) => {
                let next = format!("{} Or add it as it is with --unseen.", fault.next);
                Fault { next: next.trim().to_owned(), ..*fault }.into()
            }
            other => other,
        });
        let told = told.map_err(out::stopped("Nothing was added."))?;
        match &told.listed {
            Listed::Yes => {}
            Listed::Unknown => {
                out::remark("the server gives no list of its models; the first question will tell")
            }
            Listed::Others(names) if names.is_empty() => out::remark("the server lists no model at all"),
            Listed::Others(names) => {
                let first = names.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
                let more = if names.len() > 8 { ", …" } else { "" };
                out::remark(&format!("the server does not list {model}; it lists {first}{more}"));
            }
        }
        if endpoint.context_tokens.is_none() && told.context_tokens.is_none() {
            out::remark(
                "the server does not say how many tokens it holds: --context says so, for packing passages",
            );
        }
        endpoint.said = told.said;
    }
    let folder = lab.paths.models().join(name);
    endpoint.keep(&folder)?;
    out::text(&format!(
        "{} at {}, in {}\n",
        one_line(model),
        endpoint.host(),
        folder.join(ENDPOINT).display()
    ))
}

/// The API's URL, where the one of its completions was given.
fn plain(url: &str) -> &str {
    let url = url.trim().trim_end_matches('/');
    url.strip_suffix("/chat/completions").unwrap_or(url)
}
