//! How things look, named by what they mean. The sixteen colours of the terminal's own palette, so that light and
//! dark terminals both stay readable; every distinction is also made by weight, slant, underline or a letter, so
//! that nothing is lost without colour.

use ratatui::style::{Color, Modifier, Style};

/// Styles by intent.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    colour: bool,
}

impl Theme {
    /// With or without colours.
    pub fn new(colour: bool) -> Self {
        Self { colour }
    }

    fn tint(self, style: Style, colour: Color) -> Style {
        if self.colour { style.fg(colour) } else { style }
    }

    /// The name of the program.
    pub fn brand(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }

    /// The border of a panel.
    pub fn border(self, focused: bool) -> Style {
        if focused {
            Style::new().add_modifier(Modifier::BOLD)
        } else {
            Style::new().add_modifier(Modifier::DIM)
        }
    }

    /// The title of a panel.
    pub fn title(self, focused: bool) -> Style {
        if focused {
            Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED)
        } else {
            Style::new().add_modifier(Modifier::BOLD)
        }
    }

    /// What is said beside the main thing.
    pub fn quiet(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// A key, in a hint.
    pub fn key(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// A heading within a panel.
    pub fn heading(self, selected: bool) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD);
        if selected { style.add_modifier(Modifier::REVERSED) } else { style }
    }

    /// A word of the question.
    pub fn question_word(self, style: Style) -> Style {
        self.tint(style.add_modifier(Modifier::UNDERLINED), Color::Yellow)
    }

    /// What supports answer A.
    pub fn support_a(self, style: Style) -> Style {
        self.tint(style.add_modifier(Modifier::BOLD), Color::Cyan)
    }

    /// What supports answer B.
    pub fn support_b(self, style: Style) -> Style {
        self.tint(style.add_modifier(Modifier::ITALIC), Color::Magenta)
    }

    /// What supports both.
    pub fn support_both(self, style: Style) -> Style {
        self.tint(style.add_modifier(Modifier::BOLD | Modifier::ITALIC), Color::Green)
    }

    /// A sentence that no passage supports.
    pub fn unsupported(self, style: Style) -> Style {
        self.tint(style.add_modifier(Modifier::DIM), Color::Red)
    }

    /// What a reviewer marked, or tied a mark to.
    pub fn marked(self, style: Style) -> Style {
        self.tint(style.add_modifier(Modifier::UNDERLINED), Color::Red)
    }

    /// A citation; `linked` if the passage it names is selected.
    pub fn citation(self, linked: bool) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD);
        if linked { style.add_modifier(Modifier::REVERSED) } else { style }
    }

    /// The line of a curve.
    pub fn curve(self) -> Style {
        self.tint(Style::new().add_modifier(Modifier::BOLD), Color::Cyan)
    }

    /// Something went wrong.
    pub fn fault(self) -> Style {
        self.tint(Style::new().add_modifier(Modifier::BOLD), Color::Red)
    }

    /// Something went well.
    pub fn good(self) -> Style {
        self.tint(Style::new().add_modifier(Modifier::BOLD), Color::Green)
    }

    /// Where the next key goes.
    pub fn cursor(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
