//! How quickly the lab answers to a person: the time to the first frame, what it uses while nothing happens, the time that
//! passages take, the time from Enter to the first words of both answers, and the time from a key to the changed frame while
//! both models answer.
//!
//! `cargo bench --bench responsiveness` measures the program as it is released. Run any other way (`cargo test
//! --bench responsiveness`), or with `--quick`, it takes a few samples only, to show that it works. The times hold
//! the way through the pseudo-terminal and the parsing of the frame, so they are a little longer than what a person
//! waits.

#[cfg(unix)]
#[path = "../tests/support/mod.rs"]
mod support;

#[cfg(unix)]
fn main() {
    measure::all(std::env::args().any(|a| a == "--quick") || !std::env::args().any(|a| a == "--bench"));
}

#[cfg(not(unix))]
#[allow(clippy::print_stdout)]
fn main() {
    println!("The lab's responsiveness is measured on Unix only.");
}

#[cfg(unix)]
mod measure {
    use super::support::{self, CORPUS, Rows, headless};
    use juxta::job::{Cancel, SILENT};
    use juxta::lab::Lab;
    use std::path::Path;
    use std::process::Command;
    use std::time::{Duration, Instant};

    const QUESTION: &str = "Why are beta blockers tapered?";
    /// Each asked once, so that nothing of it was read before.
    const QUESTIONS: [&str; 12] = [
        "What does metformin do?",
        "Who discovered penicillin?",
        "How is gout treated?",
        "What causes cholera?",
        "How do statins work?",
        "When was smallpox eradicated?",
        "What does warfarin interact with?",
        "How is tuberculosis spread?",
        "What triggers migraine?",
        "Which cells make antibodies?",
        "Why do bacteria become resistant?",
        "How is celiac disease found?",
    ];
    /// What the foot names once the lab takes a question.
    const TYPING: &str = "Enter ask";
    /// What the foot says when both answers are there.
    const ANSWERED: &str = "r rates these answers.";
    /// So that prompts are of some 600 tokens.
    const LONG_PROMPTS: &str = "[retrieval]\nk = 4\npassage_words = 140\n";
    /// At this temperature the token that ends an answer is as unlikely as any other, so answers fill the window.
    const LONG_ANSWERS: &str = "[retrieval]\nk = 1\n[sampling]\ntemperature = 5.0\nmax_tokens = 4096\n";

    /// Measures and prints everything, beside what is to be reached.
    #[allow(clippy::print_stdout)] // It is what a benchmark is for.
    pub fn all(quick: bool) {
        let (starts, idle, asked, keys) = if quick { (3, 1, 2, 5) } else { (20, 5, QUESTIONS.len(), 100) };
        let data = folder();
        let times: Vec<_> = (0..starts).map(|_| first_frame(data.path())).collect();
        println!("start to first frame, n {starts}:    {}   (wanted: under 100 ms)", Spread::of(times));
        let share = used_while_idle(data.path(), Duration::from_secs(idle));
        println!("CPU while idle, over {idle} s:        {share:.1} % of one core   (wanted: 0 %)");
        let times = retrieval(data.path(), &QUESTIONS[..asked]);
        println!("passages of a question, n {asked}:     {}   (wanted: within 5 ms)", Spread::of(times));
        // Pasted and asked at once, as nobody does; as soon as one can; by somebody who types as fast as most can; and after a
        // look at it.
        for (how, gap, pause) in [
            ("as soon as it is pasted", 0, 0),
            ("a fifth of a second after it is pasted", 0, 200),
            ("typed 12 letters a second", 83, 83),
            ("a second after it is pasted", 0, 1000),
        ] {
            let [gap, pause] = [gap, pause].map(Duration::from_millis);
            let data = folder();
            std::fs::write(data.path().join("settings.toml"), LONG_PROMPTS).expect("written");
            let times = enter_to_words(data.path(), &QUESTIONS[..asked], gap, pause);
            println!(
                "Enter to both first words, {how}, n {asked}, {}: {}   (wanted: within 150 ms)",
                prompts(data.path()),
                Spread::of(times)
            );
        }
        // A lab that was killed comes back with its answers: a new folder, so that there are none but new ones.
        let data = folder();
        std::fs::write(data.path().join("settings.toml"), LONG_ANSWERS).expect("written");
        let times = key_to_frame(data.path(), keys);
        println!("key to frame, both answering, n {keys}: {}   (wanted: within 20 ms)", Spread::of(times));
    }

    /// A data folder with its index in place, as it is at every start but the first.
    fn folder() -> tempfile::TempDir {
        let data = tempfile::tempdir().expect("a folder");
        let (code, _, errors) = headless(data.path(), &["search", "aspirin", "--corpus", CORPUS]);
        assert_eq!(code, 0, "{errors}");
        data
    }

    /// From starting the process to a frame that takes a question.
    fn first_frame(data: &Path) -> Duration {
        let start = Instant::now();
        let lab = support::Lab::open(data);
        lab.wait_for(TYPING);
        let time = start.elapsed();
        lab.kill();
        time
    }

    /// The share of one core, in percent, that a lab uses with answers on the screen and nobody at the keys.
    fn used_while_idle(data: &Path, over: Duration) -> f64 {
        let mut lab = support::Lab::open(data);
        ask(&mut lab);
        lab.wait_for(ANSWERED);
        let before = seconds_used(lab.process());
        let start = Instant::now();
        std::thread::sleep(over);
        (seconds_used(lab.process()) - before) / start.elapsed().as_secs_f64() * 100.0
    }

