//! A table of keys: what the lab's and the review's have in common. Footer, help screen and the README's tables
//! are made from such a table, so that they cannot disagree with what the keys do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// One line of a table: an action of type `A`, and the contexts of type `C` it holds in.
#[derive(Debug)]
pub struct Binding<A: 'static, C: 'static> {
    /// What it does.
    pub action: A,
    /// The keys that do it, as they are shown; the first is the one the footer names.
    pub keys: &'static [&'static str],
    /// In a word or two, for the footer.
    pub title: &'static str,
    /// In a sentence, for the help; empty where the line above speaks for it too.
    pub help: &'static str,
    /// Where it holds.
    pub contexts: &'static [C],
    /// How early the footer names it; 0 never.
    pub rank: u8,
}

/// Every context's title, and its lines: keys, and what they do.
pub type Help = Vec<(&'static str, Vec<(String, &'static str)>)>;

/// The action of a key in a context. An arrow with Shift is a key of its own where the table has it, else the arrow.
pub(super) fn action<A: Copy, C: PartialEq>(
    table: &[Binding<A, C>],
    context: &C,
    key: KeyEvent,
) -> Option<A> {
    let name = name(key)?;
    let find = |name: &str| {
        table.iter().find(|b| b.contexts.contains(context) && b.keys.contains(&name)).map(|b| b.action)
    };
    let arrow = matches!(key.code, KeyCode::Up | KeyCode::Down | KeyCode::Left | KeyCode::Right);
    if arrow && key.modifiers.contains(KeyModifiers::SHIFT) {
        return find(&format!("Shift-{name}")).or_else(|| find(&name));
    }
    find(&name)
}

/// What a key is called in a table.
fn name(key: KeyEvent) -> Option<String> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char(c) => Some(format!("Ctrl-{}", c.to_ascii_lowercase())),
            _ => None,
        };
    }
    if key.modifiers.contains(KeyModifiers::ALT) {
        return None;
    }
    Some(match key.code {
        KeyCode::Char(' ') => "Space".to_owned(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::F(n) => format!("F{n}"),
        KeyCode::Enter => "Enter".to_owned(),
        KeyCode::Esc => "Esc".to_owned(),
        KeyCode::Tab if key.modifiers.contains(KeyModifiers::SHIFT) => "BackTab".to_owned(),
        KeyCode::Tab => "Tab".to_owned(),
        KeyCode::BackTab => "BackTab".to_owned(),
        KeyCode::Backspace => "Backspace".to_owned(),
        KeyCode::Delete => "Delete".to_owned(),
        KeyCode::Up => "Up".to_owned(),
        KeyCode::Down => "Down".to_owned(),
        KeyCode::Left => "Left".to_owned(),
        KeyCode::Right => "Right".to_owned(),
        KeyCode::PageUp => "PageUp".to_owned(),
        KeyCode::PageDown => "PageDown".to_owned(),
        KeyCode::Home => "Home".to_owned(),
        KeyCode::End => "End".to_owned(),
        _ => return None,
    })
}

/// How a key is shown.
pub fn shown(key: &str) -> &str {
    match key {
        "Up" => "↑",
        "Down" => "↓",
        "Left" => "←",
        "Right" => "→",
        "Shift-Up" => "Shift-↑",
        "Shift-Down" => "Shift-↓",
        "BackTab" => "Shift-Tab",
        "PageUp" => "PgUp",
        "PageDown" => "PgDn",
        key => key,
    }
}

/// The lines of a context that the footer names, the most wanted first.
pub(super) fn hints<A, C: PartialEq>(
    table: &'static [Binding<A, C>],
    context: &C,
) -> Vec<&'static Binding<A, C>> {
    let mut wanted: Vec<_> = table.iter().filter(|b| b.rank > 0 && b.contexts.contains(context)).collect();
    wanted.sort_by_key(|b| std::cmp::Reverse(b.rank));
    wanted
}

/// The whole table, by context. `series` names the keys of a row of digits, of which the table tells the first.
pub(super) fn help<A: Copy, C: PartialEq>(
    table: &'static [Binding<A, C>],
    contexts: impl IntoIterator<Item = (C, &'static str)>,
    series: impl Fn(A) -> Option<&'static str>,
) -> Help {
    contexts
        .into_iter()
        .map(|(context, title)| {
            let lines = table
                .iter()
                .filter(|b| b.contexts.contains(&context) && !b.help.is_empty())
                .map(|b| {
                    let keys = || b.keys.iter().map(|k| shown(k)).collect::<Vec<_>>().join(" ");
                    (series(b.action).map_or_else(keys, str::to_owned), b.help)
                })
                .collect();
            (title, lines)
        })
        .collect()
}

/// The table for the README.
pub(super) fn markdown(help: &Help) -> String {
    let mut text = String::from("| where | keys | what |\n|---|---|---|\n");
    for (context, lines) in help {
        for (n, (keys, help)) in lines.iter().enumerate() {
            let first = if n == 0 { context } else { "" };
            let keys = keys.split(' ').map(|k| format!("`{k}`")).collect::<Vec<_>>().join(" ");
            text.push_str(&format!("| {first} | {keys} | {help} |\n"));
        }
    }
    text
}