    /// From a question to its passages, which nobody asked for before.
    fn retrieval(data: &Path, questions: &[&str]) -> Vec<Duration> {
        let lab = Lab::open(Some(data)).expect("a lab");
        let corpus = lab.corpus(Some(CORPUS)).expect("a bundled corpus");
        let index = lab.index(&corpus, SILENT, &Cancel::default()).expect("an index");
        let time = |question: &&str| {
            let start = Instant::now();
            let hits = index.search(question, lab.settings.retrieval.k).expect("passages");
            assert!(!hits.is_empty());
            start.elapsed()
        };
        questions.iter().map(time).collect()
    }

    /// How long the prompts were of what was asked in a lab.
    fn prompts(data: &Path) -> String {
        let lab = Lab::open(Some(data)).expect("a lab");
        let (trials, _) = lab.trials.all().expect("trials");
        let mut tokens: Vec<usize> = trials.iter().map(|trial| trial.answers[0].prompt_tokens).collect();
        tokens.sort_unstable();
        let [least, median, most] = [0, tokens.len() / 2, tokens.len() - 1].map(|at| tokens[at]);
        format!("prompts of {median} tokens ({least} to {most})")
    }

    /// From a key that shows or hides highlights to the frame that says so. Only what is measured while both answers
    /// grow, before and after, counts.
    fn key_to_frame(data: &Path, samples: usize) -> Vec<Duration> {
        let mut lab = support::Lab::open(data);
        ask(&mut lab);
        let mut times = Vec::new();
        let mut shown = true;
        while times.len() < samples {
            lab.wait("two answers, growing or ended", |rows| both_grow(rows) || both_ended(rows));
            if !both_grow(&lab.rows()) {
                again(&mut lab);
                continue;
            }
            shown = !shown;
            let change = format!("words of the question: {}", if shown { "shown" } else { "hidden" });
            let start = Instant::now();
            lab.keys("1");
            lab.wait_foot(&change);
            let time = start.elapsed();
            if both_grow(&lab.rows()) {
                times.push(time);
            }
            // Keys come at any moment between two tokens, not in step with them.
            std::thread::sleep(Duration::from_millis(20 + times.len() as u64 * 13 % 41));
        }
        times
    }

    /// From Enter, a pause after the question was typed with a gap between its letters, to a frame with words of both answers.
    fn enter_to_words(data: &Path, questions: &[&str], gap: Duration, pause: Duration) -> Vec<Duration> {
        let mut lab = support::Lab::open(data);
        // Models are in memory, and nobody has asked anything yet that is asked below.
        ask(&mut lab);
        lab.wait("the end of both answers", both_ended);
        let mut times = Vec::new();
        for question in questions {
            lab.keys("i");
            lab.wait_for(TYPING);
            // It takes the place of the last one, which is selected.
            if gap.is_zero() {
                lab.keys(question);
            }
            for letter in question.chars().filter(|_| !gap.is_zero()) {
                lab.keys(letter.encode_utf8(&mut [0; 4]));
                std::thread::sleep(gap);
            }
            lab.wait_for(question);
            std::thread::sleep(pause.saturating_sub(gap));
            let start = Instant::now();
            lab.keys("\r");
            lab.wait("words of both", |rows| !rows.show(TYPING) && (both_grow(rows) || both_ended(rows)));
            times.push(start.elapsed());
            lab.wait("the end of both answers", both_ended);
        }
        times
    }

    fn ask(lab: &mut support::Lab) {
        lab.wait_for(TYPING);
        lab.keys(QUESTION);
        lab.wait_for(QUESTION);
        lab.keys("\r");
    }

    /// Asks the question that is still in the line once more, when both answers have ended.
    fn again(lab: &mut support::Lab) {
        lab.keys("\x1b");
        lab.wait_for(TYPING);
        lab.keys("\r");
        lab.wait("new answers", both_grow);
    }

    fn both_grow(rows: &Rows) -> bool {
        rows.growing().len() == 2
    }

    /// Told from the titles: in the foot a notice of the last key may stand.
    fn both_ended(rows: &Rows) -> bool {
        let ends = [" done ", " cut off at the limit "];
        ends.iter().map(|end| rows.titles().matches(end).count()).sum::<usize>() == 2
    }

    /// Processor time of a process so far, user and system.
    fn seconds_used(process: u32) -> f64 {
        let stat =
            std::fs::read_to_string(format!("/proc/{process}/stat")).expect("Linux tells of processes");
        // The name, in brackets, may hold blanks; after it utime and stime are the 12th and 13th (proc(5)).
        let figures: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: f64 = figures[11..13].iter().map(|n| n.parse::<f64>().expect("a number")).sum();
        let a_second = Command::new("getconf").arg("CLK_TCK").output().ok();
        let a_second = a_second.and_then(|o| String::from_utf8_lossy(&o.stdout).trim().parse().ok());
        ticks / a_second.unwrap_or(100.0)
    }

    /// How times are spread.
    struct Spread {
        median: Duration,
        p95: Duration,
        worst: Duration,
    }

    impl Spread {
        /// Of one time or more; by nearest rank.
        fn of(mut times: Vec<Duration>) -> Self {
            times.sort();
            let rank = |share: f64| times[((times.len() as f64 * share).ceil() as usize).max(1) - 1];
            Self { median: rank(0.5), p95: rank(0.95), worst: rank(1.0) }
        }
    }

    impl std::fmt::Display for Spread {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let ms = |time: Duration| time.as_secs_f64() * 1000.0;
            let Self { median, p95, worst } = self;
            write!(f, "median {:.1} ms, p95 {:.1} ms, worst {:.1} ms", ms(*median), ms(*p95), ms(*worst))
        }
    }
}
